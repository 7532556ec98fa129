"""In which order a group of viewers uses the nodes: content steering (RFC 8216bis §7, ETSI TS 103 998).

The viewers of a zone are parted into shards. Each shard has an owner in its zone by rendezvous hashing, no owner more
shards than its capacity allows, and the nodes after it by hash to fall back on; then come other zones, the nearest
first. Who is full comes last, and who drains or is not reached is left out. A node above its share of the load passes
on some of its shards, always the same ones, and gets them back when it is clearly below. So an order changes only for
a reason, and says it.
"""

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from edge.decide.measures import LAST_RESORT, SAFE_LOAD
from edge.decide.shards import Shard, draw, owners, ranked
from edge.model import Status
from edge.state.view import ClusterView, NodeView

_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")  # what both standards allow, but "."
_IDLE = 0.1  # below this load nobody passes on anything
_CAREFUL = 3  # level: takes nobody new beyond the safe load
_SPREAD = 0.25  # of the time between two questions, up and down
_LADDER = ((0.95, 4), (0.8, 2))  # load of the steering node from which on it is asked so much less often
_KEEP_BELOW, _KEEP_ABOVE = 0.8, 1.25  # a way has its step of distance until it leaves this much around it


@dataclass(frozen=True, slots=True, kw_only=True)
class SteeringPolicy:
    """How viewers are spread. Loads are shares of a node's capacity."""

    shards: int = 16
    pathways: int = 4
    ttl_s: int = 30
    ttl_max_s: int = 300
    load_bound: float = 1.25  # times the mean load of the zone: from there on a node passes on shards
    full_load: float = 1.0
    hysteresis: float = 0.1  # so much lower a load must be before what was passed on comes back


class Pathway(NamedTuple):
    """One way to the media: a node."""

    node: str  # its name is the pathway's id
    url: str  # its public address, without a trailing slash


class Passed(NamedTuple):
    """Nodes that a shard passes over for their load; they come back when it is clearly lower."""

    full: tuple[str, ...] = ()
    busy: tuple[str, ...] = ()  # above their share


_NOBODY = Passed()


