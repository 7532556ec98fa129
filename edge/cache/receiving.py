"""Answers of other servers as they come in: what cannot be used, by which word that is counted, and the body.

A body that is small, or here in a moment, is received whole before anybody is told of it. What fails until then may be
asked for again. A larger one is handed on while it arrives.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from edge.cache.growing import GrowingBody, TooLargeError
from edge.cache.lifetime import Kind, kind_of
from edge.cache.settings import CacheSettings

_CHUNK_BYTES = 64 * 1024
SMALL_BYTES = 64 * 1024  # comes in a few packets: nothing is won by handing on a part of it
_SERVER_ERRORS = frozenset({500, 502, 503, 504})  # counted one by one; others together
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
RETRIED = frozenset({"broken", "connect", *(f"status_{status}" for status in _SERVER_ERRORS)})
NOT_TAKEN = frozenset({"connect", "connect_timeout", "tls"})  # the origin has not seen the request
NOT_HELD = "not_held"  # by those who alone were to be asked
# Beginnings of the reasons that are the fault of a server or the way to it.
_AMISS = ("broken", "connect", "slow", "status_", "timeout", "tls")


class UpstreamError(Exception):
    """The origin gave no usable answer; `reason` is one of a few words that a counter is kept for."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def is_amiss(reason: str) -> bool:
    """Whether a fill failed by the fault of the server or the way to it."""
    return reason.startswith(_AMISS)


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """The origin's answer."""

    status: int
    headers: Mapping[str, str]  # case-insensitive
    body: (
        bytes | GrowingBody
    )  # the latter while it is on its way; its `reading` brings it or raises UpstreamError
    age_s: float | None = None  # where it is known better than the Age field tells
    delay_s: float = 0.0  # from the request to the header


@contextmanager
def named_errors(patience: asyncio.Timeout | None = None) -> Iterator[None]:
    """What goes wrong on the way to a server as UpstreamError.

    Args:
        patience: where it has run out, the server was slow.
    """
    try:
        yield
    except aiohttp.ConnectionTimeoutError:
        raise UpstreamError("connect_timeout") from None
    except TimeoutError:
        raise UpstreamError("slow" if patience and patience.expired() else "timeout") from None
    except aiohttp.ClientSSLError:
        raise UpstreamError("tls") from None
    except aiohttp.ClientConnectorError:
        raise UpstreamError("connect") from None
    except aiohttp.ClientError:
        raise UpstreamError("broken") from None
    except TooLargeError:
        raise UpstreamError("too_large") from None


async def received(
    response: aiohttp.ClientResponse, asked: Mapping[str, str], settings: CacheSettings
) -> tuple[CIMultiDict[str], bytes | GrowingBody]:
    """The fields and the body of an answer of which the header is here.

    Args:
        response: closed here.
        asked: the fields of the request.
        settings: the bound of bodies, and how long a large one is waited for whole.

    Raises:
        UpstreamError: it cannot be used, or broke off before anybody was told of it.
    """
    fields = CIMultiDict(response.headers)
    reason = _fault(response.status, fields, response.url, "Range" in asked)
    if reason or (response.content_length or 0) > settings.object_max_bytes:
        response.close()
        raise UpstreamError(reason or "too_large")
    body = GrowingBody(response.content_length, settings.object_max_bytes)
    if not _streams(response):
        await _read(response, body)
        return fields, body.finish()
    body.reading = asyncio.create_task(_read(response, body))
    try:
        await asyncio.wait((body.reading,), timeout=settings.stream_after_s)
    except asyncio.CancelledError:
        body.drop()
        raise
    if not body.reading.done():
        return fields, body
    body.reading.result()
    return fields, body.finish()


def _streams(response: aiohttp.ClientResponse) -> bool:
    """Whether a body may be handed on while it comes. A playlist must be read before it can be given a lifetime."""
    if response.status != 200 or kind_of(response.url.raw_path) is Kind.PLAYLIST:
        return False
    return response.content_length is None or response.content_length > SMALL_BYTES


async def _read(response: aiohttp.ClientResponse, body: GrowingBody) -> None:
    with named_errors():
        async with response:
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                body.add(chunk)


def _fault(status: int, headers: CIMultiDict[str], url: URL, part: bool) -> str:
    """Why an answer cannot be used; "" where it can. A redirect within the origin is made relative."""
    if status >= 500:
        return f"status_{status}" if status in _SERVER_ERRORS else "status_5xx"
    if status == 206 and not part:
        return "not_asked_for"
    if status in _REDIRECTS:
        try:
            target = url.join(URL(headers.get("Location", ""), encoded=True))
            elsewhere = target.origin() != url.origin()
        except ValueError:
            return "broken"
        if elsewhere:
            return "redirect_elsewhere"
        headers["Location"] = target.raw_path_qs
    return ""
