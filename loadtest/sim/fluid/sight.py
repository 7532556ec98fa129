"""What nodes see of each other: the loads of a moment ago, as the production's view."""

import math
from collections import deque

import numpy as np
from msgspec.structs import replace

from edge.model import Load, Status, TopSegments
from edge.state.reports import Report
from edge.state.view import ClusterView, NodeView, Partition
from loadtest.sim.fluid.conditions import Moment
from loadtest.sim.fluid.fleet import ZONES, Fleet, Floats, Ints

_SHARE = 0.95  # of ages, that the measured one is above
_HISTORY_MAX = 64  # seconds


class Sight:
    """Loads of the last seconds, and views of them.

    Args:
        fleet: the nodes.
        rng: of the ages.
    """

    def __init__(self, fleet: Fleet, rng: np.random.Generator) -> None:
        self._fleet = fleet
        self._rng = rng
        self._streams: deque[Floats] = deque(maxlen=_HISTORY_MAX)
        self._levels: deque[Ints] = deque(maxlen=_HISTORY_MAX)
        self._lost = tuple(replace(one, status=Status.UNREACHABLE) for one in fleet.members)
        self._version = 0

    def note(self, streams: Floats, levels: Ints) -> None:
        """The loads of this second, the newest of all."""
        self._streams.append(streams)
        self._levels.append(levels)

    def forget(self) -> None:
        """What was before tells nothing of now."""
        self._streams.clear()
        self._levels.clear()

    def aged(self, age_s: float) -> tuple[Floats, Ints]:
        """Streams and levels as they are known when 95% of all knowledge is younger than `age_s`."""
        ages = self._rng.random(self._fleet.size) * age_s / _SHARE
        kept = len(self._streams)
        stacked = np.stack(list(self._streams)[-(math.ceil(age_s / _SHARE) + 2) :])
        newest = len(stacked) - 1
        back = np.minimum(ages, newest)
        before = np.floor(back).astype(np.int64)
        part = back - before
        every = np.arange(self._fleet.size)
        late, early = stacked[newest - before, every], stacked[np.maximum(0, newest - before - 1), every]
        # A level is told like any load, only whole: what was told last counts.
        levels = np.stack(list(self._levels)[-len(stacked) :])[newest - before, every] if kept else None
        assert levels is not None
        return late + (early - late) * part, levels

    def nodes(
        self,
        moment: Moment,
        side: int,
        seen: tuple[Floats, Ints],
        tops: tuple[tuple[TopSegments, ...], float] = ((), 0.0),
    ) -> tuple[NodeView, ...]:
        """All nodes as those of one side see them.

        Args:
            moment: the faults.
            side: of whom.
            seen: what `aged` gave.
            tops: the hottest segments of each node, where they are wanted, and when they were told.
        """
        fleet, self._version = self._fleet, self._version + 1
        version, (told, at_s) = self._version, tops
        streams, levels = seen[0].astype(np.int64).tolist(), seen[1].tolist()
        reached = (moment.seen_up & (moment.seen_sides[fleet.zone] == side)).tolist()
        health = np.where(moment.seen_draining, 0, 100).tolist()
        capacity = fleet.capacity.tolist()
        members = [
            one if here else lost for one, lost, here in zip(fleet.members, self._lost, reached, strict=True)
        ]
        return tuple(
            NodeView(
                member,
                Report(
                    version,
                    Load(streams[number], 0, 0, capacity[number], health[number], 0, levels[number]),
                    0.0,
                ),
                Report(version, told[number], at_s) if told else None,
            )
            for number, member in enumerate(members)
        )

    def view(self, moment: Moment, nodes: tuple[NodeView, ...], node: int) -> ClusterView:
        """The view of one node."""
        cut = self._partition(moment, nodes, node) if moment.seen_cut else None
        return ClusterView(self._version, self._fleet.names[node], nodes, cut)

    def _partition(self, moment: Moment, nodes: tuple[NodeView, ...], node: int) -> Partition:
        side = moment.seen_sides[self._fleet.zone[node]]
        here = moment.seen_sides[self._fleet.zone] == side
        island = tuple(one.name for one, inside in zip(nodes, here, strict=True) if inside)
        lost = tuple(one.name for one, inside in zip(nodes, here, strict=True) if not inside)
        zones = tuple(
            (ZONES[index], int((self._fleet.zone == index).sum()))
            for index in range(len(ZONES))
            if moment.seen_sides[index] != side
        )
        majority = moment.settled and len(island) > len(lost)
        return Partition("cut", 0.0, island, lost, zones, moment.settled, majority)
