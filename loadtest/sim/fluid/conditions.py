"""The faults of a scenario as of a moment: what is so, and what nodes know of it, which is later.

Zones on the same side of all cuts have the same number of a side. A node is gone for others once they know.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from loadtest.scenario.faults import Cut, IspLoss, NodeKill, OriginOutage, Override, PurgeStorm, RollingUpdate
from loadtest.scenario.schema import Scenario
from loadtest.sim.fluid.fleet import ZONES, Bools, Fleet, Floats, Ints
from loadtest.sim.fluid.known import Known

SETTLED_S = 2.0  # after which a declared cut counts as settled (`edge.gossip.partition`)

_Lasting = Cut | IspLoss | OriginOutage | PurgeStorm | Override


class _Outage(NamedTuple):
    """One node drains, is away, and is back."""

    node: int
    drain_s: float
    dead_s: float
    back_s: float


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment."""

    up: Bools  # by node: its process runs
    draining: Bools
    seen_up: Bools  # by node: as those know who reach it
    seen_draining: Bools
    sides: Ints  # by zone
    seen_sides: Ints  # by zone, as all know
    settled: bool  # whether a cut that is known is settled
    origin: Bools  # by zone: whether an origin answers

    @property
    def seen_cut(self) -> bool:
        """Whether a cut is known."""
        return bool(self.seen_sides.any())


