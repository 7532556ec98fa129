"""Between aiohttp and the cache."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.payload import BytesPayload, Payload

from edge.cache.cache import EdgeCache
from edge.cache.objects import CacheRequest


class SpanPayload(BytesPayload):
    """A part of a stored body, sent without a copy. aiohttp's own would warn of its size; it is in memory anyway."""

    def __init__(self, span: memoryview) -> None:
        Payload.__init__(self, span, content_type="application/octet-stream")
        self._size = span.nbytes


async def answer(cache: EdgeCache, request: web.Request, path: str) -> tuple[web.Response, int]:
    """The response to `request` for the object at the raw `path`, and how many bytes of body it sends."""
    asked = CacheRequest(request.method, path, request.rel_url.raw_query_string, request.headers)
    found = await cache.handle(asked)
    body = found.body if isinstance(found.body, bytes) else SpanPayload(found.body)
    response = web.Response(status=found.status, body=body, headers=found.headers)
    return response, 0 if request.method == "HEAD" else len(found.body)


def cache_handler(cache: EdgeCache) -> Callable[[web.Request], Awaitable[web.Response]]:
    """An aiohttp handler that answers every path from `cache`."""

    async def handler(request: web.Request) -> web.Response:
        response, _ = await answer(cache, request, request.rel_url.raw_path)
        return response

    return handler
