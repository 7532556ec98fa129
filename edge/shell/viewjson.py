"""The cluster's view as the admin port, the page and the command line show it."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from edge.cache.backend import Figures
from edge.cache.counters import CacheCounters
from edge.state.view import ClusterView, NodeView, Partition
from edge.wire.signatures import fingerprint

HOT_MAX = 10
_HITS = ("HIT", "STALE", "UPDATING", "REVALIDATED")  # as nginx calls answers that its cache held


class SeenEvent(NamedTuple):
    """An event with a number and a date, for people."""

    id: int
    time: float  # seconds since 1970
    kind: str
    node: str
    text: str


def view_json(
    view: ClusterView, cluster: str, uptime_s: float, now: float, events: Iterable[SeenEvent]
) -> dict[str, Any]:
    """All of it. `now` is in the core's monotonic seconds."""
    alive = view.alive
    loads = [one.load.value for one in alive if one.load]
    return {
        "self": view.self_name,
        "cluster": cluster,
        "version": view.version,
        "uptime_s": round(uptime_s, 1),
        "totals": {
            "members": len(view.nodes),
            "alive": len(alive),
            "streams": sum(load.streams for load in loads),
            "mbps": round(sum(load.kbps for load in loads) / 1000, 1),
            "rps": sum(load.rps for load in loads),
        },
        "partition": partition_json(view.partition, now),
        "members": [node_json(one, now) for one in view.nodes],
        "hot": [
            {"path": path, "rate": round(rate, 1), "nodes": nodes} for path, rate, nodes in view.hot(HOT_MAX)
        ],
        "events": [event._asdict() for event in events],
    }


def served_json(counters: CacheCounters, figures: Figures) -> dict[str, int]:
    """Requests and hits of this node since its start: of nginx, where that serves, else of the cache itself."""
    if (by_status := figures.reasons.get("nginx_served")) is not None:
        hits = sum(by_status.get(status, 0) for status in _HITS)
        return {"requests": sum(by_status.values()), "hits": hits}
    return {"requests": counters.requests, "hits": counters.hits + counters.stale_served}


def partition_json(partition: Partition | None, now: float) -> dict[str, Any] | None:
    """The cut that the cluster is in, from this node's side."""
    if partition is None:
        return None
    return {
        "id": partition.ident,
        "age_s": round(now - partition.since, 1),
        "settled": partition.settled,
        "majority": partition.majority,
        "island": partition.island,
        "lost": partition.lost,
        "lost_zones": dict(partition.lost_zones),
    }


def node_json(node: NodeView, now: float) -> dict[str, Any]:
    """One member."""
    member = node.member
    return {
        "name": member.name,
        "status": member.status.name.lower(),
        "incarnation": member.incarnation,
        "region": member.region,
        "zone": member.zone,
        "isp": member.isp,
        "gossip": str(member.address),
        "admin": member.admin,
        "public": member.public,
        "tags": member.tags,
        "reputation": node.reputation,
        "quarantined": node.quarantined,
        "key": fingerprint(member.key) if member.key else "",
        "load": _load_json(node, now),
        "top": [{"path": one.path, "rate": one.rate} for one in node.top.value] if node.top else [],
        "link": {"rtt_ms": round(node.link.rtt_s * 1000, 2), "loss": round(node.link.loss, 3)}
        if node.link
        else None,
    }


def _load_json(node: NodeView, now: float) -> dict[str, Any] | None:
    if node.load is None:
        return None
    load = node.load.value
    return {
        "version": node.load.version,
        "streams": load.streams,
        "mbps": load.kbps / 1000,
        "rps": load.rps,
        "capacity": load.capacity,
        "ratio": round(load.ratio, 3),
        "health": load.health,
        "loop_lag_ms": load.lag_ms,
        "level": load.level,
        "age_s": round(now - node.load.at, 3),
    }
