"""How many of a node's own probes of members that are there get an answer at the first try, in the last half minute."""

import math

_DECAY_S = 30.0  # ten times the period of a link that flaps
_PRIOR = 4.0  # answered tries that are taken for granted, lest the first that is lost looks like a storm


class Tries:
    """First tries of probes, each weighing less the older it is. Further tries soon after it meet the same weather.

    Of probes only those count that ended with an answer, be it by a helper: a member that answers nobody says nothing
    about the ways of this node.
    """

    __slots__ = ("_answered", "_at", "_missed")

    def __init__(self) -> None:
        self._at = -math.inf
        self._answered = 0.0
        self._missed = 0.0

    def add(self, now: float, *, answered: bool) -> None:
        """A probe is over; whether its first try was answered."""
        self._decay(now)
        if answered:
            self._answered += 1
        else:
            self._missed += 1

    def share(self, now: float) -> float:
        """Of the tries, those that were answered, 0–1; 1 where there were none."""
        self._decay(now)
        return (self._answered + _PRIOR) / (self._answered + self._missed + _PRIOR)

    def _decay(self, now: float) -> None:
        factor = math.exp(-max(0.0, now - self._at) / _DECAY_S)
        self._at = max(now, self._at)
        self._answered *= factor
        self._missed *= factor