@dataclass(frozen=True, slots=True)
class Steering:
    """The answer for one shard."""

    pathways: tuple[Pathway, ...]  # the best first
    ttl_s: int
    reason: str  # why this order was taken up
    passed: Passed = _NOBODY
    ways: tuple[tuple[str, int], ...] = ()  # steps of distance, by zone

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes, in order."""
        return tuple(one.node for one in self.pathways)


class _Place(NamedTuple):
    """A node with its load."""

    node: NodeView
    load: float
    full_at: float


class _Zone:
    """The nodes of a zone that take viewers."""

    def __init__(self, nodes: Sequence[NodeView], policy: SteeringPolicy) -> None:
        self.places = {
            one.name: _Place(one, one.ratio, SAFE_LOAD if one.level >= _CAREFUL else policy.full_load)
            for one in nodes
            if one.level < LAST_RESORT
        }
        self.last = [one for one in nodes if one.level >= LAST_RESORT]
        self.seats = tuple((name, _capacity(one.node)) for name, one in self.places.items())
        carried = sum(self.places[name].load * capacity for name, capacity in self.seats)
        capacity = sum(capacity for _, capacity in self.seats)
        self.allowed = max(_IDLE, policy.load_bound * carried / capacity) if capacity else _IDLE
        self.rtt_ms = min((1000 * one.link.rtt_s for one in nodes if one.link), default=None)


class _Looked:
    """What is found on a look through the nodes: those passed over for their load."""

    def __init__(self) -> None:
        self.full: list[NodeView] = []
        self.busy: list[NodeView] = []

    @property
    def passed(self) -> Passed:
        return Passed(tuple(one.name for one in self.full), tuple(one.name for one in self.busy))


class SteeringTable:
    """Answers for one view.

    Args:
        view: the cluster.
        policy: how to spread viewers.
    """

    def __init__(self, view: ClusterView, policy: SteeringPolicy) -> None:
        self.view = view
        self._policy = policy
        self._own = view.node(view.self_name)
        self._idle: list[NodeView] = []  # alive, but they should get nobody
        self._regions: dict[str, str] = {}
        able: dict[str, list[NodeView]] = {}
        for one in view.nodes:
            self._regions.setdefault(one.member.zone, one.member.region)
            if not (one.alive and one.member.public and _ID.fullmatch(one.name)):
                continue
            if one.takes_viewers:
                able.setdefault(one.member.zone, []).append(one)
            elif one.load and one.load.value.capacity:
                self._idle.append(one)
        self._zones = {zone: _Zone(nodes, policy) for zone, nodes in able.items()}

    def knows(self, zone: str) -> bool:
        """Whether any node of a zone is known, alive or not."""
        return zone in self._regions

    def steer(self, shard: Shard, previous: Steering | None = None) -> Steering | None:
        """The order for a shard; None where no node lives that is meant for viewers.

        Args:
            shard: a number below the policy's `shards`.
            previous: the last answer for it, if any; it counts for what is near a limit only.
        """
        passed, wanted = previous.passed if previous else _NOBODY, self._policy.pathways
        looked, elsewhere = _Looked(), _Looked()
        near = self._near(shard, passed, looked)
        ways = self._ways(shard.zone, dict(previous.ways) if previous else {})
        far = list(itertools.islice(self._far(shard, ways, passed, elsewhere), wanted))
        first = near[: wanted - 1] if far else near
        order = [*first, *far, *near[len(first) :]]
        if len(order) < wanted:
            order += [*looked.full, *elsewhere.full, *self._last(shard)]
        order = order or self._at_worst(shard)
        if not order:
            return None
        chosen = tuple(Pathway(one.name, one.member.public.rstrip("/")) for one in order[:wanted])
        looked.full += elsewhere.full
        found = Steering(chosen, self.ttl_s(shard), "", looked.passed, tuple(sorted(ways.items())))
        if previous and previous.nodes == found.nodes:
            return replace(found, reason=previous.reason)
        return replace(found, reason=self._reason(shard, order[0], previous))

    def ttl_s(self, shard: Shard) -> int:
        """When players of a shard ask again: each shard at its own pace, and later while this node is nearly full."""
        policy, load = self._policy, self._own.ratio if self._own else 0.0
        ttl_s = policy.ttl_s * (1 - _SPREAD + 2 * _SPREAD * draw(f"ttl {shard.zone}/{shard.number}"))
        factor = next((times for least, times in _LADDER if load >= least), 1)
        if self._own and self._own.level >= _CAREFUL:
            factor = _LADDER[0][1]
        most = max(policy.ttl_max_s, round(ttl_s))
        return max(1, min(round(ttl_s * factor), most))

    def _near(self, shard: Shard, passed: Passed, looked: _Looked) -> list[NodeView]:
        """Nodes of the shard's own zone that have room, those last that pass it on; as many as are needed."""
        zone = self._zones.get(shard.zone)
        if zone is None or not zone.seats:
            return []
        found: list[NodeView] = []
        for name in owners(zone.seats, shard.zone, self._policy.shards)[shard.number]:
            place = zone.places[name]
            if self._full(place, passed):
                looked.full.append(place.node)
            elif self._passes_on(shard, place, zone.allowed, passed):
                looked.busy.append(place.node)
            else:
                found.append(place.node)
                if len(found) == self._policy.pathways:
                    break
        return found + looked.busy

    def _far(
        self, shard: Shard, ways: Mapping[str, int], passed: Passed, looked: _Looked
    ) -> Iterator[NodeView]:
        """Nodes of other zones that have room: the first of each zone, the nearest first, then the second of each."""
        zones = (one for one in self._zones if one != shard.zone)
        nearest = sorted(zones, key=lambda one: (self._is_far(shard.zone, one), ways.get(one, 0), one))
        left = [self._roomy(self._zones[zone], shard, passed, looked) for zone in nearest]
        while left:
            still = []
            for nodes in left:
                if (one := next(nodes, None)) is not None:
                    yield one
                    still.append(nodes)
            left = still

    def _roomy(self, zone: _Zone, shard: Shard, passed: Passed, looked: _Looked) -> Iterator[NodeView]:
        for name in ranked(zone.seats, shard):
            place = zone.places[name]
            if self._full(place, passed):
                looked.full.append(place.node)
            else:
                yield place.node

    def _last(self, shard: Shard) -> list[NodeView]:
        """Nodes at the last level of degradation, those of the own zone first."""
        found = [one for zone in self._zones.values() for one in zone.last]
        return sorted(found, key=lambda one: (one.member.zone != shard.zone, one.name))

    def _at_worst(self, shard: Shard) -> list[NodeView]:
        """Nodes that should get nobody: a dying one is better than none."""
        return sorted(self._idle, key=lambda one: (one.member.zone != shard.zone, one.name))

    def _full(self, place: _Place, passed: Passed) -> bool:
        spare = self._policy.hysteresis if place.node.name in passed.full else 0.0
        return place.load >= place.full_at - spare

    def _passes_on(self, shard: Shard, place: _Place, allowed: float, passed: Passed) -> bool:
        """Whether a node above its share of the load gives this shard to the next."""
        name = place.node.name
        if name in passed.busy:
            return place.load >= allowed * (1 - self._policy.hysteresis)
        return place.load > allowed and draw(f"{shard.number} {name}") < 1 - allowed / place.load

    def _is_far(self, zone: str, other: str) -> bool:
        region = self._regions.get(zone, "")
        return not region or self._regions[other] != region

    def _ways(self, zone: str, before: dict[str, int]) -> dict[str, int]:
        """Steps of distance to other zones, each twice as far; only a node of the zone itself can tell."""
        if self._own is None or self._own.member.zone != zone:
            return {}
        return {
            other: _step(nodes.rtt_ms, before.get(other))
            for other, nodes in self._zones.items()
            if other != zone and nodes.rtt_ms is not None
        }

    def _reason(self, shard: Shard, first: NodeView, previous: Steering | None) -> str:
        zone = first.member.zone
        where = f"zone {zone or '-'}" if zone == shard.zone else f"no room in zone {shard.zone or '-'}"
        said = f"{where}: {first.name} by hash, load {first.ratio:.2f}"
        if previous is None:
            return said
        for place, name in enumerate(previous.nodes):
            if why := self._gone(shard, name, previous):
                return f"{said}; {name} {why}"
            if place == 0 and name != first.name:
                return f"{said}; {name} gives the group to who owns it"
        return f"{said}; others have come"

    def _gone(self, shard: Shard, name: str, previous: Steering) -> str:
        """Why a node of an earlier order is not where it was; empty where it is as good as then."""
        one = self.view.node(name)
        if one is None:
            return "is no member any more"
        if one.member.status is not Status.ALIVE:
            return f"is {one.member.status.name.lower()}"
        if not one.takes_viewers:
            return "drains or is not well"
        if one.level >= LAST_RESORT:
            return f"is at level {one.level}"
        zone = self._zones[one.member.zone]
        place = zone.places[name]
        if name not in previous.passed.full and self._full(place, _NOBODY):
            return f"is full, load {one.ratio:.2f}"
        near = one.member.zone == shard.zone and name not in previous.passed.busy
        if near and self._passes_on(shard, place, zone.allowed, _NOBODY):
            return f"is above its share, load {one.ratio:.2f}"
        return ""


def _capacity(one: NodeView) -> int:
    return max(1, one.load.value.capacity) if one.load else 1


def _step(rtt_ms: float, before: int | None) -> int:
    """About the logarithm of a way; the one before, while the way is near it."""
    if before is not None and 2 ** (before - 1) * _KEEP_BELOW <= rtt_ms <= 2**before * _KEEP_ABOVE:
        return before
    return max(0, math.ceil(math.log2(max(rtt_ms, 1.0))))
