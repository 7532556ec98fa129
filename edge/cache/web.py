"""Between aiohttp and the cache."""

from collections.abc import Awaitable, Callable

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import BytesPayload, Payload
from msgspec.structs import replace

from edge.cache.cache import EdgeCache
from edge.cache.disk.body import BrokenBodyError, FileSpan
from edge.cache.growing import GrowingSpan
from edge.cache.objects import CacheRequest, CacheResponse
from edge.cache.respond import plain
from edge.cache.viewer import viewer_name

Sent = Callable[[int], None]  # takes a number of bytes
Shape = Callable[[web.BaseRequest, str, CacheResponse], Awaitable[CacheResponse]]  # takes a raw path, too


class SpanPayload(BytesPayload):
    """A part of a stored body, sent without a copy. aiohttp's own would warn of its size; it is in memory anyway."""

    def __init__(self, span: memoryview) -> None:
        Payload.__init__(self, span, content_type="application/octet-stream")
        self._size = span.nbytes


class PiecesPayload(Payload):
    """A part of a body on disk, read as the viewer takes it, or of one on its way, sent as it comes.

    Without a known size it is sent in chunks.
    """

    def __init__(self, span: FileSpan | GrowingSpan) -> None:
        super().__init__(span, content_type="application/octet-stream")
        self._size = len(span) if isinstance(span, FileSpan) else span.size

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Never asked for: this is sent, not shown."""
        raise TypeError(f"media is no {encoding} text, {errors} or not")

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send it piece by piece; a disk or an origin that fails in between cuts the connection."""
        if isinstance(self._value, GrowingSpan):
            writer.send_headers()  # else they would wait for the first piece
        async for piece in self._value.pieces():
            await writer.write(piece)


async def answer(
    cache: EdgeCache, request: web.BaseRequest, path: str, sent: Sent, *, peer: bool = False
) -> tuple[web.Response, int]:
    """The response to `request` for an object, and how many bytes of body it sends.

    Args:
        cache: answers.
        request: a viewer's, or another node's.
        path: of the object, raw.
        sent: told of the bytes of a body that is on its way, as they are sent; they are not among those returned.
        peer: another node asks.
    """
    found = await found_for(cache, request, path, peer=peer)
    return response_of(request, found, sent)


async def found_for(
    cache: EdgeCache, request: web.BaseRequest, path: str, *, peer: bool = False
) -> CacheResponse:
    """What the cache answers; the arguments are those of `answer`."""
    asked = CacheRequest(request.method, path, request.rel_url.raw_query_string, request.headers, peer)
    return await sendable(request, await cache.handle(asked))


def response_of(request: web.BaseRequest, found: CacheResponse, sent: Sent) -> tuple[web.Response, int]:
    """The response that is made of it, and how many bytes of body it sends."""
    response = web.Response(status=found.status, body=payload(found.body), headers=found.headers)
    if request.method == "HEAD":
        return response, 0
    if isinstance(found.body, GrowingSpan):
        found.body.tell(sent)
        return response, 0
    return response, len(found.body)


async def sendable(request: web.BaseRequest, found: CacheResponse) -> CacheResponse:
    """An answer that can be cut short so that it is noticed.

    HTTP/1.0 has no chunks: there the end of the connection is the end of a body without a length. Such a one is waited
    for whole.
    """
    body = found.body
    if not isinstance(body, GrowingSpan) or body.size is not None or request.version >= HttpVersion11:
        return found
    try:
        return replace(found, body=await body.read())
    except BrokenBodyError:
        return plain(502, "the origin gave half an answer\n", {"Cache-Control": "no-store"})


async def as_it_is(_: web.BaseRequest, __: str, found: CacheResponse) -> CacheResponse:
    """A `Shape` that changes nothing."""
    return found


def payload(body: bytes | memoryview | FileSpan | GrowingSpan) -> bytes | Payload:
    """A body as aiohttp sends it without a copy."""
    if isinstance(body, bytes):
        return body
    return SpanPayload(body) if isinstance(body, memoryview) else PiecesPayload(body)


def who(request: web.BaseRequest, address: str | None = None) -> tuple[str, bool]:
    """Who asks, and whether he says anything of his player (CMCD). Every request passes here.

    Args:
        request: his.
        address: of his, where the request came through another server.
    """
    query = request.rel_url.raw_query_string
    cmcd = query.partition("CMCD=")[2].partition("&")[0] if "CMCD=" in query else ""
    agent, session = request.headers.get("User-Agent", ""), request.headers.get("CMCD-Session", "")
    return viewer_name(address or request.remote, agent, cmcd, session), bool(cmcd or session)


def viewer_of(request: web.BaseRequest, address: str | None = None) -> str:
    """Who asks; `address` is his where the request came through another server."""
    return who(request, address)[0]


def cache_handler(cache: EdgeCache) -> Callable[[web.BaseRequest], Awaitable[web.Response]]:
    """An aiohttp handler that answers every path from `cache`."""

    async def handler(request: web.BaseRequest) -> web.Response:
        response, _ = await answer(cache, request, request.rel_url.raw_path, lambda _: None)
        return response

    return handler
