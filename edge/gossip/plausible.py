"""What a node's reports can be, given those before: laws of counting viewers, and of what machines are made for.

A viewer counts for ten seconds after his last request (`edge.state.traffic`). So of those who were new between two
reports nobody can be missing in a third that comes within that time; whoever swings faster counts no viewers.
"""

import math
from collections import deque
from statistics import median
from typing import NamedTuple

from edge.gossip.reputation import Fault
from edge.model import REPORT_STEPS_PER_S, Load
from edge.state.reports import Report

LOOK_S = 0.5  # reports are looked at this often
_COUNTS_S = 8.0  # a new viewer does, at least; less than ten, for reports come late
_LOST_SHARE, _LOST_LEAST = 0.5, 10  # of those who cannot be gone: beyond these it is no chance
JUMP = 4  # a capacity grows to so many times the largest told before, and is so many times the median of all,
OUTLIER = 64  # or is so many times the median
_KNOWN_LEAST = 3  # capacities of others that make a median


class Peak(NamedTuple):
    """Viewers that were told of. They cannot be gone all at once: who went no longer counts after some time."""

    streams: int
    at: float

    def left(self, now: float) -> int:
        """How many are still believed."""
        return max(0, int(self.streams * (1 - (now - self.at) / _COUNTS_S)))


class Claims:
    """What one process said of its load in the last seconds."""

    __slots__ = ("_peaks", "_said", "_turned", "capacity", "fallen", "since", "version")

    def __init__(self, now: float) -> None:
        self.since = now  # when it was heard of first
        self.version = -1  # of the report that was looked at last
        self.capacity = 0  # the largest that was believed
        self.fallen: Peak | None = None  # from where, if it told of far fewer viewers all at once
        self._peaks = 0, 0  # the most viewers in this window, and in the one before
        self._turned = now
        self._said: deque[tuple[float, int, int]] = deque(maxlen=int(_COUNTS_S / LOOK_S) + 2)

    def take(self, report: Report[Load], usual: float) -> Fault | None:
        """Look at a new report; `usual` is the median capacity of all, 0 if it is not known."""
        load, swings = report.value, self._swings(report)
        self.fallen = self._peak(report)
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

    def _peak(self, report: Report[Load]) -> Peak | None:
        """The report before, of which most is left, if of most of that this one knows nothing."""
        if not _is_less(report.value.streams, max(self._peaks)):
            return None
        peaks = [Peak(streams, at) for at, _, streams in self._said]
        best = max(peaks, key=lambda one: one.left(report.at), default=None)
        return best if best and _is_less(report.value.streams, best.left(report.at)) else None

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


def _is_less(streams: int, left: int) -> bool:
    """Whether that is far fewer than are left."""
    return streams < _LOST_SHARE * left - _LOST_LEAST


def usual_capacity(capacities: list[int]) -> float:
    """The median of what all are made for; 0 where too few have told it."""
    told = [one for one in capacities if one]
    return median(told) if len(told) > _KNOWN_LEAST else 0.0
