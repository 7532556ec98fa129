"""What three dashboards show of all nodes: the match, gossip, cache and origin."""

from monitoring.panels import CLUSTER, Panel, Steps, by, quantiles, rate, split, total

STAT = (4, 4)
_STREAMS, _ROOM = "edge_streams", "edge_safe_load_viewers"
_REQUESTS, _HITS = rate("edge_cache_requests_total"), rate("edge_cache_hits_total")
_ORIGIN = rate("edge_origin_requests_total")
_LOADS = Steps(0.8, 0.9)
_ALIVE = 'edge_members{status="alive"}'
_UNWELL = 'edge_members{status=~"suspect|unreachable"}'

LOAD_BY_ZONE = Panel(
    title="Load by zone",
    text="Viewers against what the zone's nodes can carry now. From 0.9 on new sessions go elsewhere: add nodes.",
    unit="percentunit",
    queries=(("{{zone}}", f"{by('zone', _STREAMS)} / {by('zone', _ROOM)}"),),
    steps=_LOADS,
)
LAG_BY_ZONE = Panel(
    title="Event-loop lag, worst node of a zone",
    text="How late a node does what is due. From 0.1 s on others may suspect it; from 0.25 s it takes nobody new.",
    unit="s",
    queries=(("{{zone}}", by("zone", "edge_event_loop_lag_seconds", "max")),),
    steps=Steps(0.1, 0.25),
)
ORIGIN_UP = Panel(
    title="Origins that are asked",
    text="Share of nodes that ask an origin; below 1 some have found that it fails. Runbook: EdgeOriginDown.",
    unit="percentunit",
    queries=(("{{origin}}", split("origin", "edge_origin_up", "avg")),),
    low=Steps(1.0, 0.5),
    most=1,
)

MATCH = (
    Panel(
        title="Viewers",
        text="Viewers on the nodes that are picked.",
        unit="short",
        queries=(("viewers", total(_STREAMS)),),
        kind="stat",
        size=STAT,
    ),
    Panel(
        title="Media sent",
        text="Bits of media a second to viewers.",
        unit="bps",
        queries=(("sent", f"8 * {total(rate('edge_sent_bytes_total'))}"),),
        kind="stat",
        size=STAT,
    ),
    Panel(
        title="Load",
        text="Viewers against what nodes can carry now. Above 0.9 there is no room for the loss of a node.",
        unit="percentunit",
        queries=(("load", f"{total(_STREAMS)} / {total(_ROOM)}"),),
        kind="stat",
        steps=_LOADS,
        size=STAT,
    ),
    Panel(
        title="Spared the origin",
        text="Share of requests that cost the origin none. With a great audience 99.9%; with few viewers less.",
        unit="percentunit",
        queries=(("spared", f"1 - {total(_ORIGIN)} / {total(rate('edge_requests_total'))}"),),
        kind="stat",
        low=Steps(0.8, 0.5),
        size=STAT,
        decimals=2,
    ),
    Panel(
        title="Nodes alive",
        text="As the node sees it that sees most; all nodes of the cluster, whatever zone is picked.",
        unit="none",
        queries=(("alive", total(_ALIVE, "max", CLUSTER)),),
        kind="stat",
        size=STAT,
    ),
    Panel(
        title="Monsoon level",
        text="Of the node that degrades its service most: 0 is full service, from 2 on viewers see it.",
        unit="none",
        queries=(("level", total("edge_monsoon_level", "max")),),
        kind="stat",
        steps=Steps(1, 2),
        size=STAT,
    ),
    Panel(
        title="Viewers by zone",
        text="Where they are served; a zone that falls while others rise has lost nodes or is full.",
        unit="short",
        queries=(("{{zone}}", by("zone", _STREAMS)),),
        stacked=True,
    ),
    Panel(
        title="Media sent by zone",
        text="Bits of media a second to viewers.",
        unit="bps",
        queries=(("{{zone}}", f"8 * {by('zone', rate('edge_sent_bytes_total'))}"),),
        stacked=True,
    ),
    LOAD_BY_ZONE,
    Panel(
        title="Viewers turned away",
        text="Sessions refused for want of room, viewers whom no node could take, requests refused by Monsoon. "
        "All should be 0.",
        unit="reqps",
        queries=(
            ("no room ({{reason}})", split("reason", rate("edge_admission_refused_total"))),
            ("no node", total(rate("edge_unroutable_total"))),
            ("Monsoon", total(rate("edge_monsoon_refused_total"))),
        ),
        steps=Steps(red=0.1),
    ),
    Panel(
        title="Players that ran dry, by zone",
        text="Share of requests by players whose buffer was empty, as players tell by CMCD. Every node knows all.",
        unit="percentunit",
        queries=(
            ("{{zone}}", split("zone", 'edge_quality_stall_ratio{isp="",zone=~"$zone"}', "max", CLUSTER)),
        ),
        steps=Steps(0.01, 0.05),
    ),
    Panel(
        title="Room needed and there",
        text="Streams that must have room for what is scheduled, and what living nodes carry safely.",
        unit="short",
        queries=(
            ("needed", total("edge_schedule_needed_streams", "max", CLUSTER)),
            ("there", total("edge_schedule_capacity_streams", "max", CLUSTER)),
        ),
    ),
    Panel(
        title="Answers where to go",
        text="How long a node takes to answer who asks for one. No line while nobody asks.",
        unit="s",
        queries=quantiles("edge_routing_answer_seconds"),
        steps=Steps(0.005, 0.025),
    ),
)

