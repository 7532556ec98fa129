"""Between aiohttp and the cache."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import BytesPayload, Payload

from edge.cache.cache import EdgeCache
from edge.cache.disk.body import FileSpan
from edge.cache.objects import CacheRequest


class SpanPayload(BytesPayload):
    """A part of a stored body, sent without a copy. aiohttp's own would warn of its size; it is in memory anyway."""

    def __init__(self, span: memoryview) -> None:
        Payload.__init__(self, span, content_type="application/octet-stream")
        self._size = span.nbytes


class FilePayload(Payload):
    """A part of a body on disk, read as the viewer takes it."""

    def __init__(self, span: FileSpan) -> None:
        super().__init__(span, content_type="application/octet-stream")
        self._size = len(span)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Never asked for: this is sent, not shown."""
        raise TypeError(f"media is no {encoding} text, {errors} or not")

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send it piece by piece; a disk that fails in between cuts the connection."""
        async for piece in self._value.pieces():
            await writer.write(piece)


async def answer(
    cache: EdgeCache, request: web.Request, path: str, *, peer: bool = False
) -> tuple[web.Response, int]:
    """The response to `request` for the object at the raw `path`, and how many bytes of body it sends."""
    asked = CacheRequest(request.method, path, request.rel_url.raw_query_string, request.headers, peer)
    found = await cache.handle(asked)
    response = web.Response(status=found.status, body=_payload(found.body), headers=found.headers)
    return response, 0 if request.method == "HEAD" else len(found.body)


def _payload(body: bytes | memoryview | FileSpan) -> bytes | Payload:
    if isinstance(body, bytes):
        return body
    return FilePayload(body) if isinstance(body, FileSpan) else SpanPayload(body)


def cache_handler(cache: EdgeCache) -> Callable[[web.Request], Awaitable[web.Response]]:
    """An aiohttp handler that answers every path from `cache`."""

    async def handler(request: web.Request) -> web.Response:
        response, _ = await answer(cache, request, request.rel_url.raw_path)
        return response

    return handler
