"""The admin port: health, metrics, the cluster's view, its stream of changes, and the live page.

Health and metrics are open to whoever reaches the port (kubelet, Prometheus); /v1 wants the token where one is set, but
for the sync between nodes, whose requests are sealed with the cluster's keys.
"""

import asyncio
import ipaddress
import logging
import pathlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from yarl import URL

from edge.gossip.bulk import PATH as SYNC
from edge.model import ConfigError
from edge.shell.audience import Audience
from edge.shell.events import EventActor
from edge.shell.loglevels import LogLevels
from edge.shell.monsoon import MonsoonRunner
from edge.shell.orders import Accept, bears, obeyed, unauthorized
from edge.shell.prewarm import Prewarmer
from edge.shell.routes import BadQuestionError, Routes
from edge.shell.schedule_desk import ScheduleDesk
from edge.shell.story import Story, Teller
from edge.shell.targets import refused_target

log = logging.getLogger(__name__)

PAGE = pathlib.Path(__file__).with_name("page")
STREAM_EVERY_S = 0.5
STREAMS_MAX = 64
_IDLE_LOOKS = 8  # looks without news after which a comment says that the stream lives
_BODY_MAX_BYTES = 16 * 1024
_POLICY = (
    "default-src 'self'; connect-src *; media-src * blob:; img-src 'self' data:; worker-src blob:; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_HARDENED = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class AdminSources:
    """What the admin port shows; each is asked anew for each answer."""

    view: Callable[[], dict[str, Any]]
    metrics: Callable[[], bytes]
    not_ready: Callable[[], str]  # why no traffic should come; empty when ready
    events: EventActor
    sync: Handler
    monsoon: MonsoonRunner
    prewarm: Prewarmer
    routes: Routes
    schedule: ScheduleDesk
    audience: Audience | None = None
    story: Story = field(default_factory=Story)


class AdminFace:
    """Handlers of the admin port.

    Args:
        sources: what to show.
        token: bearer token of /v1; empty on loopback only.
        page_origins: origins whose pages may read this port.
    """

    def __init__(self, sources: AdminSources, token: str, page_origins: tuple[str, ...]) -> None:
        self._sources = sources
        self._token = token.encode()
        self._page_origins = frozenset(page_origins)
        self._streams = 0
        self._closing = asyncio.Event()
        self._levels = LogLevels()

    def app(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(middlewares=[self._guard], client_max_size=_BODY_MAX_BYTES)
        app.router.add_get("/", self._page)
        app.router.add_static("/page/", PAGE)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/v1/members", self._members)
        app.router.add_get("/v1/view", self._view)
        app.router.add_get("/v1/stream", self._stream)
        app.router.add_get("/v1/events", self._events)
        app.router.add_get("/v1/events/stream", self._tell_events)
        app.router.add_get(SYNC, self._sources.sync, allow_head=False)
        app.router.add_post("/v1/events", self._create(self._sources.events.event))
        app.router.add_post("/v1/purge", self._create(self._sources.events.purge))
        app.router.add_get("/v1/route", self._route)
        app.router.add_get("/v1/monsoon", self._monsoon)
        app.router.add_post("/v1/monsoon", self._create(self._sources.monsoon.override))
        app.router.add_get("/v1/prewarm", self._prewarm)
        app.router.add_get("/v1/quality", self._quality)
        app.router.add_post("/v1/prewarm", self._create(self._sources.prewarm.announcements.order))
        app.router.add_get("/v1/log", self._log)
        app.router.add_post("/v1/log", _reads(self._set_log))
        app.router.add_get("/v1/schedule", self._schedule)
        app.router.add_post("/v1/schedule", self._create(self._sources.schedule.add))
        app.router.add_delete("/v1/schedule/{name}", self._unschedule)
        return app

    def close(self) -> None:
        """End all streams, and put log levels back."""
        self._closing.set()
        self._levels.close()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Token, origin and host; the hardening headers of every answer."""
        guarded = request.path.startswith("/v1/") and request.path != SYNC
        refusal = refused_target(request) or (self._refusal(request) if guarded else None)
        response = refusal or await handler(request)
        if not response.prepared:
            response.headers.update(self._headers(request))
        log.debug("%s %s: %d", request.method, request.rel_url.raw_path, response.status)
        return response

    def _refusal(self, request: web.Request) -> web.Response | None:
        if self._token:
            if not bears(request, self._token):
                return unauthorized()
        elif not _names_an_address(request.host):
            # without a token, a foreign page could rebind its own name to this address and read what it likes
            host = request.host.encode(errors="replace").decode()  # it may be no UTF-8
            return web.Response(status=403, text=f"host {host}: ask by IP address or as localhost\n")
        return None

    def _headers(self, request: web.Request) -> dict[str, str]:
        origin = request.headers.get("Origin", "")
        allowed = (
            {"Access-Control-Allow-Origin": origin, "Vary": "Origin"} if origin in self._page_origins else {}
        )
        return _HARDENED | allowed

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(PAGE / "index.html")

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, request: web.Request) -> web.Response:
        reason = self._sources.not_ready()
        return web.Response(status=503 if reason else 200, text=f"{reason or 'ready'}\n")

    async def _metrics(self, request: web.Request) -> web.Response:
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=self._sources.metrics(), headers=headers)

    async def _members(self, request: web.Request) -> web.Response:
        view = self._sources.view()
        return _json({"self": view["self"], "cluster": view["cluster"], "members": view["members"]})

    async def _view(self, request: web.Request) -> web.Response:
        return _json(self._sources.view())

    async def _events(self, request: web.Request) -> web.Response:
        return _json({"events": self._sources.events.all(), "seen": self._sources.view()["events"]})

    async def _monsoon(self, request: web.Request) -> web.Response:
        return _json(self._sources.monsoon.status())

    async def _route(self, request: web.Request) -> web.Response:
        try:
            return _json(self._sources.routes.explained(request.rel_url.raw_query_string))
        except BadQuestionError as error:
            return web.Response(status=400, text=f"{error}\n")

    async def _prewarm(self, request: web.Request) -> web.Response:
        return _json(self._sources.prewarm.status())

    async def _schedule(self, request: web.Request) -> web.Response:
        return _json(self._sources.schedule.status())

    async def _unschedule(self, request: web.Request) -> web.Response:
        asked: dict[str, Any] = {"name": request.match_info["name"], "majority": "majority" in request.query}
        return await obeyed(self._sources.events, self._sources.schedule.remove, asked, 202)

    async def _quality(self, request: web.Request) -> web.Response:
        return _json(self._sources.audience.status() if self._sources.audience else {})

    def _create(self, accept: Accept) -> Handler:
        """A handler that makes a durable event of a JSON body."""
        return _reads(lambda asked: obeyed(self._sources.events, accept, asked, 202))

    async def _log(self, request: web.Request) -> web.Response:
        return _json({"self": self._sources.events.node_name} | self._levels.status())

    async def _set_log(self, asked: Any) -> web.Response:
        try:
            if not isinstance(asked, dict):
                raise ConfigError("body", "is no JSON object", 'write e.g. {"level": "debug", "for_s": 600}')
            return _json({"self": self._sources.events.node_name} | self._levels.change(asked))
        except ConfigError as error:
            return web.Response(status=400, text=f"{error}\n")

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: the view, about twice a second."""
        return await self._pour(
            request, lambda: b"event: view\ndata: " + orjson.dumps(self._sources.view()) + b"\n\n"
        )

    async def _tell_events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: what happened, and what happens; `Last-Event-ID` leaves out what was told before."""
        last_id = request.headers.get("Last-Event-ID", "")
        return await self._pour(request, Teller(self._sources.story, self._sources.events, last_id).news)

    async def _pour(self, request: web.Request, news: Callable[[], bytes]) -> web.StreamResponse:
        """Whatever `news` has, looked at about twice a second; a comment where it long has nothing."""
        if self._streams >= STREAMS_MAX:
            return web.Response(status=503, text="too many streams\n", headers={"Retry-After": "5"})
        response = web.StreamResponse(headers=self._headers(request) | {"Content-Type": "text/event-stream"})
        self._streams += 1
        try:
            await response.prepare(request)
            idle = 0
            while not self._closing.is_set():
                told = news()
                idle = 0 if told else idle + 1
                if told or not idle % _IDLE_LOOKS:
                    await response.write(told or b":\n\n")
                try:
                    await asyncio.wait_for(self._closing.wait(), STREAM_EVERY_S)
                except TimeoutError:
                    continue
        except ConnectionResetError:
            pass
        finally:
            self._streams -= 1
        return response


def _reads(answer: Callable[[Any], Awaitable[web.Response]]) -> Handler:
    """A handler that reads a JSON body and hands it on."""

    async def handler(request: web.Request) -> web.Response:
        if request.content_type != "application/json":  # which a foreign page cannot send without our consent
            return web.Response(status=415, text="wants Content-Type: application/json\n")
        try:
            asked = orjson.loads(await request.read())
        except orjson.JSONDecodeError as error:
            return web.Response(status=400, text=f"no JSON: {error}\n")
        return await answer(asked)

    return handler


def _json(value: Any) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")


def _names_an_address(host: str) -> bool:
    try:
        name = URL(f"http://{host}").host or ""
        if name == "localhost":
            return True
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
