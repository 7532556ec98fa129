"""Which seconds of a match are simulated, and how finely.

A whole run takes every second. A short one takes those around each event and fault; between them the audience is
moved to what the curve says.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from loadtest.scenario.curve import Curve, dated
from loadtest.scenario.events import PushNotice, StarWalksIn
from loadtest.scenario.schema import Scenario
from loadtest.sim.fluid.windows import BEFORE_S, FOR_S, Window

_BEFORE_S, _AFTER_S = 5, 25  # of an event, in a short run
_CROWD_S = 65  # after one that brings a crowd: growth is counted by the minute
_HEALED_S = 90  # after a fault
_FAULT_MAX_S = 240


@dataclass(frozen=True, slots=True)
class Stretch:
    """Seconds in a row that are simulated alike."""

    begin_s: int
    end_s: int  # not part of it
    fidelity: Literal[
        "steps", "packets"
    ]  # how ages of knowledge come about: given, or by a packet simulation
    view_age_s: float  # 95% of what is known of loads is younger; of a window what is taken if it finds none
    window: Window | None = None  # of packets

    def seconds(self) -> Iterator[int]:
        """All of it, in order."""
        yield from range(self.begin_s, self.end_s)


def whole(scenario: Scenario, view_age_s: float) -> list[Stretch]:
    """Every second."""
    return [Stretch(0, int(scenario.for_s), "steps", view_age_s)]


def short(scenario: Scenario, spans: list[tuple[float, float]], view_age_s: float) -> list[Stretch]:
    """Seconds around what has a date, and around the peak.

    Args:
        scenario: whose events.
        spans: from when until when something is wrong.
        view_age_s: of all stretches.
    """
    curve, end_s = Curve(scenario), int(scenario.for_s)
    peak_s = max(curve.knots(), key=lambda at_s: (curve.viewers(at_s) if at_s < end_s else 0.0, -at_s))
    dates = [at_s for at_s, _ in dated(scenario)] + [peak_s]
    wanted = [(at_s - _BEFORE_S, at_s + _AFTER_S) for at_s in dates]
    wanted += [
        (one.at_s, one.at_s + _CROWD_S) for one in scenario.event if isinstance(one, StarWalksIn | PushNotice)
    ]
    for begin_s, over_s in spans:
        wanted.append((begin_s - _BEFORE_S, min(over_s, begin_s + _FAULT_MAX_S)))
        wanted.append((over_s - _BEFORE_S, over_s + _HEALED_S))
    merged: list[list[int]] = []
    for begin, end in sorted((max(0, int(one)), min(end_s, int(other))) for one, other in wanted):
        if merged and begin <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        elif begin < end:
            merged.append([begin, end])
    return [Stretch(begin, end, "steps", view_age_s) for begin, end in merged]


def with_windows(stretches: Iterable[Stretch], windows: Sequence[Window]) -> list[Stretch]:
    """The same seconds, in which those of windows are stretches of their own.

    Args:
        stretches: in order of time.
        windows: in order of time, none of which begins before the one before is over.
    """
    found = []
    for stretch in stretches:
        at_s = stretch.begin_s
        for one in windows:
            begin_s = max(at_s, int(one.at_s) - BEFORE_S)
            end_s = min(stretch.end_s, int(one.at_s) - BEFORE_S + FOR_S)
            if begin_s < end_s:
                if at_s < begin_s:
                    found.append(replace(stretch, begin_s=at_s, end_s=begin_s))
                found.append(replace(stretch, begin_s=begin_s, end_s=end_s, fidelity="packets", window=one))
                at_s = end_s
        if at_s < stretch.end_s:
            found.append(replace(stretch, begin_s=at_s))
    return found
