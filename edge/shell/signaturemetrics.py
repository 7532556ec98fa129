"""Metrics of signed records, read at scrape time."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from edge.gossip import GossipNode


def of_signatures(node: GossipNode) -> Iterator[Metric]:
    """Who signs, what was verified, and what was refused, why."""
    told = node.signatures
    yield GaugeMetricFamily(
        "edge_signatures_members",
        "Members whose record is held with a signature.",
        value=sum(bool(one.member.proof) for one in node.view().nodes),
    )
    yield CounterMetricFamily(
        "edge_signatures_made", "Times this node signed its own record.", value=told.made
    )
    yield CounterMetricFamily(
        "edge_signatures_verified", "Records whose signature was looked at, and fits.", value=told.verified
    )
    refused = CounterMetricFamily(
        "edge_signatures_refused",
        "Records that were not taken, for they are not their owner's word.",
        labels=["reason"],
    )
    for reason, count in told.refused.items():
        refused.add_metric([reason.value], count)
    yield refused
    yield CounterMetricFamily(
        "edge_signatures_ahead",
        "Accusations of a later time than the signed record held; the record was asked for.",
        value=told.ahead,
    )
