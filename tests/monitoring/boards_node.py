"""What two dashboards show: degradation and cuts, and one node."""

from monitoring.boards_fleet import LAG_BY_ZONE, LOAD_BY_ZONE, ORIGIN_UP, STAT
from monitoring.panels import CLUSTER, NODE, Panel, Steps, by, quantiles, rate, split, total

_MODES = {0: "full service", 1: "watch", 2: "Monsoon 2", 3: "Monsoon 3", 4: "Monsoon 4"}


def _own(query: str, how: str = "sum") -> str:
    return total(query, how, NODE)


MONSOON = (
    Panel(
        title="Members lost in a cut",
        text="From the side that has lost most; 0: there is no cut. Runbook: EdgePartition.",
        unit="none",
        queries=(("lost", total("edge_partition_lost", "max", CLUSTER)),),
        kind="stat",
        steps=Steps(red=1),
        size=STAT,
    ),
    Panel(
        title="Nodes that see a cut",
        text="A cut that all nodes see divides the cluster; one that few see cuts off few.",
        unit="none",
        queries=(("nodes", total("(edge_partition_lost > bool 0)")),),
        kind="stat",
        steps=Steps(red=1),
        size=STAT,
    ),
    Panel(
        title="Monsoon level",
        text="Of the node that degrades its service most. Runbook: EdgeMonsoon.",
        unit="none",
        queries=(("level", total("edge_monsoon_level", "max")),),
        kind="stat",
        steps=Steps(1, 2),
        words=_MODES,
        size=(8, 4),
    ),
    Panel(
        title="Requests refused",
        text="In each second, while service is degraded: what is recorded first, then what is not cached.",
        unit="reqps",
        queries=(("refused", total(rate("edge_monsoon_refused_total"))),),
        kind="stat",
        steps=Steps(red=0.1),
        size=STAT,
    ),
    Panel(
        title="Caps on bitrate",
        text="Places whose players get no more than some bitrate, since they ran dry.",
        unit="none",
        queries=(("caps", f"{total('edge_quality_cap_kbps', 'count', CLUSTER)} or vector(0)"),),
        kind="stat",
        steps=Steps(1),
        size=STAT,
    ),
    Panel(
        title="Monsoon level by zone",
        text="Worst node of a zone: 0 is full service; 2 to 4 shed more and more.",
        unit="none",
        queries=(("{{zone}}", by("zone", "edge_monsoon_level", "max")),),
        steps=Steps(1, 2),
        most=4,
        decimals=0,
    ),
    Panel(
        title="Nodes by mode",
        text="How nodes stand: all clear, watching, degraded, recovering.",
        unit="none",
        queries=(("{{mode}}", split("mode", "edge_monsoon_mode")),),
        stacked=True,
    ),
    Panel(
        title="Members lost, by zone",
        text="Seen from the worst node of a zone. The smaller side of a cut has lost the more.",
        unit="none",
        queries=(("{{zone}}", by("zone", "edge_partition_lost", "max")),),
        steps=Steps(red=1),
        decimals=0,
    ),
    Panel(
        title="Changes of mode",
        text="In five minutes, by the mode they led to. Many to and fro: see what is at its threshold.",
        unit="none",
        queries=(("{{mode}}", split("mode", "increase(edge_monsoon_transitions_total[5m])")),),
        decimals=0,
    ),
    Panel(
        title="Second path",
        text="Datagrams a second that cross a cut on it, and those that its budget did not allow.",
        unit="pps",
        queries=(
            ("sent", total(rate("edge_gossip_backup_sent_total"))),
            ("over budget", total(rate("edge_gossip_backup_over_budget_total"))),
        ),
    ),
    Panel(
        title="Ways between nodes, by zone",
        text="Mean quality of the ways to members, worst node of a zone: 1 is no loss. A cause of Monsoon.",
        unit="percentunit",
        queries=(("{{zone}}", by("zone", "edge_gossip_quality_ratio", "min")),),
        low=Steps(0.9, 0.7),
        most=1,
    ),
    LOAD_BY_ZONE,
    LAG_BY_ZONE,
    ORIGIN_UP,
)

