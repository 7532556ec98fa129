"""What a worker counts: second by second while it runs, and in all at its end."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from loadtest.drive.histograms import COARSE, Histogram

KINDS = ("route", "playlist", "segment", "steering")
_KEYS_MAX = 20_000  # hosts, and seconds with failures
_OTHERS = "others"


class Failure(NamedTuple):
    """Failed requests that were due in the same second, and ended in the same."""

    due_s: int  # of the run
    ended_s: int
    reason: str


class Tick(NamedTuple):
    """One second of one worker."""

    second: int
    viewers: int  # who have a picture
    waiting: int  # who have none yet
    stalled: int  # of the viewers, whose picture stands
    requests: int
    failed: int
    held_back: int
    received_bytes: int
    latencies: str  # a coarse histogram


class Done(NamedTuple):
    """All that a worker tells at its end."""

    histograms: dict[str, str]
    startup: str
    lateness: str  # of what the timetable made due, how late it was sent
    failures: dict[Failure, int]
    nodes: dict[str, int]
    rungs: dict[str, int]
    counts: dict[str, float]


@dataclass(slots=True)
class Tally:
    """Counters of one worker."""

    watching: int = 0
    waiting: int = 0
    requests: int = 0
    failed: int = 0
    held_back: int = 0
    received_bytes: int = 0
    histograms: dict[str, Histogram] = field(default_factory=lambda: {kind: Histogram() for kind in KINDS})
    startup: Histogram = field(default_factory=Histogram)
    lateness: Histogram = field(default_factory=Histogram)
    failures: Counter[Failure] = field(default_factory=Counter)
    nodes: Counter[str] = field(default_factory=Counter)
    rungs: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)  # sessions, segments, abandoned, and the like
    stalls: int = 0
    stalled_s: float = 0.0
    watched_s: float = 0.0
    _second: Histogram = field(default_factory=lambda: Histogram(COARSE))
    _told: tuple[int, int, int, int] = (0, 0, 0, 0)

    def answered(self, kind: str, seconds: float) -> None:
        """A request of a kind was answered so long after it was due."""
        self.histograms[kind].record(seconds)
        self._second.record(seconds)

    def fail(self, failure: Failure) -> None:
        """A request failed."""
        self.failed += 1
        if failure not in self.failures and len(self.failures) >= _KEYS_MAX:
            failure = failure._replace(reason=_OTHERS)
        self.failures[failure] += 1

    def served_by(self, host: str) -> None:
        """A request was answered by a host."""
        self.nodes[host if host in self.nodes or len(self.nodes) < _KEYS_MAX else _OTHERS] += 1

    def tick(self, second: int, stalled: int) -> Tick:
        """What came since the last one."""
        now = (self.requests, self.failed, self.held_back, self.received_bytes)
        requests, failed, held_back, size = (new - old for new, old in zip(now, self._told, strict=True))
        self._told, latencies = now, self._second.encoded()
        self._second.reset()
        there = (self.watching, self.waiting, stalled)
        return Tick(second, *there, requests, failed, held_back, size, latencies)

    def done(self) -> Done:
        """All of it."""
        seconds = {"stalls": self.stalls, "stalled_s": self.stalled_s, "watched_s": self.watched_s}
        totals = {"requests": self.requests, "held_back": self.held_back, "bytes": self.received_bytes}
        return Done(
            {kind: one.encoded() for kind, one in self.histograms.items()},
            self.startup.encoded(),
            self.lateness.encoded(),
            dict(self.failures),
            dict(self.nodes),
            dict(self.rungs),
            {**self.counts, **seconds, **totals},
        )
