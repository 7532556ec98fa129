"""Prometheus metrics, read from the state at scrape time; the core never mentions them."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from edge.cache.cache import EdgeCache
from edge.gossip import GossipNode
from edge.model import Status
from edge.shell.discovery import Discovery
from edge.shell.lag import LagMeter
from edge.shell.public import PublicFace
from edge.shell.udp import GossipTransport
from edge.state.traffic import Traffic

_GOSSIP_HELP = {
    "datagrams_sent": "Datagrams sent.",
    "bytes_sent": "Bytes sent in datagrams, sealed.",
    "payload_bytes_sent": "Bytes of payload before compression.",
    "datagrams_received": "Datagrams received, junk included.",
    "bytes_received": "Bytes received in datagrams.",
    "oversize": "Records too large for a datagram, refused or not passed on.",
    "misdirected": "Probes meant for another node at this address.",
    "seeds_failed": "Rounds in which no seed answered.",
    "probes": "Probes begun.",
    "probes_failed": "Probes that no answer ended.",
    "refusals": "Datagrams refused by the receiving system (ICMP port unreachable).",
    "refutations": "Accusations of this node that it refuted.",
    "syncs": "Anti-entropy exchanges begun.",
    "late_timers": "Times this process stood still for a quarter of a second or more.",
    "events_lost": "Events that nobody took in time.",
}
_STATE_HELP = {
    "durable_events": "Durable events that count at this moment.",
    "false_alarms": "Times a member spoke when its silence was a full doubt.",
    "limited": "Datagrams of which the storm guard let only part pass.",
    "quality_ratio": "Mean quality of the ways to members, 0 to 1.",
    "tick_seconds": "Interval of batched gossip at this moment.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The parts of one node that count something."""

    node: GossipNode
    transport: GossipTransport
    discovery: Discovery
    cache: EdgeCache
    traffic: Traffic
    face: PublicFace
    lag: LagMeter


class NodeCollector(Collector):
    """Everything one node counts."""

    def __init__(self, parts: Counted) -> None:
        self._parts = parts
        self._node = parts.node

    def collect(self) -> Iterator[Metric]:
        """All metrics at this moment."""
        yield from self._cluster()
        yield from self._gossip()
        yield from self._serving()
        yield from self._caching()

    def _cluster(self) -> Iterator[Metric]:
        members = GaugeMetricFamily("edge_members", "Members by held status.", labels=["status"])
        held = [one.member.status for one in self._node.view().nodes]
        for status in Status:
            members.add_metric([status.name.lower()], held.count(status))
        yield members
        yield GaugeMetricFamily(
            "edge_local_health_multiplier", "Lifeguard score: 0 is fine.", value=self._node.awareness
        )
        yield GaugeMetricFamily(
            "edge_event_loop_lag_seconds", "Smoothed event-loop lag.", value=self._parts.lag.lag_s
        )

    def _gossip(self) -> Iterator[Metric]:
        counters = self._node.counters
        for name, text in _GOSSIP_HELP.items():
            yield CounterMetricFamily(f"edge_gossip_{name}", text, value=getattr(counters, name))
        for name, value in self._node.state_figures().items():
            yield GaugeMetricFamily(f"edge_gossip_{name}", _STATE_HELP[name], value=value)
        dropped = CounterMetricFamily("edge_gossip_dropped", "Received datagrams dropped.", labels=["reason"])
        for reason, count in counters.dropped.items():
            dropped.add_metric([reason.value], count)
        yield dropped
        transport, discovery = self._parts.transport, self._parts.discovery
        yield CounterMetricFamily(
            "edge_gossip_send_errors", "Datagrams the system would not send.", value=transport.send_errors
        )
        yield CounterMetricFamily(
            "edge_seed_lookup_failures", "Lookups of a seed that gave no address.", value=discovery.failures
        )
        refused = self._node.members_refused
        yield CounterMetricFamily(
            "edge_gossip_members_refused", "Members the full table refused.", value=refused
        )
        yield GaugeMetricFamily("edge_gossip_sessions", "Senders' sessions held.", value=self._node.sessions)

    def _serving(self) -> Iterator[Metric]:
        traffic, own = self._parts.traffic, self._node.view().node(self._node.view().self_name)
        yield CounterMetricFamily("edge_requests", "Media requests answered.", value=traffic.requests_total)
        yield CounterMetricFamily("edge_sent_bytes", "Media bytes sent.", value=traffic.bytes_total)
        yield GaugeMetricFamily(
            "edge_streams",
            "Viewers, as last gossiped.",
            value=own.load.value.streams if own and own.load else 0,
        )
        redirects = CounterMetricFamily("edge_redirects", "Viewers redirected.", labels=["node"])
        for node, count in self._parts.face.redirects.items():
            redirects.add_metric([node], count)
        yield redirects
        yield CounterMetricFamily(
            "edge_unroutable", "Viewers no node could take.", value=self._parts.face.unroutable
        )

    def _caching(self) -> Iterator[Metric]:
        for name, value in asdict(self._parts.cache.counters).items():
            if isinstance(value, dict):
                labelled = CounterMetricFamily(
                    f"edge_cache_{name}", "Cache events by reason.", labels=["reason"]
                )
                for reason, count in value.items():
                    labelled.add_metric([str(reason)], count)
                yield labelled
            else:
                yield CounterMetricFamily(
                    f"edge_cache_{name}", f"Cache: {name.replace('_', ' ')}.", value=value
                )
        yield GaugeMetricFamily(
            "edge_cache_stored_bytes", "Bytes of stored bodies.", value=self._parts.cache.stored_bytes
        )
        yield GaugeMetricFamily(
            "edge_cache_stored_objects", "Stored objects.", value=self._parts.cache.stored_objects
        )


def exposition(collector: Collector) -> bytes:
    """The text format of one collector's metrics."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return generate_latest(registry)
