"""What a browser asks before a page of another node may send a token or an order here (CORS)."""

from aiohttp import web

_HEADERS = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}


def preflight(request: web.Request, page_origins: frozenset[str]) -> web.Response | None:
    """The answer, where this is such a question and its page is one of ours; it has no token, and tells nothing."""
    asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
    if not asks or request.headers.get("Origin", "") not in page_origins:
        return None
    return web.Response(status=204, headers=_HEADERS)
