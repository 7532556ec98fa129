"""Who comes when, drawn ahead of time: sessions that follow a scenario's curve, whatever the answers do.

Each place in the audience has a threshold, drawn evenly up to the peak: somebody sits there while more want to watch
than that. So those who come while the curve rises are a Poisson process, given how many come in all, and at its peak
all places are taken. Whoever leaves is followed by another at once; stays are exponential, so these are Poisson, too.
"""

import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import neg
from typing import NamedTuple

from loadtest.scenario.curve import Curve
from loadtest.scenario.schema import Scenario

_STEP_S = 0.25
_STEPS_MAX = 20_000
_FIRST_S = 10.0  # in which those come who are there when it begins


class Session(NamedTuple):
    """One stay of a viewer, seconds of the run."""

    begin_s: float
    end_s: float
    place: int  # in the audience
    number: int  # of the sessions of that place


@dataclass(frozen=True, slots=True)
class Demand:
    """How many want to watch, by time: `wanted[i]` at `times[i]`, and evenly more or less between two."""

    seconds: float
    stay_s: float  # mean of a stay
    viewers: int  # at the peak
    times: Sequence[float]
    wanted: Sequence[float]
    runs: Sequence[tuple[int, int]] = field(init=False)  # first and last index of each rise and fall

    def __post_init__(self) -> None:
        """Find rises and falls."""
        object.__setattr__(self, "runs", list(_runs(self.wanted)))

    def at(self, at_s: float) -> float:
        """Viewers who want to watch."""
        after = bisect_right(self.times, at_s)
        if not 0 < after < len(self.times):
            return self.wanted[0 if after == 0 else -1]
        share = (at_s - self.times[after - 1]) / (self.times[after] - self.times[after - 1])
        return self.wanted[after - 1] + share * (self.wanted[after] - self.wanted[after - 1])


def _runs(values: Sequence[float]) -> Iterator[tuple[int, int]]:
    """Stretches that only rise, or only fall; each begins where the one before it ends."""
    first, rises = 0, None
    for index in range(1, len(values)):
        if values[index] == values[index - 1]:
            continue
        if rises not in (None, values[index] > values[index - 1]):
            yield first, index - 1
            first = index - 1
        rises = values[index] > values[index - 1]
    yield first, len(values) - 1


def demand(scenario: Scenario, viewers: int, speed: float) -> Demand:
    """The curve of a scenario with so many viewers at its peak, and `speed` times as fast."""
    seconds = scenario.for_s / speed
    steps = int(min(_STEPS_MAX, seconds / _STEP_S)) + 1
    times = [seconds * step / max(1, steps - 1) for step in range(steps)]
    curve = Curve(scenario)
    shape = [curve.viewers(at_s * speed) for at_s in times]
    scale = viewers / max(*shape, 1e-9)
    return Demand(
        seconds, scenario.audience.session_s / speed, viewers, times, [scale * one for one in shape]
    )


def share(viewers: int, index: int, of: int) -> range:
    """Places of the audience that one of several has; all of them together have each place once."""
    return range(index, viewers, of)


def sessions(wanted: Demand, places: Iterable[int], seed: int) -> list[Session]:
    """Every session of these places, in order of time; the same whoever else has the others."""
    return sorted(one for place in places for one in _of(wanted, place, seed))


def _of(wanted: Demand, place: int, seed: int) -> Iterator[Session]:
    rng = random.Random(f"{seed}:{place}")
    threshold, number = rng.uniform(0.0, wanted.viewers), 0
    for begin_s, end_s in _above(wanted, threshold):
        at_s = begin_s if begin_s > 0 else rng.uniform(0.0, min(_FIRST_S, end_s))
        while at_s < end_s:
            leaves_s = at_s + rng.expovariate(1 / wanted.stay_s)
            yield Session(at_s, min(leaves_s, end_s), place, number)
            at_s, number = leaves_s, number + 1


def _above(wanted: Demand, threshold: float) -> Iterator[tuple[float, float]]:
    """When more than so many want to watch."""
    begin_s = 0.0 if wanted.wanted[0] > threshold else None
    for first, last in wanted.runs:
        if (wanted.wanted[first] > threshold) == (wanted.wanted[last] > threshold):
            continue
        at_s = _crossing(wanted, threshold, first, last)
        if begin_s is None:
            begin_s = at_s
        else:
            yield begin_s, at_s
            begin_s = None
    if begin_s is not None:
        yield begin_s, wanted.seconds


def _crossing(wanted: Demand, threshold: float, first: int, last: int) -> float:
    """When a rise or a fall passes the threshold."""
    values = wanted.wanted
    if values[last] > threshold:
        after = bisect_right(values, threshold, first, last + 1)
    else:
        after = bisect_left(values, -threshold, first, last + 1, key=neg)
    low, high = values[after - 1], values[after]
    left, right = wanted.times[after - 1], wanted.times[after]
    return left + (right - left) * (threshold - low) / (high - low)
