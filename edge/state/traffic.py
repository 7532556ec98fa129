"""What this node carries itself: viewers, rates and hottest segments, counted request by request."""

import heapq
import math
from collections import OrderedDict
from dataclasses import dataclass, field

from edge.model import PATH_MAX_BYTES, TOP_SEGMENTS, HotSegment, Load, TopSegments

RATE_TAU_S = 3.0  # an average over the last seconds: a live segment's life is a few of them
VIEWER_TTL_S = 10.0  # a live viewer asks every segment duration; three missed ones and it is gone
VIEWERS_MAX = 65_536
SEGMENTS_MAX = 1024
_LAG_STEPS_MS = (0, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
_INSTANT_S = 0.001  # within it all is of one moment: fading costs as much as the rest of counting a request
MIN_RATE = 0.05  # colder than one request in 20 s is not worth telling


class DecayingSum:
    """Sum of amounts, each fading by e every `RATE_TAU_S`; divided by it, a rate a second."""

    __slots__ = ("_at", "_sum")

    def __init__(self) -> None:
        self._sum = 0.0
        self._at = 0.0

    def add(self, amount: float, now: float) -> None:
        """Count `amount` at `now`."""
        if 0.0 <= now - self._at < _INSTANT_S:
            self._sum += amount
            return
        self._sum = self._faded(now) + amount
        self._at = max(now, self._at)

    def rate(self, now: float) -> float:
        """Amounts a second."""
        return self._faded(now) / RATE_TAU_S

    def _faded(self, now: float) -> float:
        return self._sum * math.exp(min(0.0, self._at - now) / RATE_TAU_S)


class HotSegments:
    """The most asked-for paths, in bounded memory.

    A batch form of Space-Saving (Metwally et al. 2005): the table may grow to twice `capacity`; then the colder half
    leaves, and a newcomer starts at the count of the hottest that left, so that no hot path is ever underestimated.
    None is overestimated by more than the sum of all counts over `capacity` + 1: at a shrink so many counts have risen
    to the new floor, each by requests that came since the last. As all counts fade alike, that holds for rates.
    """

    def __init__(self, capacity: int = SEGMENTS_MAX) -> None:
        self._capacity = capacity
        self._sums: dict[str, DecayingSum] = {}
        self._floor = DecayingSum()

    def add(self, path: str, now: float, count: int = 1) -> None:
        """Count requests for `path`."""
        if (counted := self._sums.get(path)) is None:
            if len(self._sums) >= 2 * self._capacity:
                self._shrink(now)
            counted = self._sums[path] = DecayingSum()
            counted.add(self._floor.rate(now) * RATE_TAU_S, now)
        counted.add(float(count), now)

    def top(self, now: float, count: int = TOP_SEGMENTS) -> TopSegments:
        """The `count` hottest, hottest first, with their rates to one decimal; equal rates in order of path."""
        rates = ((round(one.rate(now), 1), path) for path, one in self._sums.items())
        best = heapq.nsmallest(count, rates, key=lambda pair: (-pair[0], pair[1]))
        return tuple(HotSegment(path, rate) for rate, path in best if rate >= MIN_RATE)

    def __contains__(self, path: str) -> bool:
        return path in self._sums

    def __len__(self) -> int:
        return len(self._sums)

    def _shrink(self, now: float) -> None:
        by_rate = sorted(self._sums.items(), key=lambda item: (-item[1].rate(now), item[0]))
        self._sums = dict(by_rate[: self._capacity])
        self._floor = by_rate[self._capacity][1]


class Viewers:
    """Distinct viewers of the last `VIEWER_TTL_S`, at most `VIEWERS_MAX` of them."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, float] = OrderedDict()
        self.overflowed = 0

    def see(self, viewer: str, now: float) -> None:
        """A request of `viewer`."""
        self._last[viewer] = now
        self._last.move_to_end(viewer)
        if len(self._last) > VIEWERS_MAX:
            self._last.popitem(last=False)
            self.overflowed += 1

    def knows(self, viewer: str, now: float) -> bool:
        """Whether `viewer` is one of them."""
        return self._last.get(viewer, -math.inf) > now - VIEWER_TTL_S

    def count(self, now: float) -> int:
        """How many there are."""
        while self._last and next(iter(self._last.values())) <= now - VIEWER_TTL_S:
            self._last.popitem(last=False)
        return len(self._last)


@dataclass(frozen=True, slots=True)
class Vitals:
    """What else a load record says: limits and condition of the process."""

    capacity: int  # streams
    lag_s: float  # event-loop lag
    fill_failures: float  # share of recent fills that failed, 0–1
    draining: bool
    level: int = 0  # of degradation, 0–4


def health(vitals: Vitals) -> int:
    """0–100: whole up to 50 ms of loop lag, none at 1 s; failing fills cost up to half; a draining node has none."""
    if vitals.draining:
        return 0
    lag = min(1.0, max(0.0, (vitals.lag_s - 0.05) / 0.95))
    return round(100 * (1 - lag) * (1 - 0.5 * vitals.fill_failures))


@dataclass(slots=True)
class Batch:
    """Requests that were answered elsewhere, counted together."""

    requests: int = 0
    size_bytes: int = 0
    viewers: dict[str, None] = field(default_factory=dict)
    segments: dict[str, int] = field(default_factory=dict)  # requests, by path


class Traffic:
    """Counts requests of the public port; makes the load record and the top segments that gossip tells."""

    def __init__(self) -> None:
        self._viewers = Viewers()
        self._requests = DecayingSum()
        self._bits = DecayingSum()
        self._segments = HotSegments()
        self.requests_total = 0
        self.bytes_total = 0

    def record(self, viewer: str, segment: str | None, size_bytes: int, now: float) -> None:
        """One answered request; `segment` is its path if the object is a media segment."""
        self._viewers.see(viewer, now)
        self._requests.add(1, now)
        self._bits.add(8 * size_bytes, now)
        self.requests_total += 1
        self.bytes_total += size_bytes
        if segment is not None and len(segment.encode()) <= PATH_MAX_BYTES:
            self._segments.add(segment, now)

    def record_batch(self, batch: Batch, now: float) -> None:
        """What `record` does for each of its requests."""
        for viewer in batch.viewers:
            self._viewers.see(viewer, now)
        self._requests.add(batch.requests, now)
        self._bits.add(8 * batch.size_bytes, now)
        self.requests_total += batch.requests
        self.bytes_total += batch.size_bytes
        for segment, count in batch.segments.items():
            if len(segment.encode()) <= PATH_MAX_BYTES:
                self._segments.add(segment, now, count)

    def sent(self, size_bytes: int, now: float) -> None:
        """Bytes beside those of a recorded request: to another node of the cluster, or of a body sent as it comes."""
        self._bits.add(8 * size_bytes, now)
        self.bytes_total += size_bytes

    def load(self, vitals: Vitals, now: float) -> Load:
        """The load record at `now`, rounded so that noise alone does not make news."""
        return Load(
            streams=self._viewers.count(now),
            kbps=_round(self._bits.rate(now) / 1000),
            rps=_round(self._requests.rate(now)),
            capacity=vitals.capacity,
            health=health(vitals),
            lag_ms=_coarse(vitals.lag_s * 1000),
            level=vitals.level,
        )

    def knows(self, viewer: str, now: float) -> bool:
        """Whether `viewer` is watching."""
        return self._viewers.knows(viewer, now)

    def admit(self, viewer: str, now: float) -> None:
        """`viewer` was let in and counts from now on, though what he asks for may be counted later."""
        self._viewers.see(viewer, now)

    def watching(self, now: float) -> int:
        """How many viewers are."""
        return self._viewers.count(now)

    def asked(self, path: str) -> bool:
        """Whether viewers have asked for a segment lately."""
        return path in self._segments

    def top(self, now: float) -> TopSegments:
        """The hottest segments at `now`."""
        return self._segments.top(now)


def _round(value: float) -> int:
    """To two significant digits, and whole numbers below a hundred."""
    step: int = 10 ** max(0, len(str(int(value))) - 2)
    return step * round(value / step)


def _coarse(lag_ms: float) -> int:
    """Milliseconds in steps that nobody would miss: each change is told to the whole cluster."""
    return max(step for step in _LAG_STEPS_MS if step <= lag_ms)
