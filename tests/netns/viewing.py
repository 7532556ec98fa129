"""What viewers in the cities get: crowds are started on hosts of theirs, and their requests are judged."""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from email.utils import parsedate_to_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from netns.cities import PUBLIC, Cities
from netns.places import HOSTS, Host

MEDIA_FRESH_S, PLAYLIST_FRESH_S = 3600, 1  # what the origin says, and half of a target duration allows
EVERY_S = 2.0  # a new segment is published, and so a new playlist
# Details of an answer that is served stale; in a cut a connection is neither refused nor accepted.
_ORIGIN_IS_GONE = ("=connect", "=connect_timeout", "=broken", "=timeout", "=slow")
_SLACK_S = 3.0  # ages are whole seconds, and a busy machine is late
_END_S = 10.0
_NAMES = {one.address: one.name for one in HOSTS}
_STATUS = re.compile(r'"([^"]+)"; (hit; ttl=(-?\d+)|fwd=(stale|uri-miss)((?:; [a-z-]+(?:=\w+)?)*))')


class Got(NamedTuple):
    """One request of a viewer."""

    at: float  # seconds since 1970
    took_s: float
    viewer: int
    node: str
    path: str
    status: int  # 0: no answer
    error: str
    cache_status: str
    age_s: int
    published: float  # by Last-Modified; seconds since 1970

    @property
    def is_media(self) -> bool:
        """Whether it is for something of the stream, and not the question where to go."""
        return self.path.startswith("/live/")

    @property
    def number(self) -> int:
        """Of the segment; -1 of all else."""
        found = re.search(r"/(\d+)\.m4s$", self.path)
        return int(found[1]) if found else -1

    @property
    def is_good(self) -> bool:
        """Whether the viewer got what it asked for."""
        return self.status == (200 if self.is_media else 302)

    @property
    def is_stale(self) -> bool:
        """Whether it says of itself that the origin was asked and gave nothing."""
        return "fwd=stale; detail=" in self.cache_status

    @property
    def how(self) -> str:
        """In which way it was answered."""
        if not self.is_good:
            return f"failed: {self.error or self.status}"
        if not self.is_media:
            return "routed"
        return "stale" if self.is_stale else "hit" if "; hit" in self.cache_status else "filled"


class Crowd:
    """Viewers of one city, on a host of theirs.

    Args:
        cities: where they are.
        host: theirs.
        viewers: how many.
    """

    def __init__(self, cities: Cities, host: Host, viewers: int) -> None:
        self.zone = host.zone
        self.nodes = {one.name for one in HOSTS if one.zone == host.zone}
        self.log = cities.folder / f"{host.name}.{cities.since}.log"
        nodes = [f"{one.zone}=http://{one.address}:{PUBLIC}" for one in HOSTS]
        script = str(Path(__file__).with_name("audience.py"))
        command = [*cities.network.within(host), sys.executable, script, host.zone, str(viewers), "1", *nodes]
        self._read_bytes = 0  # of the log
        self._got: list[Got] = []
        self._totals: list[dict[str, Any]] = []
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT
            )

    def got(self, since: float = 0.0, until: float = float("inf")) -> list[Got]:
        """All requests that began in this time, in that order."""
        self._read()
        return sorted(one for one in self._got if since <= one.at < until)

    def failures(self, since: float, until: float) -> Counter[str]:
        """What the viewers themselves took for a failure in this time, by reason."""
        self._read()
        before, after = (
            [one["totals"]["failures"] for one in self._totals if one["at"] <= at][-1]
            for at in (since, until)
        )
        return Counter(after) - Counter(before)

    def end(self) -> None:
        """Send them home."""
        assert self._process.stdin
        self._process.stdin.close()
        try:
            assert self._process.wait(_END_S) == 0, self.log.read_text()[-2000:]
        finally:
            self._process.kill()
            self._process.wait(_END_S)

    def _read(self) -> None:
        """Take in what was told since the last time."""
        with self.log.open("rb") as log:
            log.seek(self._read_bytes)
            told = log.read()
        told = told[: told.rfind(b"\n") + 1]
        self._read_bytes += len(told)
        assert b"Traceback" not in told, told.decode()
        for line in map(orjson.loads, told.splitlines()):
            if "totals" in line:
                self._totals.append(line)
            else:
                self._got.append(_got(line))


