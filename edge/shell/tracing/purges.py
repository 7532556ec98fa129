"""Spans of purges: one trace over all nodes, from when a purge was asked for to when each has done it.

Gossip carries no trace. Each node makes the ids of the trace from what names the event everywhere, its origin and time.
"""

import time
from collections.abc import Callable

from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, Span, get_current_span, set_span_in_context

from edge.cache.backend import Purges
from edge.cache.purge import Purge
from edge.config import NodeConfig
from edge.shell.tracing.sending import Sending

_AT_ONCE_S = 5.0  # the node that was asked acts within it; later it is told again, as after a restart


class TracedPurges:
    """A backend whose purges are spans.

    Args:
        backend: purges.
        sending: takes the spans.
        node: whose it is.
    """

    def __init__(self, backend: Purges, sending: Sending, node: NodeConfig) -> None:
        self._backend = backend
        self._sending = sending
        self._node = node

    @property
    def recorded(self) -> bool:
        """Whether no purge so far can be undone by a restart."""
        return self._backend.recorded

    def when_recorded(self, told: Callable[[], None]) -> None:
        """Call `told` once `recorded` holds."""
        self._backend.when_recorded(told)

    def purge(self, purge: Purge, ident: str = "", issued_s: float = 0.0) -> int:
        """Begin a purge; its span ends when a restart cannot undo it."""
        span = self._begin(ident, issued_s)
        hit = self._backend.purge(purge, ident, issued_s)
        if span.is_recording():
            span.set_attributes(
                {
                    "edge.purge.what": purge.what,
                    "edge.purge.value": purge.value,
                    "edge.purge.soft": purge.soft,
                    "edge.purge.objects": hit,
                    "edge.purge.asked_at": ident.rpartition(" ")[0],
                    "edge.purge.age_s": issued_s,
                }
            )
        self._backend.when_recorded(span.end)
        return hit

    def _begin(self, ident: str, issued_s: float) -> Span:
        """The root where the purge was asked for, as of then; a child of it elsewhere."""
        root, tracer = self._sending.known_root(f"{self._node.cluster} {ident}"), self._sending.tracer
        if ident.rpartition(" ")[0] != self._node.name or issued_s > _AT_ONCE_S:
            return tracer.start_span("purge", set_span_in_context(NonRecordingSpan(root), Context()))
        asked = get_current_span().get_span_context()  # of a PURGE at the public port
        links = [Link(asked)] if asked.is_valid else []
        began_ns = time.time_ns() - int(1e9 * max(0.0, issued_s))
        self._sending.name_next(root)
        try:
            return tracer.start_span("purge", Context(), links=links, start_time=began_ns)
        finally:
            self._sending.name_next(None)
