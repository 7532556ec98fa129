"""What spans say: their names and attributes, by OpenTelemetry's semantic conventions, and of viewers nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web
from opentelemetry.context import Context
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.http_attributes import (
    HTTP_REQUEST_METHOD,
    HTTP_RESPONSE_STATUS_CODE,
    HTTP_ROUTE,
)
from opentelemetry.semconv.attributes.network_attributes import NETWORK_PROTOCOL_VERSION
from opentelemetry.semconv.attributes.url_attributes import URL_PATH, URL_SCHEME
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from edge.cache.receiving import UpstreamError
from edge.nginx.steering import PREFIX as STEERING
from edge.shell.public import PURGE
from edge.shell.routes import PATH as ROUTE

FILL_SOURCE = "edge.fill.source"  # origin or peer
FILL_HOP = "edge.fill.hop"  # 1 for a fill of the viewer's own node, 2 for one that this one asks
CACHE_STATUS = "edge.cache.status"  # hit, stale or miss
CACHE_DETAIL = "edge.cache.detail"  # the Cache-Status field (RFC 9211)
BY_PEER = "edge.by_peer"  # whether another node asks
ROUTE_NODE, ROUTE_REASON, ROUTE_ZONE = "edge.route.node", "edge.route.reason", "edge.route.zone"
_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", PURGE))


@contextmanager
def within(
    tracer: Tracer, name: str, kind: SpanKind = SpanKind.INTERNAL, context: Context | None = None
) -> Iterator[Span]:
    """A span of what happens inside; who is asked meanwhile becomes its child.

    The messages and stacks of errors stay out of it: nobody knows what is in them.
    """
    with tracer.start_as_current_span(
        name, context, kind, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except BaseException as error:
            failed(span, error)
            raise


def failed(span: Span, error: BaseException | str) -> None:
    """Mark a span by what went wrong: an error, or a word for it."""
    if isinstance(error, BaseException):
        error = error.reason if isinstance(error, UpstreamError) else type(error).__name__
    span.set_attribute(ERROR_TYPE, error)
    span.set_status(Status(StatusCode.ERROR))


def method_of(request: web.BaseRequest) -> str:
    """The method, if it is one that somebody has heard of."""
    return request.method if request.method in _METHODS else "_OTHER"


def route_of(path: str) -> str:
    """What kind of thing a raw path names."""
    if path == ROUTE:
        return ROUTE
    if path.startswith(f"{ROUTE}/"):
        return f"{ROUTE}/{{path}}"
    return f"{STEERING}{{path}}" if path.startswith(STEERING) else "/{path}"


def describe_request(span: Span, request: web.BaseRequest, *, by_peer: bool) -> None:
    """What is asked for, but not by whom."""
    path = request.rel_url.raw_path
    span.set_attributes(
        {
            HTTP_REQUEST_METHOD: method_of(request),
            HTTP_ROUTE: route_of(path),
            URL_PATH: path,
            URL_SCHEME: request.scheme,
            NETWORK_PROTOCOL_VERSION: f"{request.version.major}.{request.version.minor}",
            BY_PEER: by_peer,
        }
    )


def describe_status(span: Span, status: int, error_from: int) -> None:
    """What it was answered with; from `error_from` on that is an error."""
    span.set_attribute(HTTP_RESPONSE_STATUS_CODE, status)
    if status >= error_from:
        failed(span, str(status))


def describe_cache(span: Span, node: str, field: str) -> None:
    """How the cache of `node` came by an answer, as its Cache-Status field says."""
    own = field[max(0, field.rfind(f'"{node}"')) :]
    stale = "; hit" in own and "ttl=-" in own
    span.set_attribute(CACHE_STATUS, "stale" if stale else "hit" if "; hit" in own else "miss")
    span.set_attribute(CACHE_DETAIL, field)
