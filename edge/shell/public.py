"""The public port: media through the cache, and the answer to "which node shall I use?". Nothing else.

GET /v1/route?path=/live/main.m3u8[&zone=Z]   302 to the chosen node, or JSON (`edge.shell.routes`)
GET /v1/route/<path>                          playlists in place, every other object 302 to a node chosen for it
GET /v1/steering/…                            whom to prefer, for players (`edge.shell.steering`)
GET /<path>                                   the object
PURGE /<path>                                 purges it on every node, with the admin token
"""

import logging
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp import web

from edge.cache.cache import EdgeCache
from edge.cache.lifetime import Kind, kind_of
from edge.cache.objects import CacheResponse
from edge.cache.web import answer, found_for, response_of, who
from edge.decide.routing import Place
from edge.nginx.front import Front
from edge.nginx.signed import ASK
from edge.nginx.steering import PREFIX as STEERING
from edge.shell.audience import Audience
from edge.shell.gate import Gate
from edge.shell.orders import PurgeMethod
from edge.shell.peers import Peers
from edge.shell.routes import PATH, Routes
from edge.shell.sessions import PLAYLISTS
from edge.shell.steering import SteeringFace
from edge.shell.targets import refused_target
from edge.state.traffic import Traffic

if TYPE_CHECKING:  # it is loaded where URLs are signed
    from edge.shell.signing.guard import Guard

log = logging.getLogger(__name__)

PURGE = "PURGE"
_SERVICES = "/v1/"
_DEFAULT_PORT = re.compile(r":(80|443)$")


class PublicFace:
    """Handlers of the public port.

    Args:
        cache: answers for media.
        traffic: counts what is answered.
        routes: answers who asks where to go.
        gate: turns viewers away while service is degraded.
        peers: knows other nodes' requests.
    """

    def __init__(
        self,
        cache: EdgeCache,
        traffic: Traffic,
        routes: Routes,
        gate: Gate | None = None,
        peers: Peers | None = None,
    ) -> None:
        self.front: Front | None = (
            None  # answers nginx, which counts; without it viewers ask this port themselves
        )
        self.purging: PurgeMethod | None = None  # without it PURGE is a method like any other: refused
        self.steering: SteeringFace | None = None
        self.signing: Guard | None = None  # without it nothing needs a token
        self.on_asked: Callable[[str], None] = lambda _: None  # told of each raw path before it is looked for
        self.audience: Audience | None = (
            None  # lets new sessions in, and hears players; without it all are let in
        )
        self._cache = cache
        self._gate = gate
        self._peers = peers
        self._traffic = traffic
        self.routes = routes
        self.draining = False  # set while this node leaves: serve, but let go of those who are here

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request. A handler for `web.Server`: a table of routes would cost more than most answers."""
        if refused := refused_target(request):
            return refused
        path = request.rel_url.raw_path
        if path == ASK and self.signing and self.front:
            return self.signing.authorize(request)
        response = await self._routed(request, path) if path.startswith(_SERVICES) else None
        if response is None:
            response = await self._media(request, path)
        if self.draining:  # every answer is the last on its connection
            response.force_close()
            response.headers["Connection"] = "close"
        log.debug("%s %s: %d", request.method, path, response.status)  # never the query: tokens are in it
        return response

    async def _routed(self, request: web.BaseRequest, path: str) -> web.StreamResponse | None:
        if self.steering and path.startswith(STEERING):
            return await self.steering.handle(request, path)
        if request.method not in ("GET", "HEAD"):
            return None
        if path == PATH:
            return self.routes.query(request)
        return await self._route_path(request, path) if path.startswith(f"{PATH}/") else None

    async def _route_path(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        path = path.removeprefix(PATH)
        if kind_of(path) is Kind.PLAYLIST:
            return await self._answer(request, path)
        return self.routes.object(request, path)

    async def _media(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        if request.method == PURGE and self.purging:
            return await self.purging.answer(request)
        if self.draining and (moved := self._moved(request, path)):
            return moved
        return await self._answer(request, path)

    def _moved(self, request: web.BaseRequest, path: str) -> web.Response | None:
        """The way to another node, for a viewer that uses this very node's address and so would stay until the end.

        Whoever came by a Service's name is served: he need not be able to reach a node, and the Service moves him on.
        """
        me = self.routes.me()
        if (
            me is None
            or request.method not in ("GET", "HEAD")
            or _host(me.member.public) != _host(request.host)
        ):
            return None
        place = Place(me.member.zone, me.member.region, me.member.isp)
        return self.routes.moved(request, path, place)

    async def _answer(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        self.on_asked(path)
        if self.is_peer(request):
            response, size_bytes = await answer(self._cache, request, path, self._sent_bytes, peer=True)
            self._traffic.sent(size_bytes, time.monotonic())
            return response
        stores = self.front is not None and self.front.stores(request)  # then nginx has asked for the token
        if self.signing and not stores and (unsigned := self.signing.refusal(request, path)):
            return unsigned
        viewer, speaks = (self.front.viewer_of(request), False) if self.front else who(request)
        if self._gate and (refused := self._gate.refusal(request, path, viewer, time.monotonic())):
            return refused
        listed = path.endswith(PLAYLISTS)
        if listed and self.audience and (refused := self.audience.sessions.refusal(request, path)):
            return refused
        if self.front and stores:
            return await self.front.answer(request, path, self._mark)
        if listed:
            cached = await found_for(self._cache, request, path)
            found = await self.shaped(request, path, cached)
            response, size_bytes = response_of(request, found, self._sent_bytes)
            if found is not cached and found.status != 200:  # he is let in elsewhere, or nowhere
                return response
        else:
            response, size_bytes = await answer(self._cache, request, path, self._sent_bytes)
        self._mark(response)
        if self.signing:
            self.signing.mark(request, path, response)
        segment = path if response.status in (200, 206) and kind_of(path) is Kind.SEGMENT else None
        self._traffic.record(viewer, segment, size_bytes, time.monotonic())
        if speaks and self.audience:
            self.audience.heard(request)
        return response

    async def shaped(self, request: web.BaseRequest, path: str, found: CacheResponse) -> CacheResponse:
        """A playlist as its viewer is to get it, if he is let in: without capped rungs, and with nodes to go to."""
        if self.audience:
            found = self.audience.sessions.shaped(request, path, found)
        return await self.steering.shaped(request, path, found) if self.steering else found

    def is_peer(self, request: web.BaseRequest) -> bool:
        """Whether another node asks."""
        return self._peers is not None and self._peers.known(request.headers)

    def _sent_bytes(self, size_bytes: int) -> None:
        self._traffic.sent(size_bytes, time.monotonic())

    def _mark(self, response: web.StreamResponse) -> None:
        if self._gate:
            self._gate.mark(response)


def _host(url: str) -> str:
    """Host and port of a URL or a Host field, as both write them alike."""
    return _DEFAULT_PORT.sub("", url.rpartition("//")[2].partition("/")[0].lower())
