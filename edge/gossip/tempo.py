"""How fast to gossip: as fast as the ways allow while there is news, slowly while there is none.

Quality sets the pace (a bad way is not helped by more datagrams); the rate of news stretches it, so that datagrams
leave filled; an own change that others wait for brings it back at once.
"""

import math
from typing import NamedTuple

from edge.gossip.rtt import RttEstimator

_TAU_S = 1.0  # of the rate of news
_LIVELY = 2.0  # news a second and member at which nothing is stretched
_QUICK_S = 0.5
_LIVELY_FOR_S = 1.0
_ISLAND_TICK_S = 0.05  # seed S2: half of the usual 100 ms
_HYSTERESIS = 0.03
_STEPS = (0.9, 0.7, 0.5)  # quality above which the interval is 1, 2, 4 and else 10 times the least one
_FACTORS = (1, 2, 4, 10)


class Pace(NamedTuple):
    """What the tempo is at this moment."""

    tick_s: float
    probe_period_s: float


def quality(way: RttEstimator) -> float:
    """Of the way to one peer, 0 to 1: shrinks with loss and with jitter against the round trip; 1 before any probe."""
    if way.srtt_s is None:
        return 1.0 - way.loss
    unsteady = way.rttvar_s / max(way.srtt_s, 0.02)  # below 20 ms jitter is the machine's, not the way's
    return (1.0 - way.loss) ** 2 / (1.0 + max(0.0, unsteady - 0.5))


def stretch(news_per_member_s: float) -> float:
    """How many times longer than its least an interval is at this rate of news."""
    return max(1.0, math.sqrt(_LIVELY / max(news_per_member_s, 1e-6)))


class Tempo:
    """The pace of one node.

    Args:
        tick_s: least and greatest interval of batched gossip.
        probe_period_s: least and greatest interval of probes.
    """

    def __init__(self, tick_s: tuple[float, float], probe_period_s: tuple[float, float]) -> None:
        self._tick_s = tick_s
        self._probe_period_s = probe_period_s
        self._step = 0
        self._news = 0.0  # decayed count
        self._at = 0.0
        self._changed_at = float("-inf")
        self._lively_until = float("-inf")
        self.cut = False  # whether this node is in an island: those who are left must know each other well
        self.quality = 1.0  # mean over the ways to peers, smoothed

    def news(self, count: int, now: float) -> None:
        """So many records came that were news, own changes among them."""
        self._news = self._decayed(now) + count
        self._at = max(self._at, now)

    def own_change(self, now: float) -> None:
        """The own load changed: twice within half a second is a reason to be at full pace without waiting for more."""
        if now - self._changed_at <= _QUICK_S:
            self._lively_until = now + _LIVELY_FOR_S
        self._changed_at = now
        self.news(1, now)

    def hasten(self, now: float) -> None:
        """Something is about to happen: full pace for a while."""
        self._lively_until = max(self._lively_until, now + _LIVELY_FOR_S)

    def way(self, value: float) -> None:
        """The quality of a way that was just probed; one bad probe among many changes little."""
        self.quality += (value - self.quality) / 16
        wanted = sum(self.quality <= bound for bound in _STEPS)
        if wanted > self._step and self.quality <= _STEPS[self._step] - _HYSTERESIS:
            self._step += 1
        elif wanted < self._step and self.quality > _STEPS[self._step - 1] + _HYSTERESIS:
            self._step -= 1

    def pace(self, members: int, now: float) -> Pace:
        """Intervals at `now`, seconds."""
        rate = self._decayed(now) / _TAU_S / max(1, members)
        longer = 1.0 if now < self._lively_until else stretch(rate)
        least_s = min(self._tick_s[0], _ISLAND_TICK_S) if self.cut else self._tick_s[0]
        tick_s = min(self._tick_s[1], least_s * _FACTORS[self._step] * longer)
        period_s = min(self._probe_period_s[1], self._probe_period_s[0] * longer)
        return Pace(tick_s, period_s)

    def _decayed(self, now: float) -> float:
        return self._news * math.exp(min(0.0, self._at - now) / _TAU_S)
