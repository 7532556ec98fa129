"""Whom nodes believe, which keys they hold, and who is refused: the dashboard Trust and access."""

from monitoring.boards_fleet import STAT
from monitoring.panels import Panel, Steps, by, rate, split, total

_FOREIGN = '{reason=~"unknown_key|authentication|version|replay"}'

TRUST = (
    Panel(
        title="Members not believed",
        text="The most that any node counts; they get no viewers. Runbook: EdgeMemberNotBelieved.",
        unit="none",
        queries=(("members", total("edge_trust_quarantined", "max")),),
        kind="stat",
        steps=Steps(red=1),
        size=STAT,
        decimals=0,
    ),
    Panel(
        title="Nodes that are doubted",
        text="By two members or more. Runbook: EdgeNodeDoubted.",
        unit="none",
        queries=(("nodes", total("(edge_trust_doubters > bool 1)")),),
        kind="stat",
        steps=Steps(1),
        size=STAT,
        decimals=0,
    ),
    Panel(
        title="Nodes that wait to change keys",
        text="For members that lack the new one or need the old one. Runbook: EdgeKeysWait.",
        unit="none",
        queries=(("nodes", total("edge_keys_waiting")),),
        kind="stat",
        steps=Steps(1),
        size=STAT,
        decimals=0,
    ),
    Panel(
        title="Keys held",
        text="The most that any node opens frames with: 1, and 2 while they change.",
        unit="none",
        queries=(("keys", total("edge_keys_held", "max")),),
        kind="stat",
        steps=Steps(3),
        size=STAT,
        decimals=0,
    ),
    Panel(
        title="Faults",
        text="What members did that no honest one does, in ten minutes, as all nodes count it; docs/trust.md says what "
        "each word means.",
        unit="none",
        queries=(
            ("all", total("increase(edge_trust_faults_total[10m])")),
            ("{{reason}}", f"{split('reason', 'increase(edge_trust_faults_total[10m])')} > 0"),
        ),
        steps=Steps(1),
        decimals=0,
    ),
    Panel(
        title="Floods",
        text="Datagrams a second of which only part was taken in, and those of floods, dropped unread. "
        "Runbook: EdgeStormGuard.",
        unit="pps",
        queries=(
            ("limited", total(rate("edge_gossip_limited_total"))),
            ("dropped unread", total(rate("edge_gossip_dropped_total", '{reason="flood"}'))),
        ),
        steps=Steps(1),
    ),
    Panel(
        title="Strange datagrams",
        text="Of another key, cluster or version, forged, or doubled, a second. Runbook: EdgeForeignDatagrams.",
        unit="pps",
        queries=(
            ("all", total(rate("edge_gossip_dropped_total", _FOREIGN))),
            ("{{reason}}", f"{split('reason', rate('edge_gossip_dropped_total', _FOREIGN))} > 0"),
        ),
        steps=Steps(1),
    ),
    Panel(
        title="Requests at admin ports",
        text="In each second, by class of status.",
        unit="reqps",
        queries=(("{{code}}", split("code", rate("edge_admin_requests_total"))),),
        stacked=True,
    ),
    Panel(
        title="Refused at admin ports",
        text="Requests and connections a second, by reason; docs/admin.md has the bounds. Runbook: EdgeAdminRefused.",
        unit="reqps",
        queries=(
            ("all", total(rate("edge_admin_refused_total"))),
            ("{{reason}}", f"{split('reason', rate('edge_admin_refused_total'))} > 0"),
        ),
        steps=Steps(red=0.5),
    ),
    Panel(
        title="Orders by zone",
        text="Purges, overrides and others, in ten minutes; /v1/audit has the last of each node.",
        unit="none",
        queries=(("{{zone}}", by("zone", "increase(edge_admin_orders_total[10m])")),),
        decimals=0,
    ),
    Panel(
        title="Events acted on, by who accepted them",
        text="Durable events a second, in all nodes.",
        unit="ops",
        queries=(("{{accepted_by}}", f"{split('accepted_by', rate('edge_events_acted_total'))} > 0"),),
    ),
)
