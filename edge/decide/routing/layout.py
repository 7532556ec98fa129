"""Who may be asked for whom, nearest first: what of a routing table only changes with members, not with their loads.

The zone of the viewer comes first, then the others of its region, then all others; among the zones of one step those
come first to which the way is shorter. Only a node of the viewer's own zone knows that, so others take them together.
Within a step nodes that sit in the viewer's provider come before its others.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from edge.decide.rendezvous import MASK, MIDDLE, multiplier, spot
from edge.decide.routing.question import RouteQuery
from edge.state.view import ClusterView, NodeView

CELLS_MAX = 1_000_000  # of all orders that are kept, 8 B each
PLACES_MAX = 1024  # viewers may come with any name of a zone
_UNKNOWN_WAY = 99
_LOG_MASK = 64 * math.log(2)


def share(one: NodeView) -> float:
    """How much of all paths a node is to get: by capacity. What changes by the second is no part of it."""
    return float(max(1, one.load.value.capacity)) if one.load else 1.0


@dataclass(slots=True)
class Group:
    """Nodes that are preferred by hash alone."""

    label: str  # where they are, for the reason
    nodes: tuple[int, ...]
    draws: tuple[tuple[int, float], ...]  # multiplier, and one over the share
    alike: bool  # whether all have the same share
    orders: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def order(self, path: str) -> tuple[int, ...]:
        """The nodes by preference for a path; equal draws, which are one in 2^64, in order of name."""
        drawn, mask, middle = spot(path), MASK, MIDDLE  # all of them looked up once
        if self.alike:
            scores = [drawn * factor >> middle & mask for factor, _ in self.draws]
            by_score = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)
        else:
            log = math.log
            weighted = [
                (log((drawn * factor >> middle & mask) | 1) - _LOG_MASK) * inverse
                for factor, inverse in self.draws
            ]
            by_score = sorted(range(len(weighted)), key=weighted.__getitem__, reverse=True)
        nodes = self.nodes
        return tuple([nodes[index] for index in by_score])


@dataclass(frozen=True, slots=True)
class Step:
    """Nodes that are equally near, the viewer's provider's before others."""

    zones: tuple[int, ...]  # numbers of zones
    groups: tuple[Group, ...]
    far: bool = False  # whether they are asked because nearer ones have no room


Steps = tuple[Step, ...]


class Seat(NamedTuple):
    """What a layout needs of one node."""

    name: str
    zone: str
    region: str
    isp: str
    share: float


class Layout:
    """The nodes in their places.

    Args:
        seats: in order of name; those that take nobody at the moment may be among them.
        regions: of all zones of the cluster, those included that have no seat.
        ways: rank of the way from a zone to others, by zone and zone; where it is not known it is left out.
        earlier: an earlier layout, of which the orders are kept if they are of the same seats.
    """

    def __init__(
        self,
        seats: tuple[Seat, ...],
        regions: dict[str, str],
        ways: dict[str, dict[str, int]],
        earlier: "Layout | None" = None,
    ) -> None:
        self.made_of = (seats, regions, ways)
        self.names = [one.name for one in seats]
        self.index = {one.name: number for number, one in enumerate(seats)}
        self.zones = sorted({one.zone for one in seats})
        self.zone_number = {zone: number for number, zone in enumerate(self.zones)}
        self.zone_of = [self.zone_number[one.zone] for one in seats]
        self._seats = seats
        self._regions = regions
        self._ways = ways
        self._steps: dict[tuple[str, str, str], Steps] = {}
        self._groups: dict[tuple[tuple[int, ...], str], Group] = {}
        self._cells: int = 0
        if earlier and earlier._seats == seats:
            self._groups, self._cells = earlier._groups, earlier._cells

    def steps(self, query: RouteQuery) -> Steps:
        """Whom to ask for viewers of a place, nearest first."""
        key = (query.zone, query.region, query.isp)
        found = self._steps.get(key)
        if found is None:
            if len(self._steps) >= PLACES_MAX:
                self._steps.clear()
            found = self._steps[key] = tuple(self._made(query))
        return found

    def order(self, group: Group, path: str) -> tuple[int, ...]:
        """The nodes of a group by preference for a path, kept for the next who asks."""
        found = group.orders.get(path)
        if found is None:
            found = group.order(path)
            self._cells += len(found)
            if self._cells > CELLS_MAX:
                for each in self._groups.values():
                    each.orders.clear()
                self._cells = len(found)
            group.orders[path] = found
        return found

    def everybody(self, label: str) -> Step:
        """All seats as one step."""
        return self._step(range(len(self.zones)), "", label)

    def _made(self, query: RouteQuery) -> Iterable[Step]:
        zone = query.zone
        region = query.region or self._regions.get(zone, "")
        here = bool(zone) and zone in self.zone_number
        if not (here or region or zone in self._ways):
            yield self._step(range(len(self.zones)), query.isp, "anywhere", far=True)
            return
        if here:
            yield self._step([self.zone_number[zone]], query.isp, f"zone {zone}")
        far: dict[tuple[bool, int], list[int]] = {}
        ways = self._ways.get(zone, {})
        for number, other in enumerate(self.zones):
            if not (here and other == zone):
                outside = not region or self._regions.get(other, "") != region
                far.setdefault((outside, ways.get(other, _UNKNOWN_WAY)), []).append(number)
        for (outside, _), numbers in sorted(far.items()):
            yield self._step(numbers, query.isp, "elsewhere" if outside else f"region {region}", far=True)

    def _step(self, numbers: Iterable[int], isp: str, label: str, *, far: bool = False) -> Step:
        zones = tuple(numbers)
        nodes = [index for index, zone in enumerate(self.zone_of) if zone in zones]
        near = [index for index in nodes if isp and self._seats[index].isp == isp]
        if not near:
            return Step(zones, (self._group(nodes, label),), far)
        rest = [index for index in nodes if self._seats[index].isp != isp]
        groups = [self._group(near, f"{label}, isp {isp}")]
        if rest:
            groups.append(self._group(rest, f"{label}, isp {isp} has no room"))
        return Step(zones, tuple(groups), far)

    def _group(self, nodes: Sequence[int], label: str) -> Group:
        """One object for the same nodes under the same label, so that what it keeps is found again."""
        key = (tuple(nodes), label)
        if key not in self._groups:
            if len(self._groups) >= 4 * PLACES_MAX:
                self._groups.clear()
                self._steps.clear()
                self._cells = 0
            shares = [self._seats[index].share for index in nodes]
            draws = tuple(
                (multiplier(self._seats[index].name), 1 / one)
                for index, one in zip(nodes, shares, strict=True)
            )
            self._groups[key] = Group(label, key[0], draws, len(set(shares)) <= 1)
        return self._groups[key]


def regions_of(view: ClusterView) -> dict[str, str]:
    """The region of each zone, by most of its nodes, whatever becomes of them."""
    counts: dict[str, dict[str, int]] = {}
    for one in view.nodes:
        if one.member.zone and one.member.region:
            of_zone = counts.setdefault(one.member.zone, {})
            of_zone[one.member.region] = of_zone.get(one.member.region, 0) + 1
    return {zone: min(found, key=lambda region: (-found[region], region)) for zone, found in counts.items()}


def ways_of(view: ClusterView) -> dict[str, dict[str, int]]:
    """How far other zones are from the own one: the shortest round trip, in doublings of a millisecond."""
    me = view.node(view.self_name)
    zone = me.member.zone if me else ""
    found: dict[str, int] = {}
    for one in view.nodes if zone else ():
        if one.link and one.member.zone != zone:
            rank = max(0, math.ceil(math.log2(max(one.link.rtt_s, 1e-6) * 1000)))
            found[one.member.zone] = min(rank, found.get(one.member.zone, rank))
    return {zone: found} if found else {}