class Conditions:
    """The faults of one run.

    Args:
        scenario: its faults.
        fleet: the nodes.
        known: how late nodes know.
    """

    def __init__(self, scenario: Scenario, fleet: Fleet, known: Known) -> None:
        faults = scenario.fault
        self._fleet = fleet
        self._known = known
        self._cuts = [one for one in faults if isinstance(one, Cut)]
        self._losses = [one for one in faults if isinstance(one, IspLoss)]
        self._origin = [one for one in faults if isinstance(one, OriginOutage)]
        self._purges = [one for one in faults if isinstance(one, PurgeStorm)]
        self._overrides = [one for one in faults if isinstance(one, Override)]
        outages = [each for one in faults for each in _outages(one, fleet)]
        self._node = np.array([one.node for one in outages], dtype=np.int64)
        self._drain = np.array([one.drain_s for one in outages])
        self._dead = np.array([one.dead_s for one in outages])
        self._back = np.array([one.back_s for one in outages])
        self._isp_loss = [self._loss_of(one) for one in self._losses]

    def at(self, at_s: float) -> Moment:
        """As of `at_s`."""
        known = self._known
        dead = (self._dead <= at_s) & (at_s < self._back)
        draining = (self._drain <= at_s) & (at_s < self._dead)
        told = self._drain < self._dead  # who drains says goodbye, too
        heard = np.where(told, known.view_age_s, known.death_s)
        seen_dead = (self._dead + heard <= at_s) & (at_s < self._back + known.view_age_s)
        seen_draining = (self._drain + known.view_age_s <= at_s) & (at_s < self._dead + heard)
        seen_at = [one.at_s + known.cut_s for one in self._cuts if self._is_seen(one, at_s)]
        return Moment(
            up=~self._marked(dead),
            draining=self._marked(draining & told),
            seen_up=~self._marked(seen_dead),
            seen_draining=self._marked(seen_draining & told),
            sides=self._sides([one for one in self._cuts if _lasts(one, at_s)]),
            seen_sides=self._sides([one for one in self._cuts if self._is_seen(one, at_s)]),
            settled=bool(seen_at) and at_s >= max(seen_at) + SETTLED_S,
            origin=self._origin_at(at_s),
        )

    def answered(self, at_s: float) -> Floats:
        """Share of each node's probes that are answered, as loss has it."""
        kept = np.ones(self._fleet.size)
        for fault, loss in zip(self._losses, self._isp_loss, strict=True):
            if _lasts(fault, at_s):
                kept *= 1 - loss * min(1.0, (at_s - fault.at_s) / fault.rise_s)
        answered: Floats = kept * kept.mean()
        return answered

    def delivered(self, at_s: float, shares: Mapping[str, float]) -> float:
        """Share of the media that reaches viewers who are with providers by `shares`.

        Assumption: players do without as large a part of the bitrate as is lost of the datagrams.
        """
        kept = 1.0
        for one in self._losses:
            if _lasts(one, at_s):
                lost = sum(share * one.losses.get(isp, 0.0) for isp, share in shares.items())
                kept *= 1 - lost * min(1.0, (at_s - one.at_s) / one.rise_s)
        return kept

    def purges(self, at_s: float) -> float:
        """Purges of all that is live in this second, a mean over it."""
        return sum(one.per_s for one in self._purges if _lasts(one, at_s))

    def override(self, at_s: float, zone: int) -> Override | None:
        """The operator's word that counts in a zone: at once on his side of a cut, elsewhere once it has healed."""
        for one in self._overrides:
            if _lasts(one, at_s) and self._told(one, at_s, zone):
                return one
        return None

    @property
    def cuts(self) -> list[Cut]:
        """All of them."""
        return list(self._cuts)

    @property
    def spans(self) -> list[tuple[float, float]]:
        """From when until when something is wrong."""
        faults: tuple[_Lasting, ...] = (
            *self._cuts,
            *self._losses,
            *self._origin,
            *self._purges,
            *self._overrides,
        )
        spans = [(one.at_s, one.at_s + one.for_s) for one in faults]
        if self._node.size:
            spans.append((float(self._drain.min()), float(self._back.max())))
        return sorted(spans)

    def _told(self, one: Override, at_s: float, zone: int) -> bool:
        """Whether an override has come to a zone: it was on its maker's side at some time since."""
        made_in = ZONES.index(one.zone)
        parted = [
            cut
            for cut in self._cuts
            if cut.at_s <= one.at_s + self._known.view_age_s < cut.at_s + cut.for_s
            and (ZONES[zone] in cut.zones) != (ZONES[made_in] in cut.zones)
        ]
        since = max([one.at_s, *(cut.at_s + cut.for_s + self._known.heal_s for cut in parted)])
        return at_s >= since + self._known.view_age_s

    def _is_seen(self, cut: Cut, at_s: float) -> bool:
        end_s = cut.at_s + cut.for_s
        return cut.at_s + self._known.cut_s <= at_s < end_s + self._known.heal_s

    def _sides(self, cuts: list[Cut]) -> Ints:
        sides = np.zeros(len(ZONES), dtype=np.int64)
        for cut in cuts:
            sides = 2 * sides + np.array([zone in cut.zones for zone in ZONES])
        return sides

    def _origin_at(self, at_s: float) -> Bools:
        up = np.ones(len(ZONES), dtype=np.bool_)
        if any(_lasts(one, at_s) for one in self._origin):
            up[:] = False
        for cut in self._cuts:
            if _lasts(cut, at_s):
                up &= np.array([(zone in cut.zones) == cut.origin for zone in ZONES])
        return up

    def _loss_of(self, fault: IspLoss) -> Floats:
        zones = [ZONES[index] for index in self._fleet.zone]
        pairs = zip(self._fleet.isps, zones, strict=True)
        return np.array([fault.zones.get(zone, fault.losses.get(isp, 0.0)) for isp, zone in pairs])

    def _marked(self, which: Bools) -> Bools:
        marked = np.zeros(self._fleet.size, dtype=np.bool_)
        marked[self._node[which]] = True
        return marked


def _lasts(fault: _Lasting, at_s: float) -> bool:
    return fault.at_s <= at_s < fault.at_s + fault.for_s


def _outages(fault: object, fleet: Fleet) -> Iterator[_Outage]:
    if isinstance(fault, NodeKill):
        nodes = fleet.of_zone(ZONES.index(fault.zone))
        for node in nodes[: max(1, round(fault.share * len(nodes)))]:
            yield _Outage(int(node), fault.at_s, fault.at_s, fault.at_s + fault.for_s)
    elif isinstance(fault, RollingUpdate):
        for node in range(fleet.size):
            begin_s = fault.at_s + node // fault.at_once * (fault.drain_s + fault.away_s)
            dead_s = begin_s + fault.drain_s
            yield _Outage(node, begin_s, dead_s, dead_s + fault.away_s)
