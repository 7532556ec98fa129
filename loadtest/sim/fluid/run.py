"""One run: a scenario, a fleet, a seed; second by second."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from edge.config import MonsoonConfig
from edge.decide.measures import measures_of
from edge.state.view import ClusterView, NodeView
from loadtest.scenario.curve import Curve, bursts, kbps_per_viewer
from loadtest.scenario.schema import Scenario
from loadtest.sim.fluid.assign import Assigner, Second
from loadtest.sim.fluid.audience import ISP_SHARES, Flow, Viewers
from loadtest.sim.fluid.conditions import Conditions, Moment
from loadtest.sim.fluid.fills import Placement
from loadtest.sim.fluid.fleet import ZONES, Floats, make_fleet
from loadtest.sim.fluid.known import Known
from loadtest.sim.fluid.modes import Modes
from loadtest.sim.fluid.record import Recorder, Seen
from loadtest.sim.fluid.routing import Chooser, Production
from loadtest.sim.fluid.sight import Sight
from loadtest.sim.fluid.stretches import Stretch, short, whole, with_windows
from loadtest.sim.fluid.windows import Looked, Window, look

SHORT_NODES = 25  # every city has one
_ARRIVAL_STEPS = 200  # for all that the fleet can carry
_LOOK_EVERY = 3  # segments: then the next zone puts together what is watched
_LOGIN_CALLS = 1.0  # of one who comes; assumption


@dataclass(frozen=True, slots=True)
class Setting:
    """All that a run depends on, beside the code."""

    scenario: Scenario
    nodes: int
    seed: int
    known: Known
    short: bool = False
    windows: tuple[Window, ...] = ()  # that are simulated packet by packet


class Run:
    """One run of a match.

    Args:
        setting: what is run.
        chooser: routing; none: the production's.
        looking: gives what a window finds; none: it is simulated when it is due.
    """

    def __init__(
        self,
        setting: Setting,
        chooser: Chooser | None = None,
        looking: Callable[[Window], Looked] = look,
    ) -> None:
        self.setting = setting
        scenario = self.scenario = _scaled(setting)
        self.fleet = make_fleet(setting.nodes, scenario.fleet.capacity)
        self.conditions = Conditions(scenario, self.fleet, setting.known)
        streams = np.random.SeedSequence(setting.seed).spawn(3)
        rngs = [np.random.Generator(np.random.PCG64(one)) for one in streams]
        self.viewers = Viewers(scenario.audience, setting.nodes, rngs[0])
        self.sight = Sight(self.fleet, rngs[1])
        self.placement = Placement(self.fleet, scenario.audience, rngs[2])
        self.assigner = Assigner(
            self.fleet, self.viewers, chooser or Production(), scenario.audience.segment_s
        )
        self.modes = Modes(self.fleet, self.conditions)
        rungs = [(one.kbps, one.share) for one in scenario.audience.rung]
        measures = [measures_of(level, MonsoonConfig()) for level in range(5)]
        self.recorder = Recorder(
            self.fleet, scenario.audience.peak, kbps_per_viewer(scenario), rungs, measures
        )
        age_s = setting.known.view_age_s
        spans = self.conditions.spans
        every = short(scenario, spans, age_s) if setting.short else whole(scenario, age_s)
        self.stretches: list[Stretch] = with_windows(every, setting.windows)
        self.looked: dict[Window, Looked] = {}
        self._looking = looking
        self._curve = Curve(scenario)
        self._cold: list[int] = []
        self._purged = 0.0
        self._was_up = np.ones(setting.nodes, dtype=np.bool_)
        self._segment = -1

    @property
    def steps(self) -> int:
        """How many seconds are simulated."""
        return sum(one.end_s - one.begin_s for one in self.stretches)

    def play(self) -> Iterator[int]:
        """Simulate; yields each second when it is over."""
        before_s = -1
        for stretch in self.stretches:
            if stretch.begin_s != before_s:
                self._arrive(stretch.begin_s)
            before_s = stretch.end_s
            age_s = self._age_s(stretch)
            for at_s in stretch.seconds():
                self._second(at_s, age_s)
                yield at_s

    def _age_s(self, stretch: Stretch) -> float:
        """Age of knowledge: as the packets of a window show it, else as given."""
        if stretch.window is None:
            return stretch.view_age_s
        if stretch.window not in self.looked:
            self.looked[stretch.window] = self._looking(stretch.window)
        return self.looked[stretch.window].view_age_s

    def heal_s(self) -> float:
        """Longest time from the end of a cut until the zones that were cut off are as they were before it."""
        series, found = self.recorder.series, 0.0
        for cut in self.conditions.cuts:
            rows = zip(series["t_s"], *(series[f"level_{zone}"] for zone in cut.zones), strict=True)
            levels = [(row[0], max(row[1:])) for row in rows]
            before = max((level for at_s, level in levels if at_s < cut.at_s), default=0.0, key=float)
            heal_s = cut.at_s + cut.for_s
            calm = [at_s for at_s, level in levels if at_s >= heal_s and level <= before]
            found = max(found, calm[0] - heal_s if calm else math.inf)
        return found

    def _second(self, at_s: int, age_s: float) -> None:
        moment, flow = self.conditions.at(at_s), Flow()
        self._restarted(moment)
        self.viewers.change(self._curve.viewers(at_s), flow)
        self.viewers.lose(self._lost(moment), flow)
        views = _Views(self.sight, moment, age_s)
        streams = self._place(at_s, views, flow)
        self._fill(at_s, moment, views)
        self._record(at_s, moment, streams, flow)

    def _arrive(self, at_s: int) -> None:
        """A stretch begins: who came in the time that was left out is placed bit by bit, as he would have been."""
        lacking = self.viewers.jump(self._curve.viewers(at_s))
        self.sight.forget()
        self.sight.note(self.viewers.streams, self.modes.levels.copy())
        moment = self.conditions.at(at_s)
        self._was_up = moment.up
        turns = math.ceil(_ARRIVAL_STEPS * float(lacking.sum()) / float(self.fleet.capacity.sum()))
        for turn in range(turns):
            self.viewers.new += lacking / turns
            self.viewers.first[:] = self.viewers.new
            views, now_s = _Views(self.sight, moment, 0.0), at_s - turns + turn
            self._place(now_s, views, Flow(), alone=True)

    def _place(self, at_s: int, views: "_Views", flow: Flow, *, alone: bool = False) -> Floats:
        """Viewers find their nodes, and these take notice; the streams of each node."""
        moment, streams = views.moment, self.viewers.streams
        by_zone = {zone: view for zone in range(len(ZONES)) if (view := self._router(views, zone))}
        self.assigner.run(Second(at_s, moment, by_zone, self.modes.levels, streams), flow, alone=alone)
        self.modes.look(at_s, moment, streams, lambda node: self._view(views, node))
        self.sight.note(streams, self.modes.levels.copy())
        return streams

    def _restarted(self, moment: Moment) -> None:
        self._cold += np.flatnonzero(moment.up & ~self._was_up).tolist()
        self._was_up = moment.up

    def _lost(self, moment: Moment) -> Floats:
        """Which share of each node's viewers, by zone, must look for another one."""
        rates = np.zeros((self.fleet.size, len(ZONES)))
        rates[~moment.up] = 1.0
        rates[moment.sides[self.fleet.zone][:, None] != moment.sides[None, :]] = 1.0
        # A node that drains answers each request with the way to another; each viewer makes two in a segment's time.
        if moment.draining.any():
            rates[moment.draining] = np.maximum(
                rates[moment.draining], 1 - math.exp(-2 / self.scenario.audience.segment_s)
            )
        return rates

    def _router(self, views: "_Views", zone: int) -> ClusterView | None:
        """The view of a node that viewers of a zone ask: one of their own zone, else any that they reach."""
        moment = views.moment
        able = moment.up & (moment.sides[self.fleet.zone] == moment.sides[zone])
        near = np.flatnonzero(able & (self.fleet.zone == zone))
        chosen = near if len(near) else np.flatnonzero(able)
        return self._view(views, int(chosen[0])) if len(chosen) else None

    def _view(self, views: "_Views", node: int) -> ClusterView:
        side = int(views.moment.seen_sides[self.fleet.zone[node]])
        return self.sight.view(views.moment, views.of_side(side), node)

    def _fill(self, at_s: int, moment: Moment, views: "_Views") -> None:
        self._purged += self.conditions.purges(at_s)
        segment = int(at_s / self.scenario.audience.segment_s)
        if segment == self._segment:
            return
        self._segment = segment
        zone = segment // _LOOK_EVERY % len(ZONES)
        nodes = self.fleet.of_zone(zone)
        if len(nodes) and segment % _LOOK_EVERY == 0:
            tops = self.placement.tops(self.viewers.on, at_s)
            side = int(moment.seen_sides[zone])
            seen = self.sight.nodes(moment, side, views.seen, (tops, float(at_s)))
            self.placement.look(self.sight.view(moment, seen, int(nodes[0])), zone, at_s)
        fills = self.placement.count(
            self.viewers.on,
            (at_s, moment),
            lambda node: self._view(views, node),
            (self._cold, self._purged),
        )
        self._cold, self._purged = [], 0.0
        self.recorder.fills(fills, self.scenario.audience.segment_s)

    def _record(self, at_s: int, moment: Moment, streams: Floats, flow: Flow) -> None:
        viewers = self.viewers
        waiting = float(viewers.new.sum() + viewers.back.sum())
        stale = float(streams[~moment.origin[self.fleet.zone]].sum())
        wanted = self._curve.viewers(at_s)
        seen = Seen(
            at_s=at_s,
            wanted=wanted,
            streams=streams,
            levels=self.modes.levels,
            up=moment.up & ~moment.draining,
            waiting=waiting,
            stale=stale,
            delivered=self.conditions.delivered(at_s, ISP_SHARES),
            growth=self._curve.growth_per_min(at_s),
            login=self._login(at_s, flow.arrived + flow.retried),
        )
        self.recorder.second(seen, flow)

    def _login(self, at_s: int, coming: float) -> float:
        """Log-in calls of a second: one for each who comes, and more when phones ring."""
        calls = _LOGIN_CALLS * coming
        for one in bursts(self.scenario):
            since_s = at_s - one.at_s
            if 0 <= since_s < one.rise_s + one.for_s:
                usual = self.recorder.before("login_rps", one.at_s)
                calls = max(calls, usual * (1 + (one.burst - 1) * min(1.0, since_s / one.rise_s)))
        return calls


class _Views:
    """What is seen in one second, made once for each side of a cut."""

    def __init__(self, sight: Sight, moment: Moment, age_s: float) -> None:
        self.moment = moment
        self.seen = sight.aged(age_s)
        self._sight = sight
        self._sides: dict[int, tuple[NodeView, ...]] = {}

    def of_side(self, side: int) -> tuple[NodeView, ...]:
        """All nodes, as those of one side see them."""
        if side not in self._sides:
            self._sides[side] = self._sight.nodes(self.moment, side, self.seen)
        return self._sides[side]


def _scaled(setting: Setting) -> Scenario:
    """A short run has an audience that fits its fleet; whoever names another fleet for a whole one sees it bear all."""
    scenario = setting.scenario
    if not setting.short:
        return scenario
    share = setting.nodes / scenario.fleet.nodes
    return replace(scenario, audience=replace(scenario.audience, peak=scenario.audience.peak * share))
