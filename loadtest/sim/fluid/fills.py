"""What nodes lack, and whom they ask for it: requests, misses, and those that reach an origin.

A viewer asks for a segment and a playlist in each segment's time. A node lacks a segment once, when the first of its
viewers of that rung and language asks; all others wait for the same fill. A playlist lives half a segment, so it is
lacked twice. How many of a zone's nodes ask the origin is counted by asking production placement for samples.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edge.decide.placement import ORIGIN, sources
from edge.decide.popularity import picture, stream_of
from edge.model import PATH_MAX_BYTES, TOP_SEGMENTS, HotSegment, TopSegments
from edge.state.view import ClusterView
from loadtest.scenario.schema import Audience
from loadtest.sim.fluid.audience import LANGUAGES
from loadtest.sim.fluid.conditions import Moment
from loadtest.sim.fluid.fleet import ZONES, Fleet, Floats

_PLAYLISTS = 2  # lifetimes of one in a segment's time
_WINDOW = 3  # segments that are live at a time: what a purge takes, and what a cold node lacks
HOT_RATE = 200.0  # `cache.hot_rate`
_ASKERS = 3
_TURNS = 4  # while nothing is wrong, a zone is sampled each so many segments


@dataclass(slots=True)
class Fills:
    """Counts of one segment's time."""

    requests: float = 0.0
    misses: float = 0.0  # of viewers' requests
    origin: float = 0.0  # requests that reached an origin
    objects: float = 0.0  # that viewers of a zone asked for, zones together