class Verdict(NamedTuple):
    """What became of the requests for what the nodes of an island held or did not."""

    ways: Counter[str]  # how they were answered
    broken: list[Got]  # not, by a node that had given this very object before
    elsewhere: list[Got]  # not, where another node of the island had given it before
    nowhere: list[Got]  # not, and none had


def judged(got: Sequence[Got], since: float, nodes: Iterable[str]) -> Verdict:
    """Judge the requests from `since` on by what the nodes gave until each of them.

    Args:
        got: all requests of viewers, from the beginning.
        since: seconds since 1970.
        nodes: those of the island.
    """
    island, holders = set(nodes), dict[str, set[str]]()
    verdict = Verdict(Counter(), [], [], [])
    for one in sorted(got, key=lambda one: one.at + one.took_s):
        held = holders.setdefault(one.path, set())
        if one.at >= since:
            verdict.ways[one.how] += 1
        if one.is_good:
            held.add(one.node)
        elif one.at >= since:
            no_way = not one.is_media or one.node in held
            (verdict.broken if no_way else verdict.elsewhere if held & island else verdict.nowhere).append(
                one
            )
    return verdict


def longest_pause_s(got: Sequence[Got], viewers: int, since: float, until: float) -> float:
    """The longest time in which one of the viewers got nothing of the stream."""
    times = {number: [since] for number in range(viewers)}
    for one in got:
        if one.is_media and one.is_good:
            times[one.viewer].append(one.at + one.took_s)
    return max(later - at for each in times.values() for at, later in pairwise(sorted([*each, until])))


def wrong(got: Sequence[Got]) -> list[str]:
    """What of `Age` and `Cache-Status` is not true, judged by when a thing was published and first given."""
    first: dict[tuple[str, str], float] = {}
    found = []
    for one in got:
        if one.is_media and one.is_good:
            since = first.setdefault((one.node, one.path), one.at + one.took_s)
            found += [f"{fault}: {one}" for fault in _faults(one, since)]
    return found


def _faults(one: Got, first_at: float) -> Iterator[str]:
    passed, _, own = one.cache_status.rpartition(", ")  # a node that was asked in between comes first
    said = _STATUS.fullmatch(own)
    if said is None or said[1] != one.node:
        yield "no Cache-Status of this node"
        return
    ended = one.at + one.took_s
    playlist, main = one.path.endswith("playlist.m3u8"), one.path.endswith("main.m3u8")
    if one.age_s > ended - one.published + _SLACK_S:
        yield "older than it can be"
    if playlist and one.age_s < one.at - one.published - EVERY_S - _SLACK_S:
        yield "older than it says"
    if one.number >= 0 and one.age_s < one.at - first_at - _SLACK_S:
        yield "older than it says"
    if one.number >= 0 and said[3] and abs(int(said[3]) + one.age_s - MEDIA_FRESH_S) > 1:
        yield "its ttl is wrong"
    if playlist and one.age_s > PLAYLIST_FRESH_S + _SLACK_S and not one.is_stale:
        yield "over, and does not say so"
    if one.is_stale and not one.cache_status.endswith(_ORIGIN_IS_GONE) and not passed:
        yield "stale for an odd reason"
    if one.is_stale and not (playlist or main):
        yield "stale, and should be fresh"


def _got(line: dict[str, Any]) -> Got:
    headers = line["headers"]
    modified = headers.get("Last-Modified")
    return Got(
        at=line["at"],
        took_s=line["took_s"],
        viewer=line["viewer"],
        node=_NAMES[line["address"]],
        path=line["path"],
        status=line["status"],
        error=line["error"],
        cache_status=headers.get("Cache-Status", ""),
        age_s=int(headers.get("Age") or -1),
        published=parsedate_to_datetime(modified).timestamp() if modified else 0.0,
    )
