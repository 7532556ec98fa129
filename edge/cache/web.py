"""Between aiohttp and the cache."""

from aiohttp import web

from edge.cache.cache import EdgeCache
from edge.cache.objects import CacheRequest


async def answer(cache: EdgeCache, request: web.Request, path: str) -> tuple[web.Response, int]:
    """The response to `request` for the object at the raw `path`, and how many bytes of body it sends."""
    asked = CacheRequest(request.method, path, request.rel_url.raw_query_string, request.headers)
    found = await cache.handle(asked)
    body = found.body if isinstance(found.body, bytes) else bytes(found.body)
    response = web.Response(status=found.status, body=body, headers=found.headers)
    return response, 0 if request.method == "HEAD" else len(body)
