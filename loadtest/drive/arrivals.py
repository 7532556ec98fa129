"""Who comes when, drawn ahead of time: sessions that follow a scenario's curve, whatever the answers do.

Each place in the audience has a threshold, drawn evenly up to the peak: somebody sits there while more want to watch
than that. So those who come while the curve rises are a Poisson process, given how many come in all, and at its peak
all places are taken. Whoever leaves is followed by another at once; stays are exponential, so these are Poisson, too.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

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
    """How many want to watch, by time."""

    seconds: float
    stay_s: float  # mean of a stay
    viewers: int  # at the peak
    times: "np.ndarray[tuple[int], np.dtype[np.float64]]"
    wanted: "np.ndarray[tuple[int], np.dtype[np.float64]]"

    def at(self, at_s: float) -> float:
        """Viewers who want to watch."""
        return float(np.interp(at_s, self.times, self.wanted))


def demand(scenario: Scenario, viewers: int, speed: float) -> Demand:
    """The curve of a scenario with so many viewers at its peak, and `speed` times as fast."""
    seconds = scenario.for_s / speed
    steps = int(min(_STEPS_MAX, seconds / _STEP_S)) + 1
    times = np.linspace(0.0, seconds, steps)
    curve = Curve(scenario)
    shape = np.array([curve.viewers(at_s * speed) for at_s in times.tolist()])
    wanted = shape * (viewers / max(float(shape.max()), 1e-9))
    return Demand(seconds, scenario.audience.session_s / speed, viewers, times, wanted)


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
    above = wanted.wanted > threshold
    turns = np.flatnonzero(above[1:] != above[:-1])
    begin_s = 0.0 if above[0] else None
    for before in turns.tolist():
        low, high = float(wanted.wanted[before]), float(wanted.wanted[before + 1])
        left, right = float(wanted.times[before]), float(wanted.times[before + 1])
        at_s = left + (right - left) * (threshold - low) / (high - low)
        if begin_s is None:
            begin_s = at_s
        else:
            yield begin_s, at_s
            begin_s = None
    if begin_s is not None:
        yield begin_s, wanted.seconds
