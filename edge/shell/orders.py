"""What an operator orders over HTTP becomes a durable event, and the answer says who has acted on it."""

from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from edge.gossip.events import Refusal
from edge.model import ConfigError
from edge.shell.adminroutes import PURGE_METHOD
from edge.shell.events import EventActor
from edge.shell.warden import Warden

Accept = Callable[[dict[str, Any]], dict[str, Any]]


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
        if _flag(asked, "majority") and (reason := events.minority()):
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

    Always with a token of the admin port, for behind nginx everybody comes from loopback; without any it is off.

    Args:
        events: of this node.
        warden: of the admin port.
    """

    def __init__(self, events: EventActor, warden: Warden) -> None:
        self._events = events
        self._warden = warden

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Purge on every node, softly where `Fastly-Soft-Purge: 1` asks so."""
        if not self._warden.wants_token:
            text = "PURGE is off: it wants a token, and this node has no admin.token_file\n"
            return web.Response(status=403, text=text)
        if self._warden.tls.wants_client:
            text = "PURGE is off: orders want a client certificate, which this port does not ask for\n"
            return web.Response(status=403, text=text)
        if refused := self._warden.refused_by(request, PURGE_METHOD):
            return refused
        path = request.rel_url.raw_path
        what = {"prefix": path.removesuffix("*")} if path.endswith("/*") else {"url": path}
        asked = what | {"soft": request.headers.get("Fastly-Soft-Purge") == "1"}
        response = await obeyed(self._events, self._events.purge, asked, 200)
        self._warden.note(request, PURGE_METHOD, response)
        return response


def _flag(asked: dict[str, Any], name: str) -> bool:
    """Take a flag out of a request.

    Raises:
        ConfigError: it is neither true nor false.
    """
    found = asked.pop(name, False)
    if not isinstance(found, bool):
        raise ConfigError(name, f"{found!r} does not fit", "write true or false")
    return found