DETAIL = (
    Panel(
        title="Viewers",
        text="Viewers of this node, as it last told others.",
        unit="short",
        queries=(("viewers", _own("edge_streams")),),
        kind="stat",
        size=STAT,
    ),
    Panel(
        title="Load",
        text="Viewers against what it can carry now.",
        unit="percentunit",
        queries=(("load", f"{_own('edge_streams')} / {_own('edge_safe_load_viewers')}"),),
        kind="stat",
        steps=Steps(0.8, 0.9),
        size=STAT,
    ),
    Panel(
        title="Scraped",
        text="Whether Prometheus reaches it. Runbook: EdgeNodeDown.",
        unit="none",
        queries=(("up", _own("up")),),
        kind="stat",
        low=Steps(1),
        words={0: "no", 1: "yes"},
        size=STAT,
    ),
    Panel(
        title="Monsoon level",
        text="0 is full service, from 2 on viewers see it.",
        unit="none",
        queries=(("level", _own("edge_monsoon_level")),),
        kind="stat",
        steps=Steps(1, 2),
        words=_MODES,
        size=STAT,
    ),
    Panel(
        title="Sees alive",
        text="Members that it holds for alive; compare with another node.",
        unit="none",
        queries=(("alive", _own('edge_members{status="alive"}')),),
        kind="stat",
        size=STAT,
    ),
    Panel(
        title="Health of its own",
        text="Lifeguard score: 0 is fine; a node that is slow or cut off doubts itself before it accuses others.",
        unit="none",
        queries=(("score", _own("edge_local_health_multiplier")),),
        kind="stat",
        steps=Steps(1, 4),
        size=STAT,
    ),
    Panel(
        title="Viewers and room",
        text="Its viewers, and how many it can carry, by what limits it: streams, bandwidth or lag.",
        unit="short",
        queries=(
            ("viewers", _own("edge_streams")),
            ("room ({{binding}})", split("binding", "edge_safe_load_viewers", "sum", NODE)),
        ),
    ),
    Panel(
        title="Requests",
        text="Media requests a second, viewers it sent on, and requests of other nodes.",
        unit="reqps",
        queries=(
            ("media", _own(rate("edge_requests_total"))),
            ("sent on", _own(rate("edge_redirects_total"))),
            ("of other nodes", _own(rate("edge_cache_peer_requests_total"))),
        ),
    ),
    Panel(
        title="Media",
        text="Bits a second to viewers, and bits a second fetched for them.",
        unit="bps",
        queries=(
            ("sent", f"8 * {_own(rate('edge_sent_bytes_total'))}"),
            ("fetched", f"8 * {_own(rate('edge_cache_filled_bytes_total'))}"),
        ),
    ),
    Panel(
        title="Hits",
        text="Share of requests answered by what is stored.",
        unit="percentunit",
        queries=(
            (
                "hits",
                f"{_own(rate('edge_cache_hits_total'))} / {_own(rate('edge_cache_requests_total'))}",
            ),
        ),
        low=Steps(0.8, 0.5),
        most=1,
    ),
    Panel(
        title="Tiers",
        text="Bytes that memory, disk or nginx hold.",
        unit="bytes",
        queries=(("{{tier}}", split("tier", "edge_cache_tier_bytes", "sum", NODE)),),
        stacked=True,
    ),
    Panel(
        title="Event-loop lag",
        text="How late it does what is due. From 0.1 s on others may suspect it.",
        unit="s",
        queries=(("lag", _own("edge_event_loop_lag_seconds")),),
        steps=Steps(0.1, 0.25),
    ),
    Panel(
        title="Gossip",
        text="Bytes a second in datagrams, sealed.",
        unit="Bps",
        queries=(
            ("sent", _own(rate("edge_gossip_sent_bytes_total"))),
            ("received", _own(rate("edge_gossip_received_bytes_total"))),
        ),
    ),
    Panel(
        title="Members, as it sees them",
        text="By status. Suspect for long is a way that loses much.",
        unit="none",
        queries=(("{{status}}", split("status", "edge_members", "sum", NODE)),),
        decimals=0,
    ),
    Panel(
        title="95% take at most",
        text="Fills from the origin, round trips of probes, the age of loads when they come, and answers where to go.",
        unit="s",
        queries=tuple(
            (legend, quantiles(f"edge_{name}_seconds", labels, NODE)[1][1])
            for legend, name, labels in (
                ("fills", "cache_fill", '{outcome="origin"}'),
                ("round trips", "gossip_probe_rtt", ""),
                ("age of loads", "gossip_propagation", '{class="regular"}'),
                ("answers", "routing_answer", ""),
            )
        ),
    ),
    Panel(
        title="What went wrong",
        text="In each second: datagrams dropped, probes without an answer, times it stood still, sends that failed.",
        unit="ops",
        queries=(
            ("dropped", _own(rate("edge_gossip_dropped_total"))),
            ("probes failed", _own(rate("edge_gossip_probes_failed_total"))),
            ("stood still", _own(rate("edge_gossip_late_timers_total"))),
            ("send errors", _own(rate("edge_gossip_send_errors_total"))),
        ),
        steps=Steps(1),
    ),
)
