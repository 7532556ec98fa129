"""What all workers saw, second by second, and the same in few enough points for a page."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from loadtest.drive.histograms import COARSE, Histogram
from loadtest.drive.tally import Tick

POINTS_MAX = 2000
WORST = ("p50_ms", "p99_ms")  # of a longer stretch, or of several machines, the worst counts
NAMES = ("wanted", "viewers", "requests", "failed", "held_back", "stalled", "mbps", *WORST)


@dataclass(slots=True)
class Second:
    """One second of all workers."""

    told: int = 0  # workers
    viewers: int = 0
    requests: int = 0
    failed: int = 0
    held_back: int = 0
    stalled: int = 0
    received_bytes: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    latencies: Histogram | None = field(default_factory=lambda: Histogram(COARSE))


class Seconds:
    """Adds up what workers tell.

    Args:
        workers: how many tell of each second.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self.rows: list[Second] = []
        self.last = Second()  # that all have told of

    def add(self, tick: Tick) -> None:
        """One worker's second."""
        while len(self.rows) <= tick.second:
            self.rows.append(Second())
        row = self.rows[tick.second]
        row.told += 1
        row.viewers += tick.viewers
        row.requests += tick.requests
        row.failed += tick.failed
        row.held_back += tick.held_back
        row.stalled += tick.stalled
        row.received_bytes += tick.received_bytes
        if row.latencies is None:
            return
        row.latencies.add(tick.latencies)
        if row.told == self._workers:
            row.p50_ms, row.p99_ms = row.latencies.percentile_ms(50), row.latencies.percentile_ms(99)
            row.latencies = None  # thousands of seconds would fill the memory
            self.last = row

    def series(self, wanted: Sequence[float]) -> dict[str, list[float]]:
        """Columns of at most `POINTS_MAX` points; `wanted` has the viewers of the curve for each second."""
        rows = self.rows
        columns: dict[str, list[float]] = {
            "t_s": [float(second) for second in range(len(rows))],
            "wanted": [float(one) for one in wanted[: len(rows)]],
            "viewers": [one.viewers for one in rows],
            "requests": [one.requests for one in rows],
            "failed": [one.failed for one in rows],
            "held_back": [one.held_back for one in rows],
            "stalled": [one.stalled for one in rows],
            "mbps": [8 * one.received_bytes / 1e6 for one in rows],
            "p50_ms": [one.p50_ms for one in rows],
            "p99_ms": [one.p99_ms for one in rows],
        }
        return thinned(columns)


def thinned(columns: dict[str, list[float]]) -> dict[str, list[float]]:
    """At most `POINTS_MAX` points of each: means, but for latencies, of which the worst counts."""
    stride = max(1, math.ceil(len(columns["t_s"]) / POINTS_MAX))
    found = {}
    for name, values in columns.items():
        parts = [values[begin : begin + stride] for begin in range(0, len(values), stride)]
        if name == "t_s":
            found[name] = [part[0] for part in parts]
        elif name in WORST:
            found[name] = [max(part) for part in parts]
        else:
            found[name] = [round(sum(part) / len(part), 3) for part in parts]
    return found


def added(all_of: Sequence[dict[str, list[float]]], offsets_s: Sequence[float]) -> dict[str, list[float]]:
    """Several machines' columns, each moved by whole seconds, added up second by second; of latencies the worst."""
    length = max(
        math.ceil(one["t_s"][-1] + offset_s) + 1 for one, offset_s in zip(all_of, offsets_s, strict=True)
    )
    columns: dict[str, list[float]] = {"t_s": [float(second) for second in range(length)]}
    for name in NAMES:
        total = [0.0] * length
        for one, offset_s in zip(all_of, offsets_s, strict=True):
            for second, value in _spread(one["t_s"], one[name], round(offset_s), length):
                total[second] = max(total[second], value) if name in WORST else total[second] + value
        columns[name] = [round(value, 3) for value in total]
    return thinned(columns)


def _spread(times: list[float], values: list[float], offset_s: int, length: int) -> list[tuple[int, float]]:
    """A value for each second that a point stands for."""
    found = []
    for index, (at_s, value) in enumerate(zip(times, values, strict=True)):
        end_s = times[index + 1] if index + 1 < len(times) else at_s + 1
        found += [
            (second + offset_s, value)
            for second in range(int(at_s), int(end_s))
            if 0 <= second + offset_s < length
        ]
    return found
