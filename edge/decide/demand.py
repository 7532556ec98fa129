"""Whether the cluster has room for what is scheduled, by the ladder formula of live events.

    needed = expected peak + growth a minute · minutes until a new node serves

A node is counted with the share of its capacity that is safe. Where an event says how its viewers spread over zones,
each zone is counted for itself; zones that it does not name share what is left, by their capacity.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median

from edge.decide.scheduled import Scheduled
from edge.state.view import ClusterView, NodeView

BUDGET_LEAST, BUDGET_MOST = 0.25, 4.0  # times a node's usual prewarm budget; what is popular goes on
_MILLION, _THOUSAND = 1_000_000, 1_000


@dataclass(frozen=True, slots=True)
class Room:
    """What living nodes can carry."""

    streams: int = 0  # all of their capacity
    safe: int = 0  # of it
    nodes: int = 0
    node: int = 0  # capacity of one, as the middle one has it; 0: no node takes viewers
    zones: Mapping[str, "Room"] = field(default_factory=dict)  # in order of name


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one event or zone, or of all."""

    needed: int  # streams
    safe: int  # streams there is room for
    short: int  # streams; 0: enough
    add: int  # nodes that would do; 0 also where no node tells its capacity
    node: int  # capacity of such a node

    @property
    def text(self) -> str:
        """For people."""
        if not self.short:
            return f"enough: {_said(self.safe - self.needed)} streams to spare"
        if not self.node:
            return f"short by {_said(self.short)} streams: no living node takes viewers"
        nodes = "node" if self.add == 1 else "nodes"
        return f"short by {_said(self.short)} streams: add {self.add} {nodes} of {self.node:,}"


def room_of(view: ClusterView, safe_load: float) -> Room:
    """What living nodes can carry, in all and by zone; who drains or tells no load counts for nothing."""
    zones: dict[str, list[int]] = {}
    for one in view.nodes:
        if capacity := _capacity(one):
            zones.setdefault(one.member.zone, []).append(capacity)
    parts = {zone: _room(zones[zone], safe_load) for zone in sorted(zones)}
    whole = _room([one for each in zones.values() for one in each], safe_load)
    return Room(whole.streams, whole.safe, whole.nodes, whole.node, parts)


def needed(event: Scheduled, scale_up_minutes: float) -> int:
    """Streams that must have room, by the ladder formula."""
    return event.peak + math.ceil(event.growth_per_minute * scale_up_minutes)


def shares(event: Scheduled, room: Room) -> dict[str, float]:
    """What part of an event's viewers each zone has, those of the view and those that the event names."""
    left = max(0.0, 1 - sum(event.zones.values()))
    others = {zone: one.streams for zone, one in room.zones.items() if zone not in event.zones}
    whole = sum(others.values())
    found = dict(event.zones) | {zone: left * each / whole for zone, each in others.items()}
    return {zone: found[zone] for zone in sorted(found)}


def verdict(wanted: int, room: Room, safe_load: float) -> Verdict:
    """Whether there is room for so many streams, and how many nodes would make it."""
    short = max(0, wanted - room.safe)
    add = math.ceil(short / (room.node * safe_load)) if short and room.node else 0
    return Verdict(wanted, room.safe, short, add, room.node)


def by_zone(
    events: Iterable[Scheduled], room: Room, scale_up_minutes: float, safe_load: float
) -> dict[str, Verdict]:
    """Of each zone, for all of some events at a time. A zone without a node is counted with the usual one."""
    wanted: dict[str, float] = {}
    for event in events:
        for zone, share in shares(event, room).items():
            wanted[zone] = wanted.get(zone, 0.0) + share * needed(event, scale_up_minutes)
    usual = Room(node=room.node)
    return {
        zone: verdict(math.ceil(round(wanted[zone], 3)), room.zones.get(zone, usual), safe_load)
        for zone in sorted(wanted)
    }


def budget_factor(events: Iterable[Scheduled], room: Room, zone: str) -> float:
    """How much of the usual prewarm budget a node of `zone` has ahead of events: their demand there, over its nodes.

    But for the bounds, all budgets together stay what they are. 1 without events.
    """
    listed = list(events)
    peak = sum(max(1, event.peak) for event in listed)
    here = room.zones.get(zone)
    if not listed or here is None:
        return 1.0
    demand = sum(max(1, event.peak) * shares(event, room).get(zone, 0.0) for event in listed) / peak
    return min(BUDGET_MOST, max(BUDGET_LEAST, demand * room.nodes / here.nodes))


def _capacity(one: NodeView) -> int:
    return one.load.value.capacity if one.load and one.takes_viewers else 0


def _room(capacities: list[int], safe_load: float) -> Room:
    whole = sum(capacities)
    node = int(median(capacities)) if capacities else 0
    return Room(whole, int(whole * safe_load), len(capacities), node)


def _said(streams: int) -> str:
    """Short of a million or thousand, e.g. 2.1 M."""
    for size, letter in ((_MILLION, " M"), (_THOUSAND, " K")):
        if streams >= size:
            return f"{streams / size:.1f}{letter}"
    return str(streams)
