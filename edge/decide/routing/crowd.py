"""Nodes with their loads, and the choice between them.

Rendezvous hashing (Thaler and Ravishankar 1998) keeps one object's viewers on few caches; the load bound (Mirrokni et
al. 2016) keeps any of them from running hot; the second choice evens out what is left (Mitzenmacher 2001). Of the
nodes that are equally near, those below the bound are looked at in the order of the hash; the first gets the viewer
unless the second is clearly less loaded. Where the nearest have no room, the next nearest are asked.

Views are half a second old, and all nodes have the same: a crowd for one path would go to one node until the news of it
is back. So a node that comes near the bound passes on part of those who come, the more the nearer; who they are is
decided by a hash of the viewer, alike at all nodes.

A node that is doubted, or to which the way loses much, passes on part of the paths that the hash gives it, always the
same ones. So no order changes when the doubt does, which is many times a second in a large cluster.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from zlib import crc32

from edge.decide.measures import SAFE_LOAD
from edge.decide.rendezvous import MASK, multiplier, spot
from edge.decide.routing.layout import Group, Layout, Step
from edge.decide.routing.policy import IDLE_LOAD, RoutingPolicy
from edge.decide.routing.question import RouteQuery
from edge.state.view import NodeView

TRUST_STEPS = 8  # so that not each probe's answer moves paths
CAREFUL = 3  # level from which on a node takes no new viewers beyond the safe load
_SECOND = 0x9E3779B97F4A7C15  # for a second draw from the same hashes: 2^64 over the golden ratio, odd
_RANGE = 2.0**64


class Choice(NamedTuple):
    """What was chosen, before it is put into words."""

    crowd: "Crowd"
    step: Step
    group: Group
    node: int
    rank: int  # by hash in its group, from 1
    allowed: float
    note: str = ""
    stays: bool = False  # the viewer is there already


class Crowd:
    """The nodes of one kind with their loads: those that serve as ever, or those of the last resort.

    Args:
        layout: where the nodes are.
        nodes: in the layout's order; None stands for one that is not of this kind, or takes nobody.
        counts: viewers on their way to them, by name.
        policy: how to spread viewers.
    """

    def __init__(
        self,
        layout: Layout,
        nodes: Sequence[NodeView | None],
        counts: Mapping[str, int],
        policy: RoutingPolicy,
    ) -> None:
        self.layout = layout
        self.nodes = nodes
        self.policy = policy
        self._ceiling = policy.ceiling
        self.loads = [math.inf] * len(nodes)  # viewers over capacity
        self.safe = [math.inf] * len(nodes)  # load below which a node takes new viewers, by its level
        self.trust = [1.0] * len(nodes)
        self._each = [0.0] * len(nodes)  # what one viewer more adds
        self._viewers = [0.0] * len(layout.zones)
        self._capacity = [0.0] * len(layout.zones)
        for number, one in enumerate(nodes):
            if one is not None:
                self._enter(number, one, counts.get(one.member.name, 0))
        self._all_trusted = min(self.trust, default=1.0) == 1.0

    def _enter(self, number: int, one: NodeView, pending: int) -> None:
        zone, load = self.layout.zone_of[number], one.load.value if one.load else None
        if one.link is not None:
            self.trust[number] = _trust(one)
        if load is None:  # it has told nothing yet
            self.loads[number] = 0.0
            self._capacity[zone] += 1
            return
        viewers, capacity = load.streams + pending, load.capacity
        self.loads[number] = viewers / capacity
        self._each[number] = 1 / capacity
        if load.level >= CAREFUL:
            self.safe[number] = SAFE_LOAD
        self._viewers[zone] += viewers
        self._capacity[zone] += capacity

    def add(self, number: int) -> None:
        """One viewer more is on the way to a node."""
        if each := self._each[number]:
            self.loads[number] += each
            self._viewers[self.layout.zone_of[number]] += 1

    def has_nodes(self, zone: str) -> bool:
        """Whether any node of a zone takes viewers."""
        number = self.layout.zone_number.get(zone)
        return number is not None and self._capacity[number] > 0

    def allowed(self, step: Step) -> float:
        """The load below which a node of a step gets one viewer more."""
        viewers, capacity = 1.0, 0.0
        for zone in step.zones:
            viewers += self._viewers[zone]
            capacity += self._capacity[zone]
        if not capacity:
            return 0.0  # nobody there takes any
        policy = self.policy
        bound = self._ceiling * viewers / capacity
        if bound < IDLE_LOAD:
            return min(IDLE_LOAD, policy.full_load)
        return bound if bound < policy.full_load else policy.full_load

    def nearest(self, query: RouteQuery, new: bool) -> Choice | None:
        """The choice among the nearest nodes of which one has room."""
        for step in self.layout.steps(query):
            allowed = self.allowed(step)
            for group in step.groups:
                if found := self._among(step, group, (query, new), allowed):
                    return found
        return None

    def fullest(self, query: RouteQuery, new: bool) -> Choice | None:
        """The choice where none has room: all nodes as one, of those that may take the viewer at all."""
        loads = zip(self.loads, self.safe, strict=True)
        open_to = [load for load, safe in loads if load < math.inf and (load < safe or not new)]
        if not open_to:
            return None
        step = self.layout.everybody("no node has room")
        allowed = max(IDLE_LOAD, self._ceiling * sum(open_to) / len(open_to))
        return self._among(step, step.groups[0], (query, new), allowed)

    def _eased_from(self, allowed: float) -> float:
        """The load from which on a node passes part of its viewers on, where it gets none from `allowed` on."""
        return allowed / self._ceiling

    def passes_on(self, node: int, query: RouteQuery, allowed: float) -> str:
        """Why a node passes a viewer on, as long as anybody else can take him; empty if it does not."""
        factor = multiplier(self.layout.names[node])
        trust = self.trust[node]
        if trust < 1.0 and (spot(query.path) ^ factor) * _SECOND & MASK >= trust * _RANGE:
            return f"doubted, or the way loses much: takes {trust:.0%} of its paths"
        ease = self._eased_from(allowed)
        if self.loads[node] > ease and query.viewer:
            drawn = (crc32(query.viewer.encode()) + 1) * factor * _SECOND & MASK
            if drawn < (self.loads[node] - ease) / (allowed - ease) * _RANGE:
                return "near the allowed load: takes part of those who come"
        return ""

    def _among(
        self, step: Step, group: Group, asked: tuple[RouteQuery, bool], allowed: float
    ) -> Choice | None:
        """The choice of those below a load, of which some pass viewers on if others do not."""
        found = self._first(step, group, asked, allowed)
        if found or (self._all_trusted and not asked[0].viewer):
            return found
        return self._first(step, group, asked, allowed, at_any_rate=True)

    def _first(
        self,
        step: Step,
        group: Group,
        asked: tuple[RouteQuery, bool],
        allowed: float,
        at_any_rate: bool = False,
    ) -> Choice | None:
        """The first by hash that may be taken, or the second if that is clearly less loaded."""
        query, new = asked
        loads, safe, trust = self.loads, self.safe, self.trust
        ease = math.inf if at_any_rate or not query.viewer else self._eased_from(allowed)
        sure = self._all_trusted or at_any_rate
        first, rank, path = -1, 0, query.path
        for place, node in enumerate(group.orders.get(path) or self.layout.order(group, path), 1):
            load = loads[node]
            if load >= allowed or (new and load >= safe[node]):
                continue
            if (load > ease or not (sure or trust[node] == 1.0)) and self.passes_on(node, query, allowed):
                continue
            if first < 0:
                first, rank = node, place
            elif load < loads[first] - self.policy.hysteresis:
                return Choice(self, step, group, node, place, allowed, f", choice {rank} is busier")
            else:
                break
        return Choice(self, step, group, first, rank, allowed) if first >= 0 else None


def _trust(one: NodeView) -> float:
    trust = one.trust
    return 1.0 if trust == 1.0 else max(1, round(trust * TRUST_STEPS)) / TRUST_STEPS
