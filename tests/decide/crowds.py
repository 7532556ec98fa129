"""A cluster in which sessions begin and end second by second, by the decisions that production takes.

What a router knows of a node is a second old, as gossip may leave it in a bad moment; what a node knows of itself is
not. Who is refused comes back when he was told to; who watches goes on until he has enough.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.decide.admission import (
    Priority,
    Session,
    admits,
    elsewhere,
    limit_of,
    retry_after_s,
    room_of,
)
from edge.decide.routing import RouteQuery, route
from edge.model import Load, Member, Status, incarnation_of
from edge.state.reports import Report
from edge.state.view import ClusterView, NodeView

PATH = "/final/main.m3u8"
RETRY_S = 10


@dataclass
class Crowd:
    """Nodes of one capacity, and how many watch on each."""

    nodes: int
    capacity: int
    seed: int = 1
    watching: list[int] = field(default_factory=list)
    refused: int = 0  # refusals, of whom some came back several times
    sent_on: int = 0  # sessions that began on another node than the router chose
    over: int = 0  # the most that a node ever had beyond its capacity
    peak: int = 0  # the most that watched at once
    cut_off: int = 0  # running sessions that were ended by the cluster

    def __post_init__(self) -> None:
        self.watching = [0] * self.nodes
        self._rng = random.Random(self.seed)
        self._back: list[float] = []  # when those who were refused come back
        self._viewed = self._view(0)

    def run(self, wanted: Callable[[float], float], seconds: int) -> None:
        """Let as many watch as want to, all nodes together, as far as they are let in."""
        for second in range(seconds):
            target = round(wanted(float(second)))
            while sum(self.watching) > target:
                self._leave()
            due = 0
            while self._back and self._back[0] <= second:
                heapq.heappop(self._back)
                due += 1
            missing = max(0, target - sum(self.watching) - len(self._back))
            self._arrive(min(due + missing, max(0, target - sum(self.watching))), float(second))
            self.peak = max(self.peak, sum(self.watching))
            self.over = max(self.over, max(self.watching) - self.capacity)
            self._ask_again()
            self._viewed = self._view(second)

    def _arrive(self, count: int, now: float) -> None:
        pending: dict[str, int] = {}
        for number in range(count):
            query = RouteQuery(f"{PATH}?{number % 16}")
            chosen = route(self._viewed, query, pending)
            node = self._viewed.node(chosen.node) if chosen else None
            limit = limit_of(Priority.LIVE, 1.0)
            if node is None or not room_of(node, pending.get(node.name, 0), limit):
                self._refuse(now)
                continue
            pending[node.name] = pending.get(node.name, 0) + 1
            self._begin(int(node.name), query, pending, now)

    def _begin(self, node: int, query: RouteQuery, pending: dict[str, int], now: float) -> None:
        """At the node: it takes him, sends him on to one that has room, where he is not sent on again, or refuses."""
        limit = limit_of(Priority.LIVE, 1.0)
        if not admits(Session(known=False), self.watching[node], self.capacity, limit):
            others = ClusterView(1, str(node), self._viewed.nodes)
            chosen = route(elsewhere(others, pending, limit), query, pending)
            if chosen is None:
                self._refuse(now)
                return
            self.sent_on += 1
            node = int(chosen.node)
            if not admits(Session(known=False), self.watching[node], self.capacity, limit):
                self._refuse(now)
                return
        self.watching[node] += 1

    def _refuse(self, now: float) -> None:
        self.refused += 1
        heapq.heappush(self._back, now + retry_after_s(RETRY_S, self._rng))

    def _leave(self) -> None:
        self.watching[self._rng.choices(range(self.nodes), self.watching)[0]] -= 1

    def _ask_again(self) -> None:
        """Each who watches asks for playlists and manifests again and again; is he still let in?"""
        for viewers in self.watching:
            known = Session(known=True, priority=Priority.VOD)
            if not admits(known, viewers, self.capacity, limit_of(Priority.VOD, 1.0, level=4)):
                self.cut_off += viewers

    def _view(self, second: int) -> ClusterView:
        nodes = []
        for number, viewers in enumerate(self.watching):
            member = Member(str(number), incarnation_of(1), Status.ALIVE, "10.0.0.1", 7700, public="http://x")
            load = Load(viewers, 500 * viewers, viewers, self.capacity, 100, 0)
            nodes.append(NodeView(member, Report(second, load, float(second))))
        return ClusterView(second, "router", tuple(sorted(nodes, key=lambda one: one.name)))
