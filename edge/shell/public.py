"""The public port: media through the cache, and the answer to "which node shall I use?". Nothing else.

GET /v1/route?path=/live/main.m3u8[&zone=Z]   302 to the chosen node
GET /v1/route/<path>                          playlists in place, every other object 302 to a node chosen for it
GET /<path>                                   the object
"""

import re
import time
from collections.abc import Callable
from urllib.parse import unquote

from aiohttp import web

from edge.cache.cache import EdgeCache
from edge.cache.lifetime import Kind, kind_of
from edge.cache.web import answer
from edge.decide.routing import Pending, RouteQuery, route
from edge.shell.gate import Gate
from edge.shell.peers import Peers
from edge.state.traffic import Traffic
from edge.state.view import ClusterView

RETRY_AFTER_S = 1
_ROUTE = "/v1/route"
_CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Edge-Route, Retry-After"}
_PATH_MAX = 2048
_ZONE_MAX = 63
_VIEWER_MAX = 128
_DEFAULT_PORT = re.compile(r":(80|443)$")


class PublicFace:
    """Handlers of the public port.

    Args:
        cache: answers for media.
        traffic: counts what is answered.
        view: the cluster as this node holds it at the moment.
        gate: turns viewers away while service is degraded.
        peers: knows other nodes' requests.
    """

    def __init__(
        self,
        cache: EdgeCache,
        traffic: Traffic,
        view: Callable[[], ClusterView],
        gate: Gate | None = None,
        peers: Peers | None = None,
    ) -> None:
        self._cache = cache
        self._gate = gate
        self._peers = peers
        self._traffic = traffic
        self._view = view
        self._pending = Pending()
        self.redirects: dict[str, int] = {}  # by chosen node; bounded by the member table
        self.unroutable = 0
        self.draining = False  # set while this node leaves: serve, but let go of those who are here

    def app(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application()
        app.on_response_prepare.append(self._let_go)
        app.router.add_get(_ROUTE, self._route_query)
        app.router.add_get(_ROUTE + "/{path:.+}", self._route_path)
        app.router.add_route("*", "/{path:.*}", self._media)
        return app

    async def _route_query(self, request: web.Request) -> web.Response:
        path, zone = request.query.get("path", ""), request.query.get("zone", "")
        if (
            not path.startswith("/")
            or path.startswith("//")
            or len(path) > _PATH_MAX
            or len(zone) > _ZONE_MAX
        ):
            text = f"path: wants an absolute path, e.g. {_ROUTE}?path=/live/main.m3u8&zone=mumbai\n"
            return web.Response(status=400, text=text, headers=_CORS)
        return self._redirect(path, zone)

    async def _route_path(self, request: web.Request) -> web.StreamResponse:
        path = request.rel_url.raw_path.removeprefix(_ROUTE)
        if kind_of(path) is Kind.PLAYLIST:
            return await self._answer(request, path)
        return self._redirect(path, "")

    def _redirect(self, path: str, zone: str) -> web.Response:
        if response := self._sent(path, zone):
            return response
        self.unroutable += 1
        headers = {"Retry-After": str(RETRY_AFTER_S), **_CORS}
        return web.Response(status=503, text="no node takes viewers at the moment\n", headers=headers)

    def _sent(self, path: str, zone: str, query: str = "") -> web.Response | None:
        """The redirect to the node that is chosen; none where no node takes viewers."""
        now = time.monotonic()
        asked = RouteQuery(path, zone, new=kind_of(path) is Kind.PLAYLIST)  # players begin with one
        chosen = route(self._view(), asked, self._pending.counts(now))
        if chosen is None:
            return None
        self._pending.add(chosen.node, now)
        self.redirects[chosen.node] = self.redirects.get(chosen.node, 0) + 1
        headers = {
            "Location": chosen.url + path + (f"?{query}" if query else ""),
            "Cache-Control": "no-store",
            "Edge-Route": f"{chosen.node}; {chosen.reason}",
            **_CORS,
        }
        return web.Response(status=302, headers=headers)

    async def _media(self, request: web.Request) -> web.StreamResponse:
        path = request.rel_url.raw_path
        if self.draining and (moved := self._moved(request, path)):
            return moved
        return await self._answer(request, path)

    def _moved(self, request: web.Request, path: str) -> web.Response | None:
        """The way to another node, for a viewer that uses this very node's address and so would stay until the end.

        Whoever came by a Service's name is served: he need not be able to reach a node, and the Service moves him on.
        """
        view = self._view()
        me = view.node(view.self_name)
        if (
            me is None
            or request.method not in ("GET", "HEAD")
            or _host(me.member.public) != _host(request.host)
        ):
            return None
        return self._sent(path, me.member.zone, request.rel_url.raw_query_string)

    async def _let_go(self, _: web.Request, response: web.StreamResponse) -> None:
        """Of a node that drains, every answer is the last on its connection."""
        if self.draining:
            response.force_close()
            response.headers["Connection"] = "close"

    async def _answer(self, request: web.Request, path: str) -> web.StreamResponse:
        if self._peers and self._peers.known(request.headers):
            response, size_bytes = await answer(self._cache, request, path, peer=True)
            self._traffic.sent(size_bytes, time.monotonic())
            return response
        viewer = viewer_of(request)
        if self._gate and (refused := self._gate.refusal(request, path, viewer, time.monotonic())):
            return refused
        response, size_bytes = await answer(self._cache, request, path)
        if self._gate:
            self._gate.mark(response)
        segment = path if response.status in (200, 206) and kind_of(path) is Kind.SEGMENT else None
        self._traffic.record(viewer, segment, size_bytes, time.monotonic())
        return response


def _host(url: str) -> str:
    """Host and port of a URL or a Host field, as both write them alike."""
    return _DEFAULT_PORT.sub("", url.rpartition("//")[2].partition("/")[0].lower())


def viewer_of(request: web.Request) -> str:
    """Who asks: the CMCD session id (CTA-5004) of query or header, else address and User-Agent."""
    query = request.rel_url.raw_query_string
    raw = ""
    if "CMCD=" in query:
        raw = unquote(query.partition("CMCD=")[2].partition("&")[0])
    elif session := request.headers.get("CMCD-Session"):
        raw = session
    if "sid=" in raw:
        return raw.partition("sid=")[2].partition(",")[0].strip('"')[:_VIEWER_MAX]
    return f"{request.remote} {request.headers.get('User-Agent', '')}"[:_VIEWER_MAX]
