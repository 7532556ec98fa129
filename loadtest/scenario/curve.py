"""The number of viewers over time: straight pieces between knots, one event's after another, and dips on top."""

from bisect import bisect_right
from dataclasses import dataclass

from loadtest.scenario.events import (
    Drinks,
    Event,
    Innings,
    PushNotice,
    Rain,
    StarWalksIn,
    Toss,
    Wicket,
)
from loadtest.scenario.schema import Published, Scenario

_EDGE_S = 60.0  # in which a dip comes, and goes; assumption
_MINUTE_S = 60.0
WITHIN = 0.05  # of a published figure


@dataclass(frozen=True, slots=True)
class Dip:
    """Some of those who watch are away for a while."""

    at_s: float
    for_s: float
    drop: float

    def factor(self, at_s: float) -> float:
        """What is left of the viewers, 0–1."""
        since_s, left_s = at_s - self.at_s, self.at_s + self.for_s - at_s
        edge_s = min(_EDGE_S, self.for_s / 2)
        return 1 - self.drop * max(0.0, min(1.0, since_s / edge_s, left_s / edge_s))


class Curve:
    """Viewers who want to watch, by time.

    Args:
        scenario: its events and its peak.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._peak = scenario.audience.peak
        self._times: list[float] = [0.0]
        self._shares: list[float] = [scenario.audience.start]
        self._dips: list[Dip] = []
        for event in scenario.event:
            self._add(event)

    def viewers(self, at_s: float) -> float:
        """How many there are."""
        share = self._share(at_s)
        for dip in self._dips:
            share *= dip.factor(at_s)
        return share * self._peak

    def growth_per_min(self, at_s: float) -> float:
        """How many more there are than a minute before."""
        return self.viewers(at_s) - self.viewers(max(0.0, at_s - _MINUTE_S))

    def knots(self) -> list[float]:
        """Times at which the curve bends, in order."""
        bends = [
            *self._times,
            *(one.at_s for one in self._dips),
            *(one.at_s + one.for_s for one in self._dips),
        ]
        return sorted(set(bends))

    def _share(self, at_s: float) -> float:
        index = bisect_right(self._times, at_s) - 1
        if index + 1 >= len(self._times):
            return self._shares[-1]
        begin_s, end_s = self._times[index], self._times[index + 1]
        before, after = self._shares[index], self._shares[index + 1]
        return before + (after - before) * (at_s - begin_s) / (end_s - begin_s)

    def _add(self, event: Event) -> None:
        """An event takes over from where the curve is; what earlier ones meant for later is forgotten."""
        if isinstance(event, Drinks):
            self._dips.append(Dip(event.at_s, event.for_s, event.drop))
            return
        now = self._share(event.at_s)
        keep = bisect_right(self._times, event.at_s)
        del self._times[keep:], self._shares[keep:]
        self._knot(event.at_s, now)
        for after_s, share in _moves(event, now):
            self._knot(event.at_s + after_s, share)

    def _knot(self, at_s: float, share: float) -> None:
        if self._times[-1] == at_s:
            self._shares[-1] = share
        else:
            self._times.append(at_s)
            self._shares.append(share)


def _moves(event: Event, now: float) -> list[tuple[float, float]]:
    """Where an event takes the share, from `now`: seconds after it, and the share then."""
    if isinstance(event, Innings):
        return [(event.over_s, event.share), (event.over_s + event.body_s, event.body)]
    if isinstance(event, StarWalksIn):
        steep = now + event.steepest_per_min * event.steep_s / _MINUTE_S
        if event.steep_s < event.over_s and steep < event.share:
            return [(event.steep_s, steep), (event.over_s, event.share)]
        return [(event.over_s, event.share)]
    if isinstance(event, Wicket):
        left = [(event.over_s, now * (1 - event.drop))]
        return [*left, (event.over_s + event.rest_s, event.rest)] if event.ends else left
    if isinstance(event, Rain):
        return [(event.over_s, now * (1 - event.drop))]
    assert not isinstance(event, Drinks)
    return [(event.over_s, event.share)]


def kbps_per_viewer(scenario: Scenario) -> float:
    """Mean bitrate on a good day, kilobits a second."""
    return sum(one.kbps * one.share for one in scenario.audience.rung)


def found_for(scenario: Scenario, point: Published) -> float:
    """What the scenario says where something was published."""
    curve = Curve(scenario)
    if point.figure == "viewers":
        return curve.viewers(point.at_s)
    if point.figure == "growth-per-min":
        return curve.growth_per_min(point.at_s)
    return kbps_per_viewer(scenario)


def bursts(scenario: Scenario) -> list[PushNotice]:
    """The push notices of a scenario."""
    return [one for one in scenario.event if isinstance(one, PushNotice)]


def dated(scenario: Scenario) -> list[tuple[float, str]]:
    """Every event and fault: when, and what; in order of time."""
    every = [(one.at_s, str(one.__struct_config__.tag)) for one in (*scenario.event, *scenario.fault)]
    return sorted(every)


def begins(scenario: Scenario) -> float:
    """When the first viewers come, seconds."""
    return min((one.at_s for one in scenario.event if isinstance(one, Toss)), default=scenario.event[0].at_s)
