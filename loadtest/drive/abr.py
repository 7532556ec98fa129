"""Which rung a player takes: by the throughput that it saw, carefully where little is buffered."""

import math
from collections import deque
from collections.abc import Sequence

_SAMPLES = 5
_SAFETY = 0.8  # of the throughput is used
_SAFETY_LOW = 0.5  # while less than a segment is buffered
_UP_TARGETS = 2.0  # segments buffered before it goes up
_SHORTEST_S = 1e-4


class Throughput:
    """What the last few segments came at: their harmonic mean, which one lucky segment hardly moves."""

    def __init__(self) -> None:
        self._rates: deque[float] = deque(maxlen=_SAMPLES)

    def saw(self, size: int, seconds: float) -> None:
        """A segment of so many bytes took that long."""
        self._rates.append(8 * size / 1000 / max(seconds, _SHORTEST_S))

    @property
    def kbps(self) -> float | None:
        """Kilobits a second; None before the first segment."""
        if not self._rates or min(self._rates) <= 0:
            return None
        return len(self._rates) / sum(1 / rate for rate in self._rates)


def choose(ladder: Sequence[float], now: int, kbps: float | None, buffered: float) -> int:
    """The rung to go on with.

    Args:
        ladder: kilobits a second of those that are allowed, ascending.
        now: the one that is watched; what is above the ladder is left.
        kbps: throughput; None if unknown.
        buffered: segments ahead of the picture.
    """
    now = min(now, len(ladder) - 1)
    if kbps is None:
        return now
    usable = kbps * (_SAFETY if buffered >= 1 else _SAFETY_LOW)
    best = max((index for index, rate in enumerate(ladder) if rate <= usable), default=0)
    if best <= now:
        return best
    return now + 1 if buffered >= _UP_TARGETS else now


def screen(rank: int, ranks: int, rungs: int) -> int:
    """The top rung for a screen, of a ladder of `rungs`: screens are as the scenario's `ranks` of rungs are."""
    return math.ceil((rank + 1) * rungs / ranks) - 1
