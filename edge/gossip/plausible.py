"""What a node's reports can be, given those before: laws of counting viewers, and of what machines are made for.

A viewer counts for ten seconds after his last request (`edge.state.traffic`). So of those who were new between two
reports nobody can be missing in a third that comes within that time; whoever swings faster counts no viewers.
"""

import math
from collections import deque
from statistics import median

from edge.gossip.reputation import Fault
from edge.model import REPORT_STEPS_PER_S, Load
from edge.state.reports import Report

LOOK_S = 0.5  # reports are looked at this often
_COUNTS_S = 8.0  # a new viewer does, at least; less than ten, for reports come late
_LOST_SHARE, _LOST_LEAST = 0.5, 10  # of those who cannot be gone: beyond these it is no chance
JUMP = 4  # a capacity grows to so many times the largest told before, and is so many times the median of all,
OUTLIER = 64  # or is so many times the median
_KNOWN_LEAST = 3  # capacities of others that make a median


class Claims:
    """What one process said of its load in the last seconds."""

    __slots__ = ("_peaks", "_said", "_turned", "capacity", "since", "version")

    def __init__(self, now: float) -> None:
        self.since = now  # when it was heard of first
        self.version = -1  # of the report that was looked at last
        self.capacity = 0  # the largest that was believed
        self._peaks = 0, 0  # the most viewers in this window, and in the one before
        self._turned = now
        self._said: deque[tuple[float, int, int]] = deque(maxlen=int(_COUNTS_S / LOOK_S) + 2)

    def take(self, report: Report[Load], usual: float) -> Fault | None:
        """Look at a new report; `usual` is the median capacity of all, 0 if it is not known."""
        load, swings = report.value, self._swings(report)
        self.version = report.version
        self._said.append((report.at, report.version, load.streams))
        if usual and self._too_large(load.capacity, usual):
            return Fault.CAPACITY
        self.capacity = max(self.capacity, load.capacity)
        return Fault.SWING if swings else None

    def most(self, since: float) -> int:
        """The most viewers told of since then, or in the last report."""
        found = self._said[-1][2] if self._said else 0
        return max([found, *(streams for at, _, streams in self._said if at >= since)])

    def _too_large(self, capacity: int, usual: float) -> bool:
        jumps = 0 < self.capacity * JUMP < capacity and capacity > JUMP * usual
        return jumps or capacity > OUTLIER * usual

    def _swings(self, report: Report[Load]) -> bool:
        streams = report.value.streams
        if report.at - self._turned >= _COUNTS_S:
            self._peaks, self._turned = (streams, self._peaks[0]), report.at
        elif streams > self._peaks[0]:
            self._peaks = streams, self._peaks[1]
        if streams >= _LOST_SHARE * max(self._peaks) or not self._said or streams >= self._said[-1][2]:
            return False
        least, came = math.inf, 0.0
        for at, version, held in self._said:
            if report.at - at < _COUNTS_S and report.version - version < _COUNTS_S * REPORT_STEPS_PER_S:
                came = max(came, held - least)
                least = min(least, held)
        return streams < _LOST_SHARE * came - _LOST_LEAST


def usual_capacity(capacities: list[int]) -> float:
    """The median of what all are made for; 0 where too few have told it."""
    told = [one for one in capacities if one]
    return median(told) if len(told) > _KNOWN_LEAST else 0.0
