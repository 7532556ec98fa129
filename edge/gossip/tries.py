"""How many of a node's own probes of members that are there get an answer at the first try."""

import math

_DECAY_S = 30.0  # ten times the period of a link that flaps
_PRIOR = 4.0  # answered tries that are taken for granted, lest the first that is lost looks like a storm
_SUDDEN_S = 2.0  # a storm that has just begun: a suspicion is over before half a minute is
_SUDDEN_PRIOR = 1.0


class _Window:
    """Tries, each weighing less the older it is."""

    __slots__ = ("_answered", "_at", "_decay_s", "_missed", "_prior")

    def __init__(self, decay_s: float, prior: float) -> None:
        self._decay_s = decay_s
        self._prior = prior
        self._at = -math.inf
        self._answered = 0.0
        self._missed = 0.0

    def add(self, now: float, *, answered: bool) -> None:
        self._decay(now)
        if answered:
            self._answered += 1
        else:
            self._missed += 1

    def share(self, now: float) -> float:
        self._decay(now)
        return (self._answered + self._prior) / (self._answered + self._missed + self._prior)

    def _decay(self, now: float) -> None:
        factor = math.exp(-max(0.0, now - self._at) / self._decay_s)
        self._at = max(now, self._at)
        self._answered *= factor
        self._missed *= factor


class Tries:
    """First tries of probes, in the last half minute and in the last seconds. Further tries meet the same weather.

    Of probes only those count that ended with an answer, be it by a helper: a member that answers nobody says nothing
    about the ways of this node.
    """

    __slots__ = ("_lately", "_now")

    def __init__(self) -> None:
        self._lately = _Window(_DECAY_S, _PRIOR)
        self._now = _Window(_SUDDEN_S, _SUDDEN_PRIOR)

    def add(self, now: float, *, answered: bool) -> None:
        """A probe is over; whether its first try was answered."""
        self._lately.add(now, answered=answered)
        self._now.add(now, answered=answered)

    def share(self, now: float) -> float:
        """Of the tries, those that were answered, 0–1; 1 where there were none."""
        return self._lately.share(now)

    def worst(self, now: float) -> float:
        """The same, or that of the last seconds where it is worse: a storm may have just begun."""
        return min(self._lately.share(now), self._now.share(now))
