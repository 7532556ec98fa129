"""What `edge top` shows, as figures: of the cluster, and of each node, as one node sees them."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

EVENTS_MAX = 12
_STATUSES = ("alive", "suspect", "unreachable", "left")
_NO_LOAD = {"streams": None, "mbps": None, "level": None, "ratio": None, "age_s": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One node; None where nothing is known."""

    name: str
    zone: str
    status: str
    ratio: float | None  # viewers over capacity
    streams: int | None
    mbps: float | None
    level: int | None  # of degradation, 0–4
    age_s: float | None  # since its last report came in
    rtt_ms: float | None
    loss: float  # share of probes without an answer, 0–1
    hot: str  # path of its hottest segment; empty for none
    asked: bool  # the node that tells all this
    cut: bool  # lost in a cut of the cluster
    trust: int  # how far the node that is asked believes it, 0–100
    shunned: bool  # gets no viewers, for it is not believed


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The cluster."""

    cluster: str
    node: str  # that tells all this
    uptime_s: float  # of that node
    statuses: dict[str, int]  # nodes by status
    streams: int
    capacity: int  # of the nodes that are alive
    mbps: float
    rps: int
    hit_ratio: float | None  # of the node that is asked, since the last frames; None before any request
    mode: str
    level: int  # of degradation, of the node that is asked
    reason: str
    cut: dict[str, Any] | None  # as the view tells it

    @property
    def ratio(self) -> float:
        """Viewers over capacity."""
        return self.streams / self.capacity if self.capacity else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """All of it at one moment."""

    head: Head
    rows: tuple[Row, ...]
    hot: tuple[dict[str, Any], ...]  # hottest segments of the cluster
    events: tuple[dict[str, Any], ...]  # the newest at the end


def glance(view: dict[str, Any], monsoon: dict[str, Any], hit_ratio: float | None) -> Glance:
    """Of a node's answers to /v1/view and /v1/monsoon."""
    cut, totals = view["partition"], view["totals"]
    lost = frozenset(cut["lost"]) if cut else frozenset()
    rows = tuple(
        _row(one, asked=one["name"] == view["self"], cut=one["name"] in lost) for one in view["members"]
    )
    told = Counter(one.status for one in rows)
    alive = [one["load"] for one in view["members"] if one["status"] == "alive" and one["load"]]
    head = Head(
        cluster=view["cluster"],
        node=view["self"],
        uptime_s=view["uptime_s"],
        statuses={status: told[status] for status in _STATUSES if told[status]},
        streams=totals["streams"],
        capacity=sum(load["capacity"] for load in alive),
        mbps=totals["mbps"],
        rps=totals["rps"],
        hit_ratio=hit_ratio,
        mode=monsoon["mode"],
        level=monsoon["level"],
        reason=monsoon["reason"],
        cut=cut,
    )
    return Glance(head=head, rows=rows, hot=tuple(view["hot"]), events=tuple(view["events"][-EVENTS_MAX:]))


def _row(member: dict[str, Any], *, asked: bool, cut: bool) -> Row:
    load, link = member["load"] or _NO_LOAD, member["link"]
    return Row(
        name=member["name"],
        zone=member["zone"],
        status=member["status"],
        ratio=load["ratio"],
        streams=load["streams"],
        mbps=load["mbps"],
        level=load["level"],
        age_s=load["age_s"],
        rtt_ms=link["rtt_ms"] if link else None,
        loss=link["loss"] if link else 0.0,
        hot=member["top"][0]["path"] if member["top"] else "",
        asked=asked,
        cut=cut,
        trust=member.get("reputation", 100),  # a node of an earlier version tells none
        shunned=member.get("quarantined", False),
    )


def _by_load(row: Row) -> tuple[Any, ...]:
    """The fullest first; at the end those that carry nobody now, whatever they told last."""
    return (row.status != "alive", row.ratio is None, -(row.ratio or 0.0), row.name)


SORTS: dict[str, Callable[[Row], tuple[Any, ...]]] = {
    "load": _by_load,
    "name": lambda row: (row.name,),
    "zone": lambda row: (row.zone, *_by_load(row)),
    "age": lambda row: (row.age_s is not None, -(row.age_s or 0.0), row.name),
    "status": lambda row: (-_STATUSES.index(row.status), *_by_load(row)),
}


def ordered(rows: tuple[Row, ...], sort: str) -> list[Row]:
    """By one of `SORTS`; ties by name."""
    return sorted(rows, key=SORTS[sort])


class HitRatio:
    """The share of hits among the requests of the last looks.

    Args:
        looks: how many are remembered.
    """

    def __init__(self, looks: int) -> None:
        self._seen: deque[tuple[int, int]] = deque(maxlen=looks)

    def update(self, requests: int, hits: int) -> float | None:
        """Totals since the node's start; the first look counts all of them, and so does one after a restart."""
        if self._seen and requests < self._seen[-1][0]:
            self._seen.clear()
        requests_before, hits_before = self._seen[0] if self._seen else (0, 0)
        self._seen.append((requests, hits))
        asked = requests - requests_before
        return (hits - hits_before) / asked if asked else None
