"""Prometheus metrics, read from the state at scrape time; the core never mentions them."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from edge.cache.backend import Backend
from edge.cache.cache import EdgeCache
from edge.decide.monsoon import Mode
from edge.decide.origins import Origins
from edge.gossip import GossipNode
from edge.model import Status
from edge.shell.adminport import AdminPort, of_admin
from edge.shell.audience import Audience
from edge.shell.audiencemetrics import of_audience
from edge.shell.backup import BackupSocket
from edge.shell.cachemetrics import of_cache
from edge.shell.cutmetrics import cut_metrics
from edge.shell.discovery import Discovery
from edge.shell.events import EventActor
from edge.shell.histograms import family_of, of_ways
from edge.shell.keykeeper import KeyKeeper
from edge.shell.keymetrics import of_keys
from edge.shell.kube.platform import Kubernetes
from edge.shell.kube.watch import REASONS
from edge.shell.lag import LagMeter
from edge.shell.monsoon import MonsoonRunner
from edge.shell.prewarm import Prewarmer
from edge.shell.public import PublicFace
from edge.shell.routes import Routes
from edge.shell.schedule import Schedule
from edge.shell.schedule_metrics import schedule_metrics
from edge.shell.signaturemetrics import of_signatures
from edge.shell.signing.metrics import signing_metrics
from edge.shell.steermetrics import of_steering
from edge.shell.tls import PublicTls
from edge.shell.tracing.hooks import Untraced
from edge.shell.trustmetrics import of_trust
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
    "disowned": "Records of this node, told by others, that it never made.",
    "names_refused": "Records of new names at an address where too many are.",
    "syncs": "Anti-entropy exchanges begun.",
    "bulk_asked": "Bulk syncs asked of other nodes.",
    "bulk_done": "Bulk syncs that came to their end.",
    "bulk_failed": "Bulk syncs that failed: no answer, a broken one, or too slow.",
    "bulk_turned_away": "Bulk syncs that a busy node put off.",
    "bulk_bytes_received": "Bytes of frames received by bulk sync.",
    "bulk_served": "Bulk syncs of other nodes answered.",
    "bulk_busy": "Bulk syncs of other nodes put off.",
    "bulk_refused": "Bulk syncs refused: of no member, used before, or meant for another process.",
    "bulk_bytes_sent": "Bytes of frames sent by bulk sync.",
    "backup_sent": "Datagrams sent on the second path; they count as sent, too.",
    "backup_bytes_sent": "Bytes sent on the second path, sealed.",
    "backup_received": "Datagrams received on the second path, junk included.",
    "backup_over_budget": "Datagrams that the second path's budget did not allow.",
    "backup_foreign": "Messages on the second path that do not belong there.",
    "late_timers": "Times this process stood still for a quarter of a second or more.",
    "events_lost": "Events that nobody took in time.",
}
_STATE_HELP = {
    "durable_events": "Durable events that count at this moment.",
    "durable_dropped": "Durable events so far that a full log did not take in, or let go before their time.",
    "false_alarms": "Times a member spoke when its silence was a full doubt.",
    "limited": "Datagrams of which the storm guard let only part pass.",
    "quality_ratio": "Mean quality of the ways to members, 0 to 1.",
    "tick_seconds": "Interval of batched gossip at this moment.",
}
_STATE_TOTALS = frozenset(
    {"durable_dropped", "false_alarms", "limited"}
)  # since the start; the rest is of the moment

_PREWARM_HELP = {
    "fetched": "Objects fetched before a viewer asked.",
    "fetched_bytes": "Bytes fetched before a viewer asked.",
    "failed": "Objects that could not be had, or not be kept.",
    "held": "Objects that were announced and here already.",
    "used": "Of those fetched, segments that viewers of this node asked for later.",
    "unused": "Of those fetched, segments that left before anybody asked.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The parts of one node that count something."""

    cluster: str  # the name of the node's
    node: GossipNode
    transport: GossipTransport
    backup: BackupSocket
    discovery: Discovery
    cache: EdgeCache
    backend: Backend
    traffic: Traffic
    face: PublicFace
    lag: LagMeter
    monsoon: MonsoonRunner
    prewarm: Prewarmer
    schedule: Schedule
    audience: Audience
    origins: Origins
    tls: PublicTls
    tracing: Untraced
    admin: AdminPort
    events: EventActor
    keys: KeyKeeper
    kubernetes: Kubernetes | None = None


