"""Metrics of signed URLs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

if TYPE_CHECKING:  # it is loaded where URLs are signed
    from edge.shell.signing.guard import Guard


def signing_metrics(guard: "Guard") -> Iterator[Metric]:
    """All of them at this moment."""
    refused = CounterMetricFamily(
        "edge_signing_refused", "Requests refused for want of a token that counts.", labels=["reason"]
    )
    for reason, count in guard.refused.items():
        refused.add_metric([reason], count)
    yield refused
    yield CounterMetricFamily(
        "edge_signing_verified", "Tokens whose signature was checked.", value=guard.verified
    )
    yield GaugeMetricFamily("edge_signing_keys", "Keys that tokens may be signed with.", value=guard.keys)
    yield CounterMetricFamily(
        "edge_signing_reloads", "Changed files of keys that were read.", value=guard.reloads
    )
    yield CounterMetricFamily(
        "edge_signing_reload_failures", "Changed files of keys that could not be used.", value=guard.failures
    )
