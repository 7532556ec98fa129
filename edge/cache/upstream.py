"""The origin, asked with patience and restraint: timeouts, bounded bodies, one retry under a budget, no loops."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from edge.cache.settings import CacheSettings

_RETRY_PAUSE_S = 0.05
_RETRY_BURST = 10.0
_CHUNK_BYTES = 64 * 1024
_NAMES_S = 60  # a slow DNS must not hold up fills
_SERVER_ERRORS = frozenset({500, 502, 503, 504})  # counted one by one; others together
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_RETRIED = frozenset({"broken", "connect", *(f"status_{status}" for status in _SERVER_ERRORS)})
_UNUSABLE = frozenset({206})  # nobody asked for a part


class UpstreamError(Exception):
    """The origin gave no usable answer; `reason` is one of a few words that a counter is kept for."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """The origin's answer."""

    status: int
    headers: Mapping[str, str]  # case-insensitive
    body: bytes
    age_s: float | None = None  # where it is known better than the Age field tells


class Fills(Protocol):
    """Where fills come from."""

    async def start(self) -> None:
        """Open what is needed."""

    async def close(self) -> None:
        """Close it."""

    async def fetch(self, target: str, conditions: Mapping[str, str], loop: str = "") -> UpstreamResponse:
        """Ask for a raw path and query; UpstreamError where nobody gave it."""


class Upstream:
    """One origin.

    Args:
        node_name: names this cache in CDN-Loop (RFC 8586) and Via.
        settings: address, bounds and timeouts.
        rng: jitter of retries.
    """

    def __init__(self, node_name: str, settings: CacheSettings, rng: random.Random) -> None:
        self._settings = settings
        self._rng = rng
        self._origin = settings.origin.rstrip("/")
        self._name = node_name
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "edge", "Via": f"1.1 {node_name}"}
        self._budget = _RETRY_BURST
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the connection pool."""
        timeout = aiohttp.ClientTimeout(
            total=self._settings.fill_timeout_s,
            sock_connect=self._settings.connect_timeout_s,
            sock_read=self._settings.read_timeout_s,
        )
        connector = aiohttp.TCPConnector(limit=self._settings.connections_max, ttl_dns_cache=_NAMES_S)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False)

    async def close(self) -> None:
        """Close all connections."""
        if self._session:
            await self._session.close()

    async def fetch(self, target: str, conditions: Mapping[str, str], loop: str = "") -> UpstreamResponse:
        """Ask for `target`.

        Args:
            target: raw path and query.
            conditions: fields that make the request conditional.
            loop: the CDN-Loop field of the request that this one is made for; this cache's name is added.

        Raises:
            UpstreamError: no answer, a broken or oversized one, or a 5xx, also after the retry.
        """
        headers = {**self._headers, **conditions, "CDN-Loop": f"{loop}, {self._name}" if loop else self._name}
        self._budget = min(_RETRY_BURST, self._budget + self._settings.retry_share)
        try:
            return await self._ask(self._origin, target, headers)
        except UpstreamError as error:
            if error.reason not in _RETRIED or self._budget < 1:
                raise
        self._budget -= 1
        await asyncio.sleep(_RETRY_PAUSE_S * self._rng.uniform(0.5, 1.5))
        return await self._ask(self._origin, target, headers)

    async def fetch_from(
        self, server: str, target: str, fields: Mapping[str, str], loop: str
    ) -> UpstreamResponse:
        """Ask another server once, as `fetch` does the origin.

        Args:
            server: http(s)://host:port.
            target: raw path and query.
            fields: further header fields.
            loop: as for `fetch`.

        Raises:
            UpstreamError: as `fetch`.
        """
        names = f"{loop}, {self._name}" if loop else self._name
        return await self._ask(server, target, {**self._headers, **fields, "CDN-Loop": names})

    async def _ask(self, server: str, target: str, headers: dict[str, str]) -> UpstreamResponse:
        assert self._session is not None, "start() first"
        url = URL(server + target, encoded=True)
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                kept = CIMultiDict(response.headers)
                if reason := self._fault(response.status, kept, url):
                    raise UpstreamError(reason)
                return UpstreamResponse(response.status, kept, await self._body(response))
        except TimeoutError:
            raise UpstreamError("timeout") from None
        except aiohttp.ClientConnectorError:
            raise UpstreamError("connect") from None
        except aiohttp.ClientError:
            raise UpstreamError("broken") from None

    def _fault(self, status: int, headers: CIMultiDict[str], url: URL) -> str:
        """Why an answer cannot be used; "" where it can. A redirect within the origin is made relative."""
        if status >= 500:
            return f"status_{status}" if status in _SERVER_ERRORS else "status_5xx"
        if status in _UNUSABLE:
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

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        limit = self._settings.object_max_bytes
        if (response.content_length or 0) > limit:
            raise UpstreamError("too_large")
        chunks, size = [], 0
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            size += len(chunk)
            if size > limit:
                raise UpstreamError("too_large")
            chunks.append(chunk)
        return b"".join(chunks)


def names_of_loop(field: str) -> list[str]:
    """The caches that a CDN-Loop field names, without their parameters."""
    return [each.partition(";")[0].strip() for each in field.split(",")] if field else []