class NodeCollector(Collector):
    """Everything one node counts."""

    def __init__(self, parts: Counted) -> None:
        self._parts = parts
        self._node = parts.node

    def collect(self) -> Iterator[Metric]:
        """All metrics at this moment."""
        yield from self._cluster()
        yield from self._gossip()
        yield from of_ways(self._node)
        yield from self._serving()
        yield from of_cache(self._parts.cache, self._parts.backend)
        yield from _of_origins(self._parts.origins)
        yield from _of_tls(self._parts.tls)
        yield from self._parts.tracing.metrics()
        yield from of_admin(self._parts.admin, self._parts.events.origins)
        yield from of_keys(self._parts.keys)
        yield from _of_monsoon(self._parts.monsoon)
        yield from _of_prewarm(self._parts.prewarm)
        if self._parts.face.steering:
            yield from of_steering(self._parts.face.steering)
        yield from schedule_metrics(self._parts.schedule)
        if self._parts.face.signing:
            yield from signing_metrics(self._parts.face.signing)
        yield from of_audience(self._parts.audience)
        yield from of_trust(self._node)
        yield from of_signatures(self._node)
        if self._parts.kubernetes:
            yield from _of_kubernetes(self._parts.kubernetes)

    def _cluster(self) -> Iterator[Metric]:
        yield self._info()
        members = GaugeMetricFamily("edge_members", "Members by held status.", labels=["status"])
        held = [one.member.status for one in self._node.view().nodes]
        for status in Status:
            members.add_metric([status.name.lower()], held.count(status))
        yield members
        yield from cut_metrics(self._node.view().partition)
        yield GaugeMetricFamily(
            "edge_local_health_multiplier", "Lifeguard score: 0 is fine.", value=self._node.awareness
        )
        yield GaugeMetricFamily(
            "edge_event_loop_lag_seconds", "Smoothed event-loop lag.", value=self._parts.lag.lag_s
        )

    def _info(self) -> Metric:
        """Who it is: other metrics are joined with it to tell them by zone, so that they need not all bear it."""
        view = self._node.view()
        names = ["cluster", "name", "region", "zone", "isp"]
        told = GaugeMetricFamily("edge_node_info", "Always 1; its labels say who this node is.", labels=names)
        own = view.node(view.self_name)
        if own:
            member = own.member
            told.add_metric([self._parts.cluster, member.name, member.region, member.zone, member.isp], 1)
        return told

    def _gossip(self) -> Iterator[Metric]:
        counters = self._node.counters
        for name, text in _GOSSIP_HELP.items():
            yield CounterMetricFamily(_gossip_name(name), text, value=getattr(counters, name))
        for name, value in self._node.state_figures().items():
            family = CounterMetricFamily if name in _STATE_TOTALS else GaugeMetricFamily
            yield family(f"edge_gossip_{name}", _STATE_HELP[name], value=value)
        dropped = CounterMetricFamily("edge_gossip_dropped", "Received frames dropped.", labels=["reason"])
        for reason, count in counters.dropped.items():
            dropped.add_metric([reason.value], count)
        yield dropped
        transport, discovery = self._parts.transport, self._parts.discovery
        yield CounterMetricFamily(
            "edge_gossip_send_errors",
            "Datagrams the system would not send.",
            value=transport.send_errors + self._parts.backup.send_errors,
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
        redirects = CounterMetricFamily(
            "edge_redirects", "Viewers redirected, by the node they were sent to.", labels=["to"]
        )
        for node, count in self._parts.face.routes.redirects.items():
            redirects.add_metric([node], count)
        yield redirects
        yield CounterMetricFamily(
            "edge_unroutable", "Viewers no node could take.", value=self._parts.face.routes.unroutable
        )
        yield from _of_routing(self._parts.face.routes)


def _gossip_name(counter: str) -> str:
    """The metric of a counter: Prometheus wants the unit last, `sent_bytes` for `bytes_sent`."""
    return "edge_gossip_" + re.sub(r"bytes_(sent|received)$", r"\1_bytes", counter)


def _of_origins(origins: Origins) -> Iterator[Metric]:
    up = GaugeMetricFamily("edge_origin_up", "1 for an origin that is asked.", labels=["origin"])
    requests = CounterMetricFamily("edge_origin_requests", "Requests to an origin.", labels=["origin"])
    failures = CounterMetricFamily(
        "edge_origin_failures", "Requests to an origin that failed by its fault.", labels=["origin", "reason"]
    )
    checks = CounterMetricFamily("edge_origin_checks", "Checks of an origin.", labels=["origin", "outcome"])
    for state in origins.states:
        name = state.server.name
        up.add_metric([name], origins.is_up(state))
        requests.add_metric([name], state.requests)
        for reason, count in state.failed.items():
            failures.add_metric([name, reason], count)
        checks.add_metric([name, "passed"], state.checks - state.checks_failed)
        checks.add_metric([name, "failed"], state.checks_failed)
    yield from (up, requests, failures, checks)


def _of_routing(routes: Routes) -> Iterator[Metric]:
    places = routes.locator.places
    yield CounterMetricFamily(
        "edge_routing_views", "Views of the cluster made ready for routing.", value=routes.router.tables
    )
    yield family_of(
        "edge_routing_answer_seconds",
        "How long this node took to answer where a viewer shall go.",
        "",
        {"": routes.took},
    )
    yield GaugeMetricFamily("edge_places", "Networks in the table of places.", value=len(places.table))
    yield CounterMetricFamily(
        "edge_places_reloads", "Changed tables of places that were read.", value=places.reloads
    )
    yield CounterMetricFamily(
        "edge_places_failures", "Changed tables of places that could not be used.", value=places.failures
    )


def _of_tls(tls: PublicTls) -> Iterator[Metric]:
    if tls.expires_s is not None:
        yield GaugeMetricFamily(
            "edge_tls_certificate_expiry_timestamp_seconds",
            "When the certificate of the public port expires, seconds since 1970.",
            value=tls.expires_s,
        )
    yield CounterMetricFamily("edge_tls_reloads", "Changed TLS files that were read.", value=tls.reloads)
    yield CounterMetricFamily(
        "edge_tls_reload_failures", "Changed TLS files that could not be used.", value=tls.failures
    )


def _of_monsoon(monsoon: MonsoonRunner) -> Iterator[Metric]:
    yield GaugeMetricFamily("edge_monsoon_level", "Level of degradation, 0 to 4.", value=monsoon.level)
    modes = GaugeMetricFamily("edge_monsoon_mode", "1 for the mode of this moment.", labels=["mode"])
    changes = CounterMetricFamily(
        "edge_monsoon_transitions", "Changes of mode or level, by the mode they led to.", labels=["mode"]
    )
    for mode in Mode:
        modes.add_metric([mode.value], mode is monsoon.mode)
        changes.add_metric([mode.value], monsoon.transitions[mode])
    refused = CounterMetricFamily(
        "edge_monsoon_refused", "Requests turned away while service is degraded.", labels=["reason"]
    )
    for reason, count in monsoon.gate.refused.items():
        refused.add_metric([reason], count)
    yield from (modes, changes, refused)


def _of_prewarm(prewarm: Prewarmer) -> Iterator[Metric]:
    refused = CounterMetricFamily(
        "edge_prewarm_refused", "Wishes to fetch that had to wait or were left, by bound.", labels=["reason"]
    )
    for name, value in asdict(prewarm.counters).items():
        if name == "refused":
            for reason, count in value.items():
                refused.add_metric([reason], count)
        else:
            yield CounterMetricFamily(f"edge_prewarm_{name}", _PREWARM_HELP[name], value=value)
    refused.add_metric(["announced"], prewarm.announcements.dropped)
    yield refused
    yield GaugeMetricFamily(
        "edge_prewarm_unused_bytes", "Bytes fetched and here, but not asked for.", value=prewarm.unused_bytes
    )


def _of_kubernetes(kubernetes: Kubernetes) -> Iterator[Metric]:
    watch, picture, writer = kubernetes.watch, kubernetes.picture, kubernetes.writer
    yield GaugeMetricFamily(
        "edge_kubernetes_endpoints", "Pods that the EndpointSlices list.", value=len(picture.addresses)
    )
    yield CounterMetricFamily("edge_kubernetes_lists", "Lists of EndpointSlices.", value=watch.lists)
    yield CounterMetricFamily(
        "edge_kubernetes_watches", "Watches of EndpointSlices begun, renewals included.", value=watch.watches
    )
    errors = CounterMetricFamily(
        "edge_kubernetes_errors", "Lists and watches that failed.", labels=["reason"]
    )
    for reason in REASONS:
        errors.add_metric([reason], watch.errors[reason])
    yield errors
    yield CounterMetricFamily(
        "edge_kubernetes_ignored", "Slices and pods beyond the bounds.", value=picture.ignored
    )
    yield CounterMetricFamily(
        "edge_kubernetes_settled", "Suspicions settled by a pod's deletion.", value=kubernetes.settled
    )
    yield CounterMetricFamily("edge_kubernetes_events_written", "Events on the pod.", value=writer.written)
    yield CounterMetricFamily(
        "edge_kubernetes_events_dropped", "Events refused, too many or too old.", value=writer.dropped
    )


def exposition(collector: Collector) -> bytes:
    """The text format of one collector's metrics."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return generate_latest(registry)
