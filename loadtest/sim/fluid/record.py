"""What a run shows, second by second, and the figures that follow from it."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from edge.decide.measures import Measures
from loadtest.sim.fluid.audience import Flow
from loadtest.sim.fluid.fills import Fills
from loadtest.sim.fluid.fleet import ZONES, Bools, Fleet, Floats, Ints

POINTS_MAX = 2000  # of a series in a report
_IDLE = 0.2  # a zone that carries less needs no levelling; routing levels from half of that on
_WORST_BUT = 0.99  # of seconds
_MINUTE = 60
_SECONDS = 10  # in which a push notice makes phones ring
_HOME_CALLS = 10.0  # of one who leaves the player; assumption
_CAPPED_S = 20.0  # time constant with which players come below a cap: 90% in 45 s (seed S29); assumption
MEAN = frozenset(
    {"viewers", "wanted", "load_mean", "requests_rps", "origin_rps", "egress_gbps"}
)  # others: the most


@dataclass(frozen=True, slots=True)
class Seen:
    """One second, after everybody was placed."""

    at_s: int
    wanted: float
    streams: Floats  # by node
    levels: Ints
    up: Bools  # and takes viewers
    waiting: float  # who had a node, or look for their first
    stale: float  # viewers of nodes that reach no origin
    delivered: float  # share of the media that gets through
    growth: float  # wanted, since a minute before
    login: float  # calls


@dataclass
class Recorder:
    """Series and sums of one run.

    Args:
        fleet: the nodes.
        peak: viewers that the scenario names.
        kbps: a viewer's mean bitrate on a good day.
        rungs: bitrate and share of each.
        measures: by level.
    """

    fleet: Fleet
    peak: float
    kbps: float
    rungs: Sequence[tuple[float, float]]
    measures: Sequence[Measures]
    series: dict[str, list[float]] = field(default_factory=dict)
    totals: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._peak = np.zeros(self.fleet.size)
        self._sum = np.zeros(self.fleet.size)
        self._capped = np.zeros(self.fleet.size)  # share of its viewers who are below its cap
        self._rates = (0.0, 0.0)
        self._degraded = np.zeros(len(ZONES), dtype=np.bool_)
        self.seconds = 0

    def fills(self, fills: Fills, segment_s: float) -> None:
        """A segment's time of requests."""
        self._rates = (fills.requests / segment_s, fills.origin / segment_s)
        for name, value in (
            ("requests", fills.requests),
            ("misses", fills.misses),
            ("origin", fills.origin),
            ("objects", fills.objects),
        ):
            self.totals[name] = self.totals.get(name, 0.0) + value
        self._hit = 1 - fills.misses / fills.requests if fills.requests else 1.0

    def second(self, seen: Seen, flow: Flow) -> None:
        """One second."""
        self.seconds += 1
        load = seen.streams / self.fleet.capacity
        np.maximum(self._peak, load, out=self._peak)
        self._sum += load
        self._degraded |= np.bincount(self.fleet.zone, weights=seen.levels > 0, minlength=len(ZONES)) > 0
        points = {
            "t_s": seen.at_s,
            "viewers": float(seen.streams.sum()),
            "wanted": seen.wanted,
            "waiting": seen.waiting,
            "arrived": flow.arrived,
            "moved": flow.moved,
            "refused": flow.refused,
            "cut_off": flow.cut_off,
            "to_dead": flow.to_dead,
            "unserved": flow.unserved,
            "stale": seen.stale,
            "load_mean": float(seen.streams.sum() / self.fleet.capacity.sum()),
            "load_max": float(load.max()),
            "balance": self._balance(load, seen.up),
            "hit_ratio": self._hit,
            "requests_rps": self._rates[0],
            "origin_rps": self._rates[1],
            "egress_gbps": seen.delivered * self._egress(seen.streams, seen.levels),
            "growth": seen.growth,
            "login_rps": seen.login,
            "home_rps": _HOME_CALLS * flow.left,
            "level_max": int(seen.levels.max()),
        }
        points |= self._parts(seen)
        for name, value in points.items():
            self.series.setdefault(name, []).append(value)

    def _parts(self, seen: Seen) -> dict[str, float]:
        """By zone and by level."""
        zones = self._zones(seen.streams, self.fleet.capacity)
        levels, worst = np.bincount(seen.levels, minlength=5), np.zeros(len(ZONES), dtype=np.int64)
        np.maximum.at(worst, self.fleet.zone, seen.levels)
        return (
            {f"load_{name}": float(zones[index]) for index, name in enumerate(ZONES)}
            | {f"level_{name}": int(worst[index]) for index, name in enumerate(ZONES)}
            | {f"nodes_level_{level}": int(levels[level]) for level in range(5)}
        )

    def figures(self, heal_s: float) -> dict[str, float]:
        """All that a scenario can expect something of."""
        series, totals = self.series, self.totals
        arrived, refused = sum(series["arrived"]), sum(series["refused"])
        ordered = sorted(series["balance"])
        requests = max(totals["requests"], 1.0)
        return {
            "peak": max(series["viewers"]) / self.peak,
            "hit-ratio": 1 - totals["misses"] / requests,
            "origin-per-segment": totals["origin"] / max(totals["objects"], 1e-9),
            "origin-offload": 1 - totals["origin"] / requests,
            "balance": ordered[min(len(ordered) - 1, int(len(ordered) * _WORST_BUT))],
            "load-max": max(series["load_max"]),
            "refused": refused,
            "refused-share": refused / max(arrived, 1.0),
            "cut-off": sum(series["cut_off"]),
            "moved": sum(series["moved"]),
            "unserved-s": sum(series["unserved"]),
            "stale-s": sum(series["stale"]),
            "to-dead": sum(series["to_dead"]),
            "level-max": max(series["level_max"]),
            "level-end": series["level_max"][-1],
            "zones-degraded": float(self._degraded.sum()),
            "heal-s": heal_s,
            "login-burst": self._burst(),
            "growth": max(series["growth"]) / self.peak,
        }

    def nodes(self) -> list[dict[str, float | str]]:
        """Each node's load against its capacity."""
        return [
            {
                "name": name,
                "zone": ZONES[self.fleet.zone[number]],
                "capacity": int(self.fleet.capacity[number]),
                "load_mean": float(self._sum[number] / max(1, self.seconds)),
                "load_peak": float(self._peak[number]),
            }
            for number, name in enumerate(self.fleet.names)
        ]

    def _zones(self, streams: Floats, capacity: Ints) -> Floats:
        carried = np.bincount(self.fleet.zone, weights=streams, minlength=len(ZONES))
        made = np.bincount(self.fleet.zone, weights=capacity, minlength=len(ZONES))
        zones: Floats = carried / np.maximum(made, 1)
        return zones

    def _balance(self, load: Floats, up: Bools) -> float:
        """The fullest node of a zone over the zone's mean, of the worst zone that carries something."""
        zone, size = self.fleet.zone[up], len(ZONES)
        counts = np.maximum(np.bincount(zone, minlength=size), 1)
        means = np.bincount(zone, weights=load[up], minlength=size) / counts
        most = np.zeros(size)
        np.maximum.at(most, zone, load[up])
        busy = means >= _IDLE
        return float((most[busy] / means[busy]).max()) if busy.any() else 1.0

    def _egress(self, streams: Floats, levels: Ints) -> float:
        caps = [measures.cap_kbps for measures in self.measures]
        capped_kbps = np.array([self._below(cap) for cap in caps])[levels]
        target = (levels > 0).astype(np.float64)
        self._capped += (target - self._capped) / _CAPPED_S
        low = np.where(levels > 0, capped_kbps, self._below(caps[1]))
        kbps = self.kbps + (np.minimum(low, self.kbps) - self.kbps) * self._capped
        return float((streams * kbps).sum() / 1e6)

    def _below(self, cap: int | None) -> float:
        """Mean bitrate where all who are above the cap come down to the highest rung below it."""
        if cap is None:
            return self.kbps
        allowed = max([one for one, _ in self.rungs if one <= cap], default=min(one for one, _ in self.rungs))
        return sum(min(one, allowed) * share for one, share in self.rungs)

    def before(self, name: str, at_s: float) -> float:
        """Mean of a series in the minute before, or as much of it as was simulated."""
        times, values = self.series.get("t_s", []), self.series.get(name, [])
        end = bisect_left(times, at_s)
        begin = bisect_left(times, at_s - _MINUTE)
        window = values[begin:end]
        return sum(window) / len(window) if window else 0.0

    def _burst(self) -> float:
        """The busiest second of the log-in, over the mean of the minute that ended 10 s before."""
        pairs = zip(self.series["t_s"], self.series["login_rps"], strict=True)
        usual = [(calls, self.before("login_rps", at_s - _SECONDS)) for at_s, calls in pairs]
        return max((calls / mean for calls, mean in usual if mean >= 1), default=1.0)


def thinned(series: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """At most `POINTS_MAX` points of each: means of what is a flow, of all else the worst."""
    length = len(series["t_s"])
    stride = -(-length // POINTS_MAX)
    if stride <= 1:
        return {name: list(values) for name, values in series.items()}
    found = {}
    for name, values in series.items():
        parts = [values[begin : begin + stride] for begin in range(0, length, stride)]
        if name == "t_s":
            found[name] = [part[0] for part in parts]
        elif name == "hit_ratio":
            found[name] = [min(part) for part in parts]
        elif name in MEAN or (name.startswith("load_") and name != "load_max"):
            found[name] = [sum(part) / len(part) for part in parts]
        else:
            found[name] = [max(part) for part in parts]
    return found