GOSSIP = (
    Panel(
        title="Nodes alive",
        text="As the node sees it that sees most.",
        unit="none",
        queries=(("alive", total(_ALIVE, "max", CLUSTER)),),
        kind="stat",
        size=STAT,
    ),
    Panel(
        title="Suspect or unreachable",
        text="As the node sees it that sees most of them. Runbook: EdgeMemberUnreachable.",
        unit="none",
        queries=(("not well", f"max (sum by (job, instance) ({_UNWELL}) and on (job, instance) {CLUSTER})"),),
        kind="stat",
        steps=Steps(1, 2),
        size=STAT,
    ),
    Panel(
        title="Views differ by",
        text="Most less fewest members alive that a node sees; above 0 for long, the cluster is split.",
        unit="none",
        queries=(("members", f"{total(_ALIVE, 'max', CLUSTER)} - {total(_ALIVE, 'min', CLUSTER)}"),),
        kind="stat",
        steps=Steps(red=1),
        size=STAT,
    ),
    Panel(
        title="Sent by a node",
        text="Bytes of gossip a second, mean of the nodes. 300 nodes whose load changes all the time: 48 kB/s.",
        unit="Bps",
        queries=(("sent", total(rate("edge_gossip_sent_bytes_total"), "avg")),),
        kind="stat",
        steps=Steps(48_000, 72_000),
        size=STAT,
    ),
    Panel(
        title="False alarms in an hour",
        text="Members who spoke when their silence was a full doubt. A healthy network has none.",
        unit="none",
        queries=(("alarms", total("increase(edge_gossip_false_alarms_total[1h])")),),
        kind="stat",
        steps=Steps(1, 10),
        size=STAT,
        decimals=0,
    ),
    Panel(
        title="Ways between nodes",
        text="Mean quality of the ways to members, worst node: 1 is no loss.",
        unit="percentunit",
        queries=(("quality", total("edge_gossip_quality_ratio", "min")),),
        kind="stat",
        low=Steps(0.9, 0.7),
        most=1,
        size=STAT,
    ),
    Panel(
        title="Members by status",
        text="As the node sees it that sees most of each.",
        unit="none",
        queries=(("{{status}}", split("status", "edge_members", "max", CLUSTER)),),
    ),
    Panel(
        title="Probes that failed, by zone",
        text="Share of probes that no answer ended: loss, or nodes that are gone.",
        unit="percentunit",
        queries=(
            (
                "{{zone}}",
                f"{by('zone', rate('edge_gossip_probes_failed_total'))}"
                f" / {by('zone', rate('edge_gossip_probes_total'))}",
            ),
        ),
        steps=Steps(0.05, 0.25),
    ),
    LAG_BY_ZONE,
    Panel(
        title="Age of loads on arrival",
        text="How old others' loads are when they come: what routing goes by. Runbook: EdgePropagationSlow.",
        unit="s",
        queries=quantiles("edge_gossip_propagation_seconds", '{class="regular"}'),
        steps=Steps(0.7, 2),
    ),
    Panel(
        title="Age of events on arrival",
        text="How old purges, overrides and schedules are when they come. No line while there are none.",
        unit="s",
        queries=quantiles("edge_gossip_propagation_seconds", '{class="urgent"}'),
        steps=Steps(0.5, 2),
    ),
    Panel(
        title="Round trips",
        text="Of probes that were answered at the first try: the ways between nodes, and how busy the nodes are.",
        unit="s",
        queries=quantiles("edge_gossip_probe_rtt_seconds"),
        steps=Steps(0.25, 0.5),
    ),
    Panel(
        title="Clock that is furthest off",
        text="Against the middle one of the cluster's, worst node of a zone. Runbook: EdgeClockWrong.",
        unit="s",
        queries=(("{{zone}}", by("zone", "abs(edge_clock_ahead_seconds)", "max")),),
        steps=Steps(0.5, 2),
    ),
    Panel(
        title="Gossip of a node, by zone",
        text="Bytes a second that a node sends, mean of its zone. 300 nodes whose load changes: 48 kB/s.",
        unit="Bps",
        queries=(("{{zone}}", by("zone", rate("edge_gossip_sent_bytes_total"), "avg")),),
        steps=Steps(48_000, 72_000),
    ),
    Panel(
        title="Datagrams dropped",
        text="Received and of no use, by reason. Another key or version: runbook, EdgeForeignDatagrams.",
        unit="pps",
        queries=(
            ("all", total(rate("edge_gossip_dropped_total"))),
            ("{{reason}}", f"{split('reason', rate('edge_gossip_dropped_total'))} > 0"),
        ),
        steps=Steps(1),
    ),
    Panel(
        title="Catching up",
        text="Anti-entropy exchanges, bulk syncs, accusations refuted, in each second: many mean a heal or a restart.",
        unit="ops",
        queries=(
            ("syncs", total(rate("edge_gossip_syncs_total"))),
            ("bulk syncs", total(rate("edge_gossip_bulk_done_total"))),
            ("bulk syncs failed", total(rate("edge_gossip_bulk_failed_total"))),
            ("refutations", total(rate("edge_gossip_refutations_total"))),
        ),
    ),
)

