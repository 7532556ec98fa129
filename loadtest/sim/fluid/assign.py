"""Viewers who look for a node ask, are sent to one, and are let in or not."""

import math
from dataclasses import dataclass, replace

from edge.config import AdmissionConfig, MonsoonConfig
from edge.decide.admission import Priority, elsewhere, limit_of
from edge.decide.measures import Asked as Request
from edge.decide.measures import Measures, measures_of, refusal
from edge.state.view import ClusterView
from loadtest.sim.fluid.audience import FLOWS, LANGUAGES, Flow, Viewers
from loadtest.sim.fluid.conditions import Moment
from loadtest.sim.fluid.fleet import ZONES, Fleet, Floats, Ints
from loadtest.sim.fluid.routing import Asked, Chooser, Sent

_BATCH = 0.01  # of a node's capacity: so many ask at a time, and one answer is for all of them
_CALLS_MAX = 24  # questions of one flow in a second; who is left asks in the next
_FEW = 0.5  # viewers
_WAIT_S = 3  # a flow of few asks every so many seconds


@dataclass(frozen=True, slots=True)
class Second:
    """What is so while viewers are placed."""

    at_s: int
    moment: Moment
    views: dict[int, ClusterView]  # by zone; none where no node of its side is up
    levels: Ints  # of nodes, as they are
    streams: Floats  # of nodes; grows as they come


class Assigner:
    """Places viewers by what routing and the nodes' admission say.

    Args:
        fleet: the nodes.
        viewers: who is placed.
        chooser: routing.
        segment_s: players make two requests in it.
    """

    def __init__(self, fleet: Fleet, viewers: Viewers, chooser: Chooser, segment_s: float) -> None:
        self._fleet = fleet
        self._viewers = viewers
        self._chooser = chooser
        self._sent = [Sent() for _ in ZONES]
        self._number = {name: number for number, name in enumerate(fleet.names)}
        self._limits = [limit_of(Priority.LIVE, AdmissionConfig().safe_load, level) for level in range(5)]
        self._measures: list[Measures] = [measures_of(level, MonsoonConfig()) for level in range(5)]
        self._batch = _BATCH * float(fleet.capacity.mean())
        self._notice = 1 - math.exp(-2 / segment_s)  # of those whose node is gone, within a second
        self._alone = False
        self._full: dict[
            tuple[int, bool], None
        ] = {}  # zones whose router knows no node for such viewers any more
        self.questions = 0

    def run(self, second: Second, flow: Flow, *, alone: bool = False) -> None:
        """Place all who look for a node in this second.

        Args:
            second: what is so.
            flow: counts.
            alone: one router of each zone is asked by all, and so knows whom it sent where.
        """
        self._alone, self._full = alone, {}
        for sent in self._sent:
            sent.turn()
        for turn, (zone, language) in enumerate(FLOWS):
            back = float(self._viewers.back[zone, language]) * self._notice
            if back > _FEW:
                left = self._flow(second, (zone, language), back, flow, new=False)
                self._viewers.back[zone, language] += left - back
                flow.unserved += left
            new = float(self._viewers.new[zone, language])
            if new >= self._batch / 2 or (new > 0 and (second.at_s + turn) % _WAIT_S == 0):
                left = self._flow(second, (zone, language), new, flow, new=True)
                self._viewers.new[zone, language] = left
                self._viewers.first[zone, language] *= left / new

    def _flow(self, second: Second, place: tuple[int, int], count: float, flow: Flow, *, new: bool) -> float:
        """Place viewers of one zone and language; how many are left for the next second."""
        zone, language = place
        path = f"/live/{LANGUAGES[language]}/main.m3u8"
        for _ in range(math.ceil(count / self._batch) if self._alone else _CALLS_MAX):
            batch = min(count, self._batch)
            asked = Asked(path, ZONES[zone], new=new, viewer=f"{zone}-{self.questions}")
            node = self._ask(second, zone, asked)
            if node is None:
                return self._turned_away(second, place, count, flow, new=new)
            self._sent[zone].add(self._fleet.names[node], batch)
            if not self._reached(second, zone, node):
                flow.to_dead += batch  # no answer: they ask again in a second
                return count
            if self._refuses(second, node, new=new):
                node = self._elsewhere(second, (zone, node), asked)
            if node is None:
                return self._turned_away(second, place, count, flow, new=new)
            if new:
                batch = min(batch, self._room(second, node))
            self._viewers.place(node, zone, language, batch)
            second.streams[node] += batch
            flow.placed += batch
            count -= batch
            if count <= 0:
                return 0.0
        return count

    def _room(self, second: Second, node: int) -> float:
        """How many new viewers a node lets in."""
        limit = self._limits[int(second.levels[node])]
        return float(limit * self._fleet.capacity[node] - second.streams[node])

    def _reached(self, second: Second, zone: int, node: int) -> bool:
        moment = second.moment
        return bool(moment.up[node] and moment.sides[zone] == moment.sides[self._fleet.zone[node]])

    def _elsewhere(self, second: Second, at: tuple[int, int], asked: Asked) -> int | None:
        """To whom the node that has no room for a new session sends it on; he who is sent on is so once."""
        zone, node = at
        view = replace(second.views[zone], self_name=self._fleet.names[node])
        pending = self._sent[zone].known(max(1, len(self._fleet.of_zone(zone))))
        name = asked.new and self._chooser.choose(elsewhere(view, pending, self._limits[0]), asked, pending)
        if not name:
            return None
        other = self._number[name]
        stays = self._reached(second, zone, other) and not self._refuses(second, other, new=True)
        return other if stays else None

    def _ask(self, second: Second, zone: int, asked: Asked) -> int | None:
        view, key = second.views.get(zone), (zone, asked.new)
        if view is None or key in self._full:
            return None
        self.questions += 1
        routers = 1 if self._alone else max(1, len(self._fleet.of_zone(zone)))
        name = self._chooser.choose(view, asked, self._sent[zone].known(routers))
        if name is None:
            self._full[key] = None  # whatever else is asked for in this second, it will not be less full
            return None
        return self._number[name]

    def _refuses(self, second: Second, node: int, *, new: bool) -> bool:
        """Whether the node itself turns them away; it knows its own load and level."""
        measures = self._measures[second.levels[node]]
        if new and self._room(second, node) < 1:
            return True
        if measures.admits_all:
            return False
        load = float(second.streams[node] / self._fleet.capacity[node])
        return bool(
            refusal(measures, Request(playlist=new, live=True, cached=True, known=not new, load=load))
        )

    def _turned_away(
        self, second: Second, place: tuple[int, int], count: float, flow: Flow, *, new: bool
    ) -> float:
        """Equal questions get equal answers in this second, so all who are left are turned away."""
        if new:
            self._viewers.refused[place] += count
            flow.refused += count * float(self._viewers.first[place] / self._viewers.new[place])
            return 0.0
        moment, fleet = second.moment, self._fleet
        near = moment.up & ~moment.draining & (moment.sides[fleet.zone] == moment.sides[place[0]])
        if (second.streams[near] < fleet.capacity[near]).any():
            flow.cut_off += count
        return count
