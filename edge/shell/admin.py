"""The admin port: health, metrics, the cluster's view, its stream of changes, and the live page.

`edge.shell.adminroutes` says what each route wants and gives, `edge.shell.warden` who is let in.
"""

import asyncio
import logging
import pathlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import orjson
from aiohttp import web

from edge.gossip.bulk import PATH as SYNC
from edge.model import ConfigError
from edge.shell.audience import Audience
from edge.shell.events import EventActor
from edge.shell.keydesk import KeyDesk
from edge.shell.keykeeper import KeyKeeper
from edge.shell.loglevels import LogLevels
from edge.shell.monsoon import MonsoonRunner
from edge.shell.openapi import description
from edge.shell.orders import Accept, obeyed
from edge.shell.preflight import preflight
from edge.shell.prewarm import Prewarmer
from edge.shell.routes import BadQuestionError, Routes
from edge.shell.schedule_desk import ScheduleDesk
from edge.shell.story import Story, Teller
from edge.shell.targets import refused_target
from edge.shell.viewfeed import ViewFeed
from edge.shell.warden import ASKED, Warden

log = logging.getLogger(__name__)

PAGE = pathlib.Path(__file__).with_name("page")
STREAM_EVERY_S = 0.5
STREAMS_MAX = 64
_IDLE_LOOKS = 8  # looks without news after which a comment says that the stream lives
_BODY_MAX_BYTES = 16 * 1024
BODY_S = 5.0
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
    keys: KeyKeeper
    audience: Audience | None = None
    story: Story = field(default_factory=Story)


class AdminFace:
    """Handlers of the admin port.

    Args:
        sources: what to show.
        warden: decides who is let in.
        page_origins: origins whose pages may read this port.
    """

    def __init__(self, sources: AdminSources, warden: Warden, page_origins: tuple[str, ...]) -> None:
        self._sources = sources
        self._warden = warden
        self._page_origins = frozenset(page_origins)
        self._streams = 0
        self._closing = asyncio.Event()
        self._levels = LogLevels()
        self._feed = ViewFeed(sources.view)

    def app(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(middlewares=[self._guard], client_max_size=_BODY_MAX_BYTES)
        app.router.add_get("/", self._page)
        app.router.add_static("/page/", PAGE)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/v1/openapi.json", self._openapi)
        app.router.add_get("/v1/audit", self._audit)
        app.router.add_get("/v1/members", self._members)
        app.router.add_get("/v1/view", self._view)
        app.router.add_get("/v1/stream", self._stream, allow_head=False)
        app.router.add_get("/v1/events", self._events)
        app.router.add_get("/v1/events/stream", self._tell_events, allow_head=False)
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
        desk = KeyDesk(self._sources.keys, self._sources.events)
        app.router.add_get("/v1/keys", desk.show)
        app.router.add_post("/v1/keys", _reads(desk.take))
        return app

    def close(self) -> None:
        """End all streams, and put log levels back."""
        self._closing.set()
        self._levels.close()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Role, origin and host; the hardening headers of every answer."""
        warden, doors = self._warden, self._warden.doors
        if doors:
            doors.begun(request.transport)
        try:
            refusal = (
                refused_target(request) or preflight(request, self._page_origins) or warden.refusal(request)
            )
            response = refusal or await _answered(handler, request)
        except Exception:  # a bug of ours; whoever gave the order is written down all the same
            warden.answered(request, web.Response(status=500))
            raise
        finally:
            if doors:
                doors.ended(request.transport)
        if not response.prepared:
            response.headers.update(self._headers(request))
        warden.answered(request, response)
        log.debug("%s %s: %d", request.method, request.rel_url.raw_path, response.status)
        return response

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

    async def _openapi(self, request: web.Request) -> web.Response:
        return _json(description())

    async def _audit(self, request: web.Request) -> web.Response:
        audit, events = self._warden.audit, self._sources.events
        told = {"count": audit.count, "orders": audit.entries(), "origins": dict(events.origins)}
        return _json({"self": events.node_name} | told)

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
        return _reads(lambda _, asked: obeyed(self._sources.events, accept, asked, 202))

    async def _log(self, request: web.Request) -> web.Response:
        return _json({"self": self._sources.events.node_name} | self._levels.status())

    async def _set_log(self, _request: web.Request, asked: Any) -> web.Response:
        try:
            if not isinstance(asked, dict):
                raise ConfigError("body", "is no JSON object", 'write e.g. {"level": "debug", "for_s": 600}')
            return _json({"self": self._sources.events.node_name} | self._levels.change(asked))
        except ConfigError as error:
            return web.Response(status=400, text=f"{error}\n")

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: the view, about twice a second."""
        news, coding = self._feed.listener(request.headers.get("Accept-Encoding", ""))
        return await self._pour(request, news, coding)

    async def _tell_events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: what happened, and what happens; `Last-Event-ID` leaves out what was told before."""
        last_id = request.headers.get("Last-Event-ID", "")
        return await self._pour(request, Teller(self._sources.story, self._sources.events, last_id).news)

    async def _pour(
        self,
        request: web.Request,
        news: Callable[[], bytes],
        coding: Mapping[str, str] = MappingProxyType({}),
    ) -> web.StreamResponse:
        """Whatever `news` has, looked at about twice a second; a comment where it long has nothing."""
        if self._streams >= STREAMS_MAX:
            return web.Response(status=503, text="too many streams\n", headers={"Retry-After": "5"})
        fields = {"Content-Type": "text/event-stream"} | dict(coding)
        response = web.StreamResponse(headers=self._headers(request) | fields)
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


async def _answered(handler: Handler, request: web.Request) -> web.StreamResponse:
    """An answer, too where aiohttp has no such route."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        headers = {name: value for name, value in error.headers.items() if name != "Content-Type"}
        return web.Response(status=error.status, text=f"{error.text}\n", headers=headers)


def _reads(answer: Callable[[web.Request, Any], Awaitable[web.Response]]) -> Handler:
    """A handler that reads a JSON body and hands it on."""

    async def handler(request: web.Request) -> web.Response:
        if request.content_type != "application/json":  # which a foreign page cannot send without our consent
            return web.Response(status=415, text="wants Content-Type: application/json\n")
        try:
            async with asyncio.timeout(BODY_S):
                asked = orjson.loads(await request.read())
        except TimeoutError:
            return web.Response(status=408, text=f"the body took more than {BODY_S:g} s\n")
        except (orjson.JSONDecodeError, web.RequestPayloadError) as error:
            return web.Response(status=400, text=f"no JSON: {error}\n")
        request[ASKED] = dict(asked) if isinstance(asked, dict) else None
        return await answer(request, asked)

    return handler


def _json(value: Any) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")