class Placement:
    """Counts fills.

    Args:
        fleet: the nodes.
        audience: rungs and segment length.
        rng: which paths and nodes are asked for samples.
    """

    def __init__(self, fleet: Fleet, audience: Audience, rng: np.random.Generator) -> None:
        self._fleet = fleet
        self._audience = audience
        self._rng = rng
        self._rungs = np.array([one.share for one in audience.rung])
        self._number = {name: number for number, name in enumerate(fleet.names)}
        self._streams: dict[int, dict[str, float]] = {}  # what each zone watches, as popularity tells
        self._shares: dict[int, float] = {}  # of each zone: how often one object is asked of an origin
        self._was_calm = False
        self.hot: tuple[tuple[str, float, int], ...] = ()  # hottest streams: path, requests/s, nodes
        assert len(self.path(0, 0, 0)) < PATH_MAX_BYTES

    def path(self, language: int, rung: int, number: int) -> str:
        """Of a segment."""
        return f"/live/{LANGUAGES[language]}/{self._audience.rung[rung].name}/{number}.m4s"

    def count(
        self,
        on: Floats,
        second: tuple[int, Moment],
        view_of: Callable[[int], ClusterView],
        cold: tuple[Sequence[int], float],
    ) -> Fills:
        """Fills of one segment's time.

        Args:
            on: viewers by node, zone and language.
            second: the time, and the faults.
            view_of: the view of a node, by its number.
            cold: nodes that have just started, and how often all was purged.
        """
        at_s, moment = second
        number = int(at_s / self._audience.segment_s)
        watched = on.sum(axis=1)[:, :, None] * self._rungs  # by node, language and rung
        zones = np.zeros((len(ZONES), *watched.shape[1:]))
        np.add.at(zones, self._fleet.zone, watched)
        again = np.full(self._fleet.size, cold[1])
        again[list(cold[0])] += 1
        requests = 2 * float(watched.sum())
        lacked = _lacked(watched) + again[:, None, None] * _WINDOW * _asked(watched)
        asked = _lacked(zones) + cold[1] * _WINDOW * _asked(zones)
        origin, was_calm = 0.0, self._calm(moment)
        for zone in range(len(ZONES)):
            if asked[zone].any():
                calm = was_calm and (zone + number) % _TURNS and zone in self._shares
                if not calm:
                    self._shares[zone] = self._origin_share(zone, number, moment, view_of)
                origin += self._shares[zone] * float(asked[zone].sum())
        return Fills(requests, min(requests, float(lacked.sum())), origin, float(asked.sum()))

    def _calm(self, moment: Moment) -> bool:
        """Whether nothing is wrong, nor was a segment before."""
        well = bool(moment.up.all() and moment.seen_up.all() and moment.origin.all())
        calm = well and not (moment.draining.any() or moment.sides.any() or moment.seen_cut)
        before, self._was_calm = self._was_calm, calm
        return calm and before

    def look(self, view: ClusterView, zone: int, at_s: float) -> None:
        """What a zone's nodes make of what is watched, by production popularity."""
        seen = picture(view, at_s)
        self._streams[zone] = dict(seen.streams)
        self.hot = tuple((one.path, round(one.rate, 1), len(one.nodes)) for one in seen.trends[:TOP_SEGMENTS])

    def tops(self, on: Floats, at_s: float) -> tuple[TopSegments, ...]:
        """The hottest segments that each node tells."""
        number = int(at_s / self._audience.segment_s)
        rates = (on.sum(axis=1)[:, :, None] * self._rungs / self._audience.segment_s).reshape(len(on), -1)
        best = np.argsort(-rates, axis=1, kind="stable")[:, :TOP_SEGMENTS]
        rungs = len(self._rungs)
        return tuple(
            tuple(
                HotSegment(self.path(int(one) // rungs, int(one) % rungs, number), round(float(row[one]), 1))
                for one in chosen
                if row[one] >= 0.1
            )
            for row, chosen in zip(rates, best, strict=True)
        )

    def _origin_share(
        self, zone: int, number: int, moment: Moment, view_of: Callable[[int], ClusterView]
    ) -> float:
        """How often one object of a zone is asked of an origin, by a sample of one path."""
        up = [int(node) for node in self._fleet.of_zone(zone) if moment.up[node]]
        if not up:
            return 0.0  # its viewers are elsewhere, and count there
        language, rung = self._rng.integers(len(LANGUAGES)), self._rng.integers(len(self._rungs))
        path = self.path(int(language), int(rung), number)
        copies = 1 + int(self._streams.get(zone, {}).get(stream_of(path), 0.0) / HOT_RATE)
        askers = sorted(self._rng.permutation(up)[:_ASKERS].tolist())
        ends = [self._way(asker, (path, copies), moment, view_of) for asker in askers]
        # Who asks the origin for itself alone stands for as many nodes as were not asked.
        alone = [
            end for end, asker in zip(ends, askers, strict=True) if end == asker and ends.count(end) == 1
        ]
        agreed = len(dict.fromkeys(ends)) - len(alone)
        return agreed + len(alone) * (len(up) / len(askers) if len(alone) > 1 or not agreed else 1)

    def _way(
        self, asker: int, wanted: tuple[str, int], moment: Moment, view_of: Callable[[int], ClusterView]
    ) -> int:
        """Whose request reaches the origin when `asker` lacks a path; each asks the first of its sources that lives."""
        path, copies = wanted
        hops: list[str] = []
        node = asker
        while True:
            view = view_of(node)
            for source in sources(view, path, hops, copies=copies):
                if source == ORIGIN:
                    if moment.origin[self._fleet.zone[node]]:
                        return node
                    continue
                number = self._number[source.node]
                reached = moment.sides[self._fleet.zone[number]] == moment.sides[self._fleet.zone[node]]
                if moment.up[number] and reached:
                    hops.append(self._fleet.names[node])
                    node = number
                    break
            else:
                return node  # in vain


def _asked(viewers: Floats) -> Floats:
    """Chance that anybody asks, where so many do on average."""
    chance: Floats = -np.expm1(-viewers)
    return chance


def _lacked(viewers: Floats) -> Floats:
    """Objects that are asked for at least once, of a segment and its playlist's lifetimes."""
    lacked: Floats = _asked(viewers) + _PLAYLISTS * _asked(viewers / _PLAYLISTS)
    return lacked
