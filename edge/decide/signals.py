"""What monsoon mode is decided by: the cluster's condition as one node's view shows it, and each zone's level."""

from dataclasses import dataclass
from enum import Enum

from edge.decide.override import Override
from edge.state.view import ClusterView


class Side(Enum):
    """Where a node is while the cluster is cut."""

    WHOLE = "whole"  # no cut is known
    MAJORITY = "majority"
    MINORITY = "minority"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """All inputs of one decision. What is not known is as it is on a good day."""

    side: Side = Side.WHOLE
    lost_share: float = 0.0  # of the members, by the cut, 0–1
    quality: float = 1.0  # share of own probes to reached members that are answered, 0–1
    origin_failures: float = 0.0  # share of recent fills that failed, 0–1
    node_load: float = 0.0  # own viewers over own capacity
    zone_load: float = 0.0  # viewers over capacity of all reached members of the own zone
    lag_s: float = 0.0  # smoothed event-loop lag
    override: Override | None = None  # that counts for this node now


@dataclass(frozen=True, slots=True)
class Local:
    """What a node knows of itself and tells nobody."""

    origin_failures: float = 0.0
    lag_s: float = 0.0
    override: Override | None = None
    answered: float = 1.0  # share of own probes to reached members, 0–1


@dataclass(frozen=True, slots=True)
class ZoneLevel:
    """The level of a zone."""

    zone: str
    level: int  # that more than half of its nodes have reached
    nodes: int  # that were asked: alive, with a load


def observe(view: ClusterView, local: Local) -> Signals:
    """The signals of the node whose view this is."""
    side, lost_share = Side.WHOLE, 0.0
    if cut := view.partition:
        # While the losses go on nobody is a minority yet: the larger side would degrade as well.
        side = Side.MINORITY if cut.settled and not cut.majority else Side.MAJORITY
        lost_share = len(cut.lost) / max(1, len(cut.lost) + len(cut.island))
    me = view.node(view.self_name)
    return Signals(
        side=side,
        lost_share=lost_share,
        quality=local.answered,
        origin_failures=local.origin_failures,
        node_load=_load(view, {view.self_name}),
        zone_load=_load(view, {one.name for one in view.alive if me and one.member.zone == me.member.zone}),
        lag_s=local.lag_s,
        override=local.override,
    )


def zone_levels(view: ClusterView) -> tuple[ZoneLevel, ...]:
    """Each zone's level, in order of zone: the highest that more than half of its alive nodes have reached.

    So one odd node, which errs or was overridden, neither raises nor lowers its zone, where there are others.
    """
    held: dict[str, list[int]] = {}
    for one in view.alive:
        if one.load:
            held.setdefault(one.member.zone, []).append(one.level)
    return tuple(
        ZoneLevel(zone, sorted(levels)[(len(levels) - 1) // 2], len(levels))
        for zone, levels in sorted(held.items())
    )


def _load(view: ClusterView, names: set[str]) -> float:
    """Viewers over capacity of some nodes together; nodes made for no viewers do not count."""
    loads = [one.load.value for one in view.nodes if one.load and one.name in names]
    capacity = sum(load.capacity for load in loads)
    return sum(load.streams for load in loads if load.capacity) / capacity if capacity else 0.0
