"""What an operator orders over HTTP becomes a durable event, and the answer says who has acted on it."""

import hmac
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from edge.gossip.events import Refusal
from edge.model import ConfigError
from edge.shell.events import EventActor

Accept = Callable[[dict[str, Any]], dict[str, Any]]


def bears(request: web.BaseRequest, token: bytes) -> bool:
    """Whether a request carries the token."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").encode(errors="surrogateescape")
    return hmac.compare_digest(given, token)


def unauthorized() -> web.Response:
    """The answer to one who does not."""
    headers = {"WWW-Authenticate": "Bearer"}
    return web.Response(status=401, text="wants Authorization: Bearer <admin token>\n", headers=headers)


async def obeyed(events: EventActor, accept: Accept, asked: Any, status: int) -> web.Response:
    """Make an event, and answer once no restart of this node can undo it.

    Args:
        events: of this node.
        accept: makes the event.
        asked: as JSON has it.
        status: of the answer where all is well.
    """
    try:
        if not isinstance(asked, dict):
            raise ConfigError("body", "is no JSON object", 'write e.g. {"url": "/live/main.m3u8"}')
        if asked.pop("majority", False) is not False and (reason := events.minority()):
            return web.Response(status=409, text=f"{reason}\n")
        told = accept(asked)
    except ConfigError as error:
        return web.Response(status=400, text=f"{error}\n")
    except Refusal as refusal:
        return web.Response(status=503, text=f"{refusal}\n", headers={"Retry-After": "10"})
    await events.recorded()
    return web.Response(status=status, body=orjson.dumps(told), content_type="application/json")


class PurgeMethod:
    """`PURGE /path` at the public port, as Varnish and Fastly have it; `PURGE /folder/*` purges all below.

    Always with the admin token, for behind nginx everybody comes from loopback; without one it is off.

    Args:
        events: of this node.
        token: of the admin port.
    """

    def __init__(self, events: EventActor, token: str) -> None:
        self._events = events
        self._token = token.encode()

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Purge on every node, softly where `Fastly-Soft-Purge: 1` asks so."""
        if not self._token:
            text = "PURGE is off: it wants a token, and this node has no admin.token_file\n"
            return web.Response(status=403, text=text)
        if not bears(request, self._token):
            return unauthorized()
        path = request.rel_url.raw_path
        what = {"prefix": path.removesuffix("*")} if path.endswith("/*") else {"url": path}
        asked = what | {"soft": request.headers.get("Fastly-Soft-Purge") == "1"}
        return await obeyed(self._events, self._events.purge, asked, 200)
