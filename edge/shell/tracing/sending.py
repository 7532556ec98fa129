"""The way of spans out of the process: sampled, queued under a bound, sent by a thread, each drop counted."""

import asyncio
import hashlib
import threading
from collections.abc import Iterator, Sequence
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanContext, TraceFlags, Tracer
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from edge.config import Config

QUEUE_MAX = 2048  # spans that wait to be sent, or are being sent; further ones are dropped
_BATCH = 512
EVERY_MS = 1000
_TIMEOUT_S = 5.0  # for a batch, its retries included
_CLOSE_S = 2.0
_LIMITS = SpanLimits(
    max_span_attributes=32,
    max_attribute_length=1024,
    max_events=4,
    max_links=4,
    max_span_attribute_length=1024,
)


class _Counting(SpanExporter):
    """An exporter, and what became of the spans that it was given. It works in a thread of its own."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self._ended = False
        self.sent = 0
        self.failed = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch."""
        result = SpanExportResult.FAILURE
        try:
            result = self._inner.export(spans)
        finally:
            if result is SpanExportResult.SUCCESS:
                self.sent += len(spans)
            else:
                self.failed += len(spans)
        return result

    def shutdown(self) -> None:
        """Give up what is being sent."""
        if not self._ended:
            self._ended = True
            self._inner.shutdown()


class _Bounded(SpanProcessor):
    """A queue that refuses what is too much. The library's own drops the oldest without a count."""

    def __init__(self, exporter: _Counting) -> None:
        self._exporter = exporter
        self._batches = BatchSpanProcessor(exporter, 2 * QUEUE_MAX, EVERY_MS, _BATCH)
        self.taken = 0
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """How many wait to be sent, or are being sent."""
        return self.taken - self._exporter.sent - self._exporter.failed

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span that has ended."""
        if not (span.context and span.context.trace_flags.sampled):
            return
        if self.waiting >= QUEUE_MAX:
            self.dropped += 1
            return
        self.taken += 1
        self._batches.on_end(span)

    def shutdown(self) -> None:
        """Send what waits, and end the thread."""
        self._batches.shutdown()  # type: ignore[no-untyped-call]  # the library's


class _Ids(RandomIdGenerator):
    """Random, but for a root whose ids all nodes know."""

    def __init__(self) -> None:
        self.given: SpanContext | None = None

    def generate_trace_id(self) -> int:
        """The id of a new trace."""
        return self.given.trace_id if self.given else super().generate_trace_id()

    def generate_span_id(self) -> int:
        """The id of a new span."""
        return self.given.span_id if self.given else super().generate_span_id()


class Sending:
    """Makes spans, and sends them.

    Args:
        config: the node's settings.
    """

    def __init__(self, config: Config) -> None:
        node, tracing = config.node, config.tracing
        attributes = {
            "service.name": tracing.service_name,
            "service.namespace": node.cluster,
            "service.instance.id": node.name,
            "service.version": version("edge-coordinator"),
            "cloud.region": node.region,
            "cloud.availability_zone": node.zone,
        }
        self._exporter = _Counting(OTLPSpanExporter(tracing.url, timeout=_TIMEOUT_S))
        self._queue = _Bounded(self._exporter)
        self._ids = _Ids()
        self._ratio = TraceIdRatioBased(tracing.sample_ratio)
        self._provider = TracerProvider(
            sampler=ParentBased(self._ratio),
            resource=Resource.create({name: value for name, value in attributes.items() if value}),
            shutdown_on_exit=False,
            id_generator=self._ids,
            span_limits=_LIMITS,
        )
        self._provider.add_span_processor(self._queue)
        self.tracer: Tracer = self._provider.get_tracer("edge")

    def known_root(self, name: str) -> SpanContext:
        """The root span of a trace that all nodes can name, for each makes its ids from `name`."""
        made = hashlib.sha256(name.encode()).digest()
        trace_id = int.from_bytes(made[:16])
        kept = self._ratio.should_sample(None, trace_id, "").decision is Decision.RECORD_AND_SAMPLE
        flags = TraceFlags(TraceFlags.SAMPLED if kept else TraceFlags.DEFAULT)
        return SpanContext(trace_id, int.from_bytes(made[16:24]), is_remote=True, trace_flags=flags)

    def name_next(self, root: SpanContext | None) -> None:
        """The next spans are this root, until told None."""
        self._ids.given = root

    def metrics(self) -> Iterator[Metric]:
        """What became of spans so far."""
        spans = CounterMetricFamily(
            "edge_tracing_spans",
            "Spans that were sent, could not be, or found the queue full.",
            labels=["outcome"],
        )
        spans.add_metric(["sent"], self._exporter.sent)
        spans.add_metric(["failed"], self._exporter.failed)
        spans.add_metric(["dropped"], self._queue.dropped)
        yield spans
        yield GaugeMetricFamily(
            "edge_tracing_queue", "Spans that wait to be sent.", value=self._queue.waiting
        )

    async def close(self) -> None:
        """Send what waits; a collector that is away is not waited for longer than two seconds."""
        end = threading.Thread(target=self._provider.shutdown, name="tracing-end", daemon=True)
        end.start()
        await asyncio.to_thread(end.join, _CLOSE_S)
        if end.is_alive():
            self._exporter.shutdown()