CACHE = (
    Panel(
        title="Hits by zone",
        text="Share of requests answered by what is stored. nginx's own hits are not among them.",
        unit="percentunit",
        queries=(("{{zone}}", f"{by('zone', _HITS)} / {by('zone', _REQUESTS)}"),),
        low=Steps(0.8, 0.5),
        most=1,
    ),
    Panel(
        title="Fetched, from where",
        text="Fills a second from the origin and from other nodes, and those begun before a viewer asked.",
        unit="ops",
        queries=(
            ("origin", total(_ORIGIN)),
            ("other nodes", total(rate("edge_cache_peer_fills_total"))),
            ("prefetched, of them", total(rate("edge_cache_prefetched_total"))),
        ),
    ),
    ORIGIN_UP,
    Panel(
        title="Requests to each origin",
        text="In each second, from all nodes; it hardly grows with the audience.",
        unit="reqps",
        queries=(("{{origin}}", split("origin", _ORIGIN)),),
    ),
    Panel(
        title="Fills from the origin take",
        text="From the request to the last byte; what was waited for on purpose is left out. Runbook: EdgeFillsSlow.",
        unit="s",
        queries=quantiles("edge_cache_fill_seconds", '{outcome="origin"}'),
        steps=Steps(0.5, 2),
    ),
    Panel(
        title="Fills from other nodes take",
        text="From the request to the last byte, the other node's own fill included. No line where none asks another.",
        unit="s",
        queries=quantiles("edge_cache_fill_seconds", '{outcome="peer"}'),
        steps=Steps(0.5, 2),
    ),
    Panel(
        title="Fills that failed",
        text="Share of all fills, from the origin and from other nodes. Runbook: EdgeOriginFillsFail.",
        unit="percentunit",
        queries=(
            (
                "failed",
                f"({total(rate('edge_cache_fill_errors_total'))} or vector(0))"
                f" / {total(rate('edge_cache_fills_total'))}",
            ),
        ),
        steps=Steps(0.01, 0.05),
    ),
    Panel(
        title="Failures by reason",
        text="Fills and other nodes that failed, in each second. There is no line for what never failed.",
        unit="ops",
        queries=(
            ("fill: {{reason}}", split("reason", rate("edge_cache_fill_errors_total"))),
            ("other node: {{reason}}", split("reason", rate("edge_cache_peer_errors_total"))),
        ),
        steps=Steps(red=1),
    ),
    Panel(
        title="Fullest tier by zone",
        text="Bytes stored against the bound. A full cache is no fault; see evictions.",
        unit="percentunit",
        queries=(
            (
                "{{zone}} {{tier}}",
                "max by (zone, tier) (edge_cache_tier_bytes / edge_cache_tier_max_bytes"
                f' * on (job, instance) group_left (zone) {CLUSTER[:-1]},zone=~"$zone"}})',
            ),
        ),
        most=1,
    ),
    Panel(
        title="Evictions and waits",
        text="Objects that had to leave for others, stale answers, requests that waited for another's fill.",
        unit="ops",
        queries=(
            ("evicted: {{tier}}", split("tier", rate("edge_cache_tier_evictions_total"))),
            ("stale served", total(rate("edge_cache_stale_served_total"))),
            ("waited", total(rate("edge_cache_collapsed_total"))),
        ),
    ),
    Panel(
        title="nginx, by what its cache did",
        text="Requests a second that nginx answered. Only with cache.backend = nginx.",
        unit="reqps",
        queries=(("{{reason}}", split("reason", rate("edge_nginx_served_total"))),),
        stacked=True,
    ),
)
