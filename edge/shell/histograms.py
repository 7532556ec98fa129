"""Histograms as metrics, and what is measured of the ways between nodes."""

from collections.abc import Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.utils import floatToGoString

from edge.decide.schedule import cluster_ahead_s
from edge.gossip import GossipNode
from edge.state.histogram import Histogram


def family_of(name: str, text: str, label: str, found: Mapping[str, Histogram]) -> Metric:
    """One metric of these histograms.

    Args:
        name: with the unit at its end.
        text: what it means.
        label: what tells them apart; "" where there is one alone.
        found: by the label's value.
    """
    family = HistogramMetricFamily(name, text, labels=[label] if label else [])
    for value, one in found.items():
        buckets = [(_bound(bound), count) for bound, count in one.upto()]
        family.add_metric([value] if label else [], buckets, one.total)
    return family


def _bound(value: float) -> str:
    """As Go writes it, which Prometheus reads."""
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]


def of_ways(node: GossipNode) -> Iterator[Metric]:
    """Round trips, how fast news comes, and this node's clock against those of others."""
    counters = node.counters
    yield family_of(
        "edge_gossip_propagation_seconds",
        "Age of others' news when it came here first: of loads (regular; one of each message, in steps of 0.05 s) and "
        "durable events (urgent). Probes tell how clocks differ, to half a round trip; a member not probed yet, and "
        "what was made before this process started, are left out.",
        "class",
        {"regular": counters.regular_age, "urgent": counters.urgent_age},
    )
    yield family_of(
        "edge_gossip_probe_rtt_seconds",
        "Round trips of probes that were answered at the first try.",
        "",
        {"": counters.probe_rtt},
    )
    yield GaugeMetricFamily(
        "edge_clock_ahead_seconds",
        "How far this node's clock is ahead of the cluster's, the middle one of all; below 0: behind.",
        value=-cluster_ahead_s(node.view()),
    )
