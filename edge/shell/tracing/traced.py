"""The parts of a node with spans: public port, cache, fills, requests to others, routes, purges."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import SimpleNamespace

import aiohttp
from aiohttp import web
from opentelemetry.context import Context
from opentelemetry.semconv.attributes.http_attributes import HTTP_REQUEST_METHOD
from opentelemetry.semconv.attributes.server_attributes import SERVER_ADDRESS, SERVER_PORT
from opentelemetry.semconv.attributes.url_attributes import URL_FULL, URL_PATH
from opentelemetry.trace import (
    Span,
    SpanKind,
    Tracer,
    format_span_id,
    format_trace_id,
    get_current_span,
    set_span_in_context,
    use_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client.core import Metric

from edge.cache.backend import Purges
from edge.cache.cache import EdgeCache
from edge.cache.growing import GrowingBody
from edge.cache.objects import CacheRequest, CacheResponse
from edge.cache.receiving import UpstreamResponse
from edge.cache.settings import CacheSettings
from edge.cache.upstream import Fills, names_of_loop
from edge.config import Config, RoutingConfig
from edge.decide.routing import RouteAnswer, RouteQuery
from edge.shell.public import PublicFace
from edge.shell.routes import Routes
from edge.shell.tracing import spans
from edge.shell.tracing.hooks import Handler, Untraced
from edge.shell.tracing.purges import TracedPurges
from edge.shell.tracing.sending import Sending
from edge.shell.tracing.spans import failed, within
from edge.state.view import ClusterView
from edge.wire.passport import HEADER

_W3C = TraceContextTextMapPropagator()  # traceparent and tracestate; no baggage, which may hold anything
_PARENT = "traceparent"


class Traced(Untraced):
    """Spans of all that a node does for its viewers.

    Args:
        config: the node's settings.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._sending = Sending(config)
        self._tracer = self._sending.tracer
        self._marks = _Marks()
        self._marked = logging.getLogger().handlers[:] if config.log.format == "json" else []
        for handler in self._marked:
            handler.addFilter(self._marks)

    def served(self, face: PublicFace) -> Handler:
        """A span for each request at the public port, until there is an answer to send."""

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            context = self._context(face, request)
            name = f"{spans.method_of(request)} {spans.route_of(request.rel_url.raw_path)}"
            with within(self._tracer, name, SpanKind.SERVER, context) as span:
                if span.is_recording():
                    spans.describe_request(span, request, by_peer=face.is_peer(request))
                response = await face.handle(request)
                spans.describe_status(span, response.status, 500)
                return response

        return handle

    def _context(self, face: PublicFace, request: web.BaseRequest) -> Context:
        """The trace that a request belongs to, if it says so and may: else anybody could have all of his sampled."""
        if _PARENT in request.headers and (self._config.tracing.trust_viewers or face.is_peer(request)):
            return _W3C.extract(request.headers, Context())
        return Context()

    def cache(self, name: str, settings: CacheSettings, fills: Fills) -> EdgeCache:
        """A cache whose lookups are spans."""
        return _TracedCache(name, settings, fills, self._tracer)

    def fills(self, fills: Fills) -> Fills:
        """Fills that are spans, below the request that began them."""
        return _TracedFills(fills, self._tracer)

    def watches(self) -> list[aiohttp.TraceConfig]:
        """A span for each request to an origin or another node, which is told of it by the W3C's fields."""
        watch = aiohttp.TraceConfig()
        watch.on_request_start.append(self._ask)
        watch.on_request_end.append(_answered)
        watch.on_request_exception.append(_unanswered)
        return [watch]

    async def _ask(
        self, _: aiohttp.ClientSession, asked: SimpleNamespace, told: aiohttp.TraceRequestStartParams
    ) -> None:
        asked.span = span = self._tracer.start_span(told.method, kind=SpanKind.CLIENT)
        _W3C.inject(told.headers, set_span_in_context(span))
        if span.is_recording():
            url = told.url
            span.set_attributes(
                {
                    HTTP_REQUEST_METHOD: told.method,
                    URL_FULL: f"{url.origin()}{url.raw_path}",  # tokens are in queries, too
                    SERVER_ADDRESS: url.host or "",
                    SERVER_PORT: url.port or 0,
                    spans.FILL_SOURCE: "peer" if HEADER in told.headers else "origin",
                    spans.FILL_HOP: len(names_of_loop(told.headers.get("CDN-Loop", ""))),
                }
            )

    def routes(self, view: Callable[[], ClusterView], config: RoutingConfig, rng: random.Random) -> Routes:
        """Routes whose decisions are spans."""
        made = _TracedRoutes(view, config, rng)
        made.tracer = self._tracer
        return made

    def purges(self, backend: Purges) -> Purges:
        """Purges whose effects are spans."""
        return TracedPurges(backend, self._sending, self._config.node)

    def metrics(self) -> Iterator[Metric]:
        """What became of spans."""
        return self._sending.metrics()

    async def close(self) -> None:
        """Send what waits, for a short while."""
        for handler in self._marked:
            handler.removeFilter(self._marks)
        await self._sending.close()


