"""Each node's level of degradation, by the production's state machine.

A machine that sees nothing near any of its thresholds stays clear whatever it is told, so it is let sleep. It is
woken well before a threshold, when its smoothing has nothing to catch up with.
"""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace as changed

import numpy as np

from edge.config import MonsoonConfig
from edge.decide.monsoon import Mode, Monsoon
from edge.decide.override import Override, named
from edge.decide.signals import Local, Signals, observe
from edge.state.view import ClusterView
from loadtest.sim.fluid.conditions import Conditions, Moment
from loadtest.sim.fluid.fleet import ZONES, Bools, Fleet, Floats

_NEAR = 0.85  # of a threshold of load
_QUIET_S = 20  # after which a clear machine sleeps again: its smoothed values are those of calm
_FAIL_WINDOW_S = 6.0  # over which a node judges the origin by its fills (`edge.shell.originhealth`)
_CHANGES_MAX = 500


@dataclass(frozen=True, slots=True)
class Change:
    """A zone's level has changed, the one that more than half of its nodes have."""

    at_s: int
    zone: str
    before: int
    after: int
    reason: str


class Modes:
    """The levels of all nodes.

    Args:
        fleet: the nodes.
        conditions: the faults.
        config: thresholds and dwell.
    """

    def __init__(self, fleet: Fleet, conditions: Conditions, config: MonsoonConfig | None = None) -> None:
        self._fleet = fleet
        self._conditions = conditions
        self._config = config or MonsoonConfig()
        self._awake: dict[int, Monsoon] = {}
        self._calm_since: dict[int, int] = {}
        self._failing = np.zeros(len(ZONES))  # share of the recent fills of each zone's nodes
        self.levels = np.zeros(fleet.size, dtype=np.int64)
        self._zone_levels = np.zeros(len(ZONES), dtype=np.int64)
        self.changes: list[Change] = []
        self.dropped = 0  # changes beyond the bound

    @property
    def awake(self) -> int:
        """How many machines are at work."""
        return len(self._awake)

    def look(self, at_s: int, moment: Moment, streams: Floats, view_of: Callable[[int], ClusterView]) -> None:
        """All nodes take in the signals of this second.

        Args:
            at_s: the second.
            moment: the faults.
            streams: viewers of each node.
            view_of: the view of a node, by its number.
        """
        step = np.where(moment.origin, -1.0, 1.0) / _FAIL_WINDOW_S
        self._failing = np.clip(self._failing + step, 0.0, 1.0)
        answered = self._conditions.answered(at_s)
        load = streams / self._fleet.capacity
        trouble = self._trouble(at_s, moment, load, answered)
        self._forget_dead(moment)
        for zone in range(len(ZONES)):
            self._zone(at_s, zone, (trouble & moment.up, load, answered), view_of)
        self._note(at_s)

    def _trouble(self, at_s: int, moment: Moment, load: Floats, answered: Floats) -> Bools:
        """Which nodes see anything near a threshold."""
        zone, config = self._fleet.zone, self._config
        carried = np.bincount(zone, weights=load * self._fleet.capacity, minlength=len(ZONES))
        made = np.bincount(zone, weights=self._fleet.capacity, minlength=len(ZONES))
        full = carried >= _NEAR * config.load_high * np.maximum(made, 1)
        forced = np.array([self._conditions.override(at_s, one) is not None for one in range(len(ZONES))])
        odd = full | forced | (self._failing > 0) | moment.seen_cut
        near = load >= _NEAR * config.load_full
        trouble: Bools = near | (1 - answered >= _NEAR * (1 - config.quality_low) / 2) | odd[zone]
        return trouble

    def _zone(
        self,
        at_s: int,
        zone: int,
        seen: tuple[Bools, Floats, Floats],
        view_of: Callable[[int], ClusterView],
    ) -> None:
        """The machines of one zone: what they see alike is observed once."""
        trouble, load, answered = seen
        nodes = self._fleet.of_zone(zone)
        at_work = [int(node) for node in nodes if trouble[node] or int(node) in self._awake]
        if not at_work:
            return
        forced = self._forced(at_s, zone)
        local = Local(float(self._failing[zone]), 0.0, forced)
        common = observe(view_of(at_work[0]), local)
        for node in at_work:
            signals = changed(common, node_load=float(load[node]), quality=float(answered[node]))
            self._update(at_s, node, signals, calm=not trouble[node])

    def _update(self, at_s: int, node: int, signals: Signals, *, calm: bool) -> None:
        machine = self._awake.get(node)
        if machine is None:
            machine = self._awake[node] = Monsoon(self._config)
        machine.update(signals, float(at_s))
        self.levels[node] = machine.state.level
        if not calm or machine.state.mode is not Mode.CLEAR or machine.automatic.mode is not Mode.CLEAR:
            self._calm_since.pop(node, None)
        elif at_s - self._calm_since.setdefault(node, at_s) >= _QUIET_S:
            del self._awake[node], self._calm_since[node]

    def _forced(self, at_s: int, zone: int) -> Override | None:
        one = self._conditions.override(at_s, zone)
        if one is None:
            return None
        return named("cluster", "", one.level, int(1000 * (one.at_s + one.for_s)))

    def _forget_dead(self, moment: Moment) -> None:
        """A process that starts again knows nothing of what was."""
        for node in [one for one in self._awake if not moment.up[one]]:
            del self._awake[node]
            self._calm_since.pop(node, None)
        self.levels[~moment.up] = 0

    def _note(self, at_s: int) -> None:
        for zone, name in enumerate(ZONES):
            nodes = self._fleet.of_zone(zone)
            if not len(nodes):
                continue
            level = int(np.sort(self.levels[nodes])[(len(nodes) - 1) // 2])
            before = int(self._zone_levels[zone])
            if level == before:
                continue
            self._zone_levels[zone] = level
            if len(self.changes) >= _CHANGES_MAX:
                self.dropped += 1
                continue
            reasons = [self._awake[node].reason for node in map(int, nodes) if node in self._awake]
            self.changes.append(Change(at_s, name, before, level, reasons[0] if reasons else "asleep"))
