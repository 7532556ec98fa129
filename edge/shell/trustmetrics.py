"""Metrics of what this node thinks of its peers, read at scrape time. Which members they are, `edge members` says."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from edge.gossip import GossipNode

_DOUBTED = 50


def of_trust(node: GossipNode) -> Iterator[Metric]:
    """Faults, doubts, and whose word was not taken."""
    nodes = node.view().nodes
    faults = CounterMetricFamily(
        "edge_trust_faults", "Times a member did what no honest one does.", labels=["reason"]
    )
    for kind, count in node.trust.faults.items():
        faults.add_metric([kind.value], count)
    yield faults
    yield GaugeMetricFamily(
        "edge_trust_quarantined",
        "Members that get no viewers, for they are not believed.",
        value=sum(one.quarantined for one in nodes),
    )
    yield GaugeMetricFamily(
        "edge_trust_doubted",
        "Members of which half of the trust, or more, is lost.",
        value=sum(one.reputation < _DOUBTED for one in nodes),
    )
    yield GaugeMetricFamily(
        "edge_trust_doubters", "Members that doubt this node.", value=len(node.trust.doubters)
    )
    yield CounterMetricFamily(
        "edge_trust_ignored", "Messages of members that are not believed.", value=node.trust.ignored
    )
    yield CounterMetricFamily(
        "edge_trust_crowded",
        "Times a member was not quarantined, for a third of all were.",
        value=node.trust.crowded,
    )
