"""Between aiohttp and the cache."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from edge.cache.cache import EdgeCache
from edge.cache.objects import CacheRequest


async def answer(cache: EdgeCache, request: web.Request, path: str) -> tuple[web.Response, int]:
    """The response to `request` for the object at the raw `path`, and how many bytes of body it sends."""
    asked = CacheRequest(request.method, path, request.rel_url.raw_query_string, request.headers)
    found = await cache.handle(asked)
    response = web.Response(status=found.status, body=found.body, headers=found.headers)
    return response, 0 if request.method == "HEAD" else len(found.body)


def cache_handler(cache: EdgeCache) -> Callable[[web.Request], Awaitable[web.Response]]:
    """An aiohttp handler that answers every path from `cache`."""

    async def handler(request: web.Request) -> web.Response:
        response, _ = await answer(cache, request, request.rel_url.raw_path)
        return response

    return handler
