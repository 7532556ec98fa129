"""What the cluster watches: the hottest segments that nodes tell of themselves, put together.

Each node counts its own viewers' requests, so nothing counts twice: of each node the freshest list counts, once, and
what nodes ask each other for is no viewer's request. Lists are short (seed S1: five): a path's rate is a lower bound.
A node that is unreachable or gone counts no more; until then it counts, in another island too, and fades while silent.
"""

import heapq
import math
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache

from edge.model import Member, Status, TopSegments
from edge.state.view import ClusterView

EVERY_S = 1.0  # lists are put together at most this often
TRENDS_MAX = 64
RETAINED_MAX = 2048  # paths
SILENT_AFTER_S = 5.0  # rates change with every request, so a list that stays the same so long is old
FADE_S = 15.0  # from then on it fades by e in this time
LANGUAGES = "lang"  # tag of a node: the languages of its viewers, joined by +, e.g. lang=hi+mr
_COUNTED = (Status.ALIVE, Status.SUSPECT)
_NEAR, _AKIN, _FAR = 1.0, 0.5, 0.25  # weights: the own zone; its region, or its language; elsewhere
_PREFERRED = 2.0
_FAINT = 0.01
_DIGITS = re.compile(r"[0-9]+")


# Name, zone, share of its rates that counts, weight by that and by how near it is, what it tells. Made by the hundred.
_Row = tuple[str, str, float, float, TopSegments]


@dataclass(frozen=True, slots=True)
class Trend:
    """One path."""

    path: str
    rate: float  # viewers' requests a second at all nodes that name it
    score: float  # the same, weighted by how near these are to this node
    zones: tuple[tuple[str, float], ...]  # the rate in each zone, in order of zone
    nodes: tuple[str, ...]  # who names it, and so holds it, in order of name


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it at one moment."""

    trends: tuple[Trend, ...] = ()  # greatest score first, at most `TRENDS_MAX`
    streams: Mapping[str, float] = field(default_factory=dict)  # requests a second in the own zone, by stream


class Popularity:
    """The picture of the moment, made anew at most each `EVERY_S`.

    Args:
        view: the cluster as this node holds it.
        prefer: globs of paths that count twice as much here, e.g. of an audio language.
    """

    def __init__(self, view: Callable[[], ClusterView], prefer: Sequence[str] = ()) -> None:
        self._view = view
        self._prefer = prefer
        self._at = -math.inf
        self._picture = Picture()

    def at(self, now: float) -> Picture:
        """As of `now`, or of up to `EVERY_S` before; `now` is in the core's monotonic seconds."""
        if now - self._at >= EVERY_S:
            self._at = now
            self._picture = picture(self._view(), now, self._prefer)
        return self._picture

    def heat(self, path: str, now: float) -> float:
        """How often viewers of the zone ask for segments of the stream that a path is of, requests a second."""
        return self.at(now).streams.get(stream_of(path), 0.0)


class Retention:
    """What was popular lately; degraded service keeps it, though it has left the playlists.

    Args:
        kept_s: how long after a path was last among the hottest, seconds.
    """

    def __init__(self, kept_s: float) -> None:
        self._kept_s = kept_s
        self._last: OrderedDict[str, float] = OrderedDict()  # when each was

    def note(self, now_seen: Picture, now: float) -> None:
        """These are among the hottest at `now`."""
        for trend in now_seen.trends:
            self._last[trend.path] = now
            self._last.move_to_end(trend.path)
        last = self._last
        while last and (len(last) > RETAINED_MAX or next(iter(last.values())) < now - self._kept_s):
            last.popitem(last=False)

    def __contains__(self, path: object) -> bool:
        return path in self._last

    def __len__(self) -> int:
        return len(self._last)


def picture(view: ClusterView, now: float, prefer: Sequence[str] = ()) -> Picture:
    """What all nodes tell, put together.

    Args:
        view: the cluster.
        now: the core's monotonic time, by which the age of what was told counts.
        prefer: globs of paths that count twice as much.
    """
    me = view.node(view.self_name)
    rows = list(_rows(view, now, me.member if me else None))
    scores: dict[str, float] = {}
    known = scores.get
    for _, _, _, weight, top in rows:
        for hot in top:
            path = hot.path
            scores[path] = known(path, 0.0) + weight * hot.rate
    if prefer:
        for path in scores:
            if any(fnmatchcase(path, glob) for glob in prefer):
                scores[path] *= _PREFERRED
    ordered = heapq.nsmallest(TRENDS_MAX, [(-score, path) for path, score in scores.items()])
    best = [(path, -least) for least, path in ordered]
    return Picture(_trends(rows, best), _streams(rows, me.member.zone if me else ""))


@lru_cache(maxsize=1024)  # more than are popular at a time
def stream_of(path: str) -> str:
    """What a segment is one of many of: its path, with # for the numbers of its name.

    A segment is new to all nodes when most of them ask for it; how hot it will be the ones before it tell.
    """
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{_DIGITS.sub('#', name)}"


def _rows(view: ClusterView, now: float, me: Member | None) -> Iterator[_Row]:
    weights: dict[tuple[str, str, str], float] = {}
    for node in view.nodes:
        member, top = node.member, node.top
        if top is None or not top.value or member.status not in _COUNTED:
            continue
        silent_s = now - top.at - SILENT_AFTER_S
        share = math.exp(-silent_s / FADE_S) if silent_s > 0 else 1.0
        if share < _FAINT:
            continue
        place = (member.zone, member.region, member.tags.get(LANGUAGES, ""))
        if (weight := weights.get(place)) is None:
            weight = weights[place] = _weight(me, *place) if me else _FAR
        yield member.name, member.zone, share, share * weight, top.value


def _weight(me: Member, zone: str, region: str, languages: str) -> float:
    """How much what is watched somewhere else says of what will be watched here."""
    if zone == me.zone:
        return _NEAR
    mine = me.tags.get(LANGUAGES, "")
    akin = mine and languages and not set(mine.split("+")).isdisjoint(languages.split("+"))
    return _AKIN if akin or (region and region == me.region) else _FAR


def _trends(rows: list[_Row], best: list[tuple[str, float]]) -> tuple[Trend, ...]:
    zones: dict[str, dict[str, float]] = {path: {} for path, _ in best}
    names: dict[str, list[str]] = {path: [] for path, _ in best}
    known = zones.get
    for name, zone, share, _, top in rows:
        for hot in top:
            if (each := known(hot.path)) is not None:
                each[zone] = each.get(zone, 0.0) + share * hot.rate
                names[hot.path].append(name)
    return tuple(
        Trend(path, sum(zones[path].values()), score, tuple(sorted(zones[path].items())), tuple(names[path]))
        for path, score in best
    )


def _streams(rows: list[_Row], zone: str) -> dict[str, float]:
    streams: dict[str, float] = {}
    for _, its, share, _, top in rows:
        if its == zone:
            for hot in top:
                stream = stream_of(hot.path)
                streams[stream] = streams.get(stream, 0.0) + share * hot.rate
    return streams
