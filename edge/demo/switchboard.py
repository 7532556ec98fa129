"""The demo's switchboard of faults: their state, the relay that obeys it, and a small HTTP control for the page.

It listens on loopback only. It answers to its own address alone, so that no foreign name can be rebound to it, and
changes nothing but for JSON from a page of one of the demo's own nodes, or from no page at all.
"""

import random
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson
from aiohttp import web

from edge.demo.faults import LOSS, Faults
from edge.demo.ports import HOST
from edge.demo.relay import Relay
from edge.demo.watch import Place
from edge.model import Address, ConfigError
from edge.shell.sockets import bind

PATH = "/v1/faults"
_BODY_MAX_BYTES = 1024
_CLOSE_S = 0.5

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Switchboard:
    """Faults of a running demo.

    Args:
        places: its nodes.
        port: where the control listens.
        on_change: hears of the faults after each change.
        rng: decides which datagram is lost.
    """

    def __init__(
        self, places: Sequence[Place], port: int, on_change: Callable[[Faults], None], rng: random.Random
    ) -> None:
        self.faults = Faults()
        self.relay = Relay(places, lambda: self.faults, rng)
        self.url = f"http://{HOST}:{port}"
        self._port = port
        self._hosts = {f"{HOST}:{port}", f"localhost:{port}"}
        self._origins = {f"http://{host}:{one.ports.admin}" for one in places for host in (HOST, "localhost")}
        self._on_change = on_change
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Begin to relay and to listen.

        Raises:
            ConfigError: a port is in use.
        """
        self.relay.start()
        sock = bind(Address(HOST, self._port), "control port of the demo", socket.SOCK_STREAM)
        app = web.Application(middlewares=[self._guard], client_max_size=_BODY_MAX_BYTES)
        app.router.add_get(PATH, self._show)
        app.router.add_post(PATH, self._change)
        app.router.add_options(PATH, self._preflight)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_CLOSE_S)
        await self._runner.setup()
        await web.SockSite(self._runner, sock).start()

    async def close(self) -> None:
        """Stop both."""
        if self._runner:
            await self._runner.cleanup()
        self.relay.close()

    def told(self) -> dict[str, Any]:
        """What the page needs for its buttons."""
        return {"loss": LOSS, "faults": self.faults.told()}

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin", "")
        if request.host not in self._hosts or (origin and origin not in self._origins):
            return web.Response(status=403, text="the demo's own pages only\n")
        response = await handler(request)
        if origin:
            response.headers.update({"Access-Control-Allow-Origin": origin, "Vary": "Origin"})
        return response

    async def _preflight(self, _request: web.Request) -> web.StreamResponse:
        headers = {"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "Content-Type"}
        return web.Response(status=204, headers=headers)

    async def _show(self, _request: web.Request) -> web.StreamResponse:
        return self._answer()

    async def _change(self, request: web.Request) -> web.StreamResponse:
        if request.content_type != "application/json":  # which a foreign page cannot send without our consent
            return web.Response(status=415, text="wants Content-Type: application/json\n")
        try:
            asked = orjson.loads(await request.read())
            if not isinstance(asked, dict):
                raise ConfigError("body", "is no JSON object", 'write e.g. {"kind": "all", "on": false}')
            faults = self.faults.changed(asked)
        except (orjson.JSONDecodeError, ConfigError) as error:
            return web.Response(status=400, text=f"{error}\n")
        if faults != self.faults:
            self.faults = faults
            self._on_change(faults)
        return self._answer()

    def _answer(self) -> web.Response:
        return web.Response(body=orjson.dumps(self.told()), content_type="application/json")
