"""A collector of spans on a real port, as the OpenTelemetry protocol over HTTP has it."""

import asyncio
import gzip
from collections.abc import Iterable
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from waiting import until

Value = str | int | float | bool


@dataclass(frozen=True)
class Told:
    """One span as it came."""

    node: str
    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    is_error: bool
    attributes: dict[str, Value]
    links: list[str]  # ids of spans


@dataclass
class Collector:
    """Keeps what it is told."""

    spans: list[Told] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    url: str = ""
    held: asyncio.Event | None = None  # answers wait for it
    resource: dict[str, Value] = field(default_factory=dict)
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on a free port."""
        app = web.Application()
        app.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Refuse connections."""
        if self.held:
            self.held.set()
        if self._runner:
            await self._runner.cleanup()

    async def named(self, *names: str) -> list[Told]:
        """The spans of these names, once there is one of each; by their begin."""
        await until(lambda: {one.name for one in self.spans}.issuperset(names), 8)
        return sorted((one for one in self.spans if one.name in names), key=lambda one: one.start_ns)

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.held:
            await self.held.wait()
        self.raw.append(body)
        asked = ExportTraceServiceRequest.FromString(body)
        for one in asked.resource_spans:
            self.resource = _values(one.resource.attributes)
            for scope in one.scope_spans:
                for span in scope.spans:
                    self.spans.append(
                        Told(
                            node=str(self.resource["service.instance.id"]),
                            name=span.name,
                            kind=span.kind,
                            trace_id=span.trace_id.hex(),
                            span_id=span.span_id.hex(),
                            parent_id=span.parent_span_id.hex(),
                            start_ns=span.start_time_unix_nano,
                            end_ns=span.end_time_unix_nano,
                            is_error=span.status.code == 2,
                            attributes=_values(span.attributes),
                            links=[link.span_id.hex() for link in span.links],
                        )
                    )
        return web.Response(content_type="application/x-protobuf")


def _values(pairs: Iterable[KeyValue]) -> dict[str, Value]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Value:
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "int_value":
            return value.int_value
        case _:
            return value.double_value
