"""What viewers of this node see, by place: sums that fade, in bounded memory. No session leaves this module.

Throughput is counted in bins, each a fifth wider than the one before, so that a quantile costs a fixed table.
"""

import bisect
import math
from itertools import accumulate
from typing import NamedTuple

from edge.model import PLACES_TOLD, PlaceQuality, Quality

TAU_S = 6.0  # an average over the last segments of a live viewer; shorter than a cap takes to be judged
PLACES_MAX = 64  # that are told apart; further ones only count in their zone
SESSIONS_MAX = 256  # of one place that are told apart
SESSION_S = 15.0  # a session counts at least this long after its last word, and at most twice that
QUARTILE = 0.25
_BINS_FROM_KBPS, _BIN_WIDTH, _BINS = 50, 1.2, 56  # to 1.1 Gb/s; what is beyond either end counts at that end
_EDGES = tuple(round(_BINS_FROM_KBPS * _BIN_WIDTH**number) for number in range(_BINS))
_STALL_STEP = 5  # per mille: what noise alone moves is no news


class Sample(NamedTuple):
    """One request of one player."""

    session: str  # tells players apart here, and goes no further
    br: int | None  # encoded bitrate, kb/s
    mtp: int | None  # measured throughput, kb/s
    stalled: bool


class PlaceMeter:
    """One place."""

    def __init__(self) -> None:
        self._requests = self._stalls = 0.0
        self._kbps = self._kbps_told = 0.0
        self._bins = [0.0] * _BINS
        self._sessions: dict[str, None] = {}
        self._earlier: dict[str, None] = {}
        self._turned = -math.inf
        self.last = -math.inf  # when it was added to

    def add(self, sample: Sample, now: float) -> None:
        """Count one request."""
        self.last = now
        self._turn(now)
        self._requests += 1
        self._stalls += sample.stalled
        if sample.br:
            self._kbps += sample.br
            self._kbps_told += 1
        if sample.mtp:
            self._bins[max(0, bisect.bisect_right(_EDGES, sample.mtp) - 1)] += 1
        if sample.session and len(self._sessions) < SESSIONS_MAX:
            self._sessions[sample.session] = None

    def fade(self, factor: float) -> None:
        """Let what was counted so far weigh less."""
        self._requests *= factor
        self._stalls *= factor
        self._kbps *= factor
        self._kbps_told *= factor
        self._bins = [one * factor for one in self._bins]

    def sessions(self, now: float) -> int:
        """How many players told of themselves lately; at most twice `SESSIONS_MAX`."""
        self._turn(now)
        return len(self._sessions | self._earlier)

    def told(self, zone: str, isp: str, now: float) -> PlaceQuality:
        """The sums, rounded."""
        return PlaceQuality(
            zone=zone,
            isp=isp,
            sessions=_coarse(self.sessions(now)),
            kbps=_coarse(self._kbps / self._kbps_told) if self._kbps_told else 0,
            reach_kbps=self._reach(),
            stalls=min(1000, _STALL_STEP * round(1000 * self._stalls / self._requests / _STALL_STEP))
            if self._requests
            else 0,
        )

    def _reach(self) -> int:
        total = sum(self._bins)
        if total < 1:
            return 0
        sums = list(accumulate(self._bins))
        return _EDGES[min(_BINS - 1, bisect.bisect_left(sums, QUARTILE * total))]

    def _turn(self, now: float) -> None:
        if now - self._turned >= SESSION_S:
            old = now - self._turned < 2 * SESSION_S
            self._earlier, self._sessions, self._turned = (self._sessions if old else {}), {}, now


class QualityMeter:
    """All places of one node.

    Args:
        sessions_min: a place with fewer players is not told of: what is said of them would be said of each.
    """

    def __init__(self, sessions_min: int) -> None:
        self._sessions_min = sessions_min
        self._places: dict[tuple[str, str], PlaceMeter] = {}
        self._faded = 0.0
        self.samples = 0
        self.overflowed = 0  # samples of places that were not told apart, for there were too many

    def add(self, zone: str, isp: str, sample: Sample, now: float) -> None:
        """Count one request of a player at a place; it counts in its zone, too."""
        self.samples += 1
        if (whole := self._place((zone, ""))) is not None:
            whole.add(sample, now)
        if isp and (own := self._place((zone, isp))) is not None:
            own.add(sample, now)

    def told(self, now: float) -> Quality:
        """What may be told of the places that matter most, in order of zone and provider."""
        factor = math.exp(min(0.0, self._faded - now) / TAU_S)
        self._faded = now
        for key, one in list(self._places.items()):
            one.fade(factor)
            if now - one.last > 2 * SESSION_S:
                del self._places[key]
        found = [one.told(*key, now) for key, one in self._places.items()]
        found = [one for one in found if one.sessions >= self._sessions_min]
        found.sort(key=lambda one: (-one.sessions, one.zone, one.isp))
        return tuple(sorted(found[:PLACES_TOLD], key=lambda one: (one.zone, one.isp)))

    def _place(self, key: tuple[str, str]) -> PlaceMeter | None:
        found = self._places.get(key)
        if found is None and len(self._places) < PLACES_MAX:
            found = self._places[key] = PlaceMeter()
        if found is None:
            self.overflowed += 1
        return found

    def __len__(self) -> int:
        return len(self._places)


def _coarse(value: float) -> int:
    """Two digits: what noise alone moves is no news."""
    step: int = 10 ** max(0, len(str(int(value))) - 2)
    return step * round(value / step)