class _Marks(logging.Filter):
    """Log lines that are written for a request get the ids of its trace."""

    def filter(self, record: logging.LogRecord) -> bool:
        context = get_current_span().get_span_context()
        if context.is_valid:
            record.__dict__["trace_id"] = format_trace_id(context.trace_id)
            record.__dict__["span_id"] = format_span_id(context.span_id)
        return True


class _TracedCache(EdgeCache):
    def __init__(self, name: str, settings: CacheSettings, fills: Fills, tracer: Tracer) -> None:
        super().__init__(name, settings, fills, time.monotonic)
        self._node = name
        self._tracer = tracer

    async def handle(self, request: CacheRequest) -> CacheResponse:
        with within(self._tracer, "cache lookup") as span:
            found = await super().handle(request)
            if span.is_recording():
                spans.describe_cache(span, self._node, found.headers.get("Cache-Status", ""))
            return found


class _TracedFills:
    def __init__(self, fills: Fills, tracer: Tracer) -> None:
        self._fills = fills
        self._tracer = tracer

    async def start(self) -> None:
        await self._fills.start()

    async def close(self) -> None:
        await self._fills.close()

    def asked(self, target: str) -> str:
        return self._fills.asked(target)

    async def fetch(self, target: str, conditions: Mapping[str, str], loop: str = "") -> UpstreamResponse:
        """A span until the body is here, too."""
        span = self._tracer.start_span("fill", attributes={URL_PATH: target.partition("?")[0]})
        with use_span(span, record_exception=False, set_status_on_exception=False):
            try:
                answer = await self._fills.fetch(target, conditions, loop)
            except BaseException as error:
                failed(span, error)
                span.end()
                raise
        if isinstance(answer.body, GrowingBody) and answer.body.reading:
            answer.body.reading.add_done_callback(partial(_came, span))
        else:
            span.end()
        return answer


def _came(span: Span, reading: asyncio.Task[None]) -> None:
    error = None if reading.cancelled() else reading.exception()
    if reading.cancelled() or error:
        failed(span, error or "cancelled")
    span.end()


class _TracedRoutes(Routes):
    tracer: Tracer

    def _chosen(self, request: web.BaseRequest, query: RouteQuery) -> RouteAnswer | None:
        with within(self.tracer, "route") as span:
            chosen = super()._chosen(request, query)
            if span.is_recording():
                span.set_attribute(spans.ROUTE_ZONE, query.zone)
                span.set_attribute(spans.ROUTE_NODE, chosen.node if chosen else "")
                span.set_attribute(spans.ROUTE_REASON, chosen.reason if chosen else "none takes viewers")
            return chosen


async def _answered(
    _: aiohttp.ClientSession, asked: SimpleNamespace, told: aiohttp.TraceRequestEndParams
) -> None:
    spans.describe_status(asked.span, told.response.status, 400)
    asked.span.end()


async def _unanswered(
    _: aiohttp.ClientSession, asked: SimpleNamespace, told: aiohttp.TraceRequestExceptionParams
) -> None:
    failed(asked.span, told.exception)
    asked.span.end()
