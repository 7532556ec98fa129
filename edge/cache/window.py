"""Which media is live, and which is DVR or VOD: learned from the HLS media playlists that pass.

A segment is named by a pattern and a number, e.g. /live/v240/#.m4s and 7. A live playlist says from which number on a
pattern is live: what lies within a minute of its end. A playlist that has ended makes its patterns VOD. What no
playlist named is taken for live, for in doubt a viewer is served. So are parts of segments (`EXT-X-PART`), which
have no pattern and leave the playlist within a few seconds.

A live playlist also tells what comes next: the number after its last one, and what it hints at (`EXT-X-PRELOAD-HINT`).
"""

import math
import re
from collections import OrderedDict
from enum import Enum
from urllib.parse import urljoin

from edge.cache.lifetime import PLAYLIST_MAX_BYTES, Kind, kind_of

LIVE_EDGE_S = 60.0  # a player at the live edge holds some target durations; further behind it is in the past
PATTERNS_MAX = 4096
_ENDED = math.inf
_NAME_MAX = 128  # a longer name is no segment's
# The last number, but that of seg-7-v1-a1, as some packagers write.
_NUMBERED = re.compile(r"(.*?)([0-9]{1,18})([^0-9]*|(?:-[a-z][0-9]{1,2})+)")

_HINT = re.compile(r'[:,]URI="([^"]{1,2048})"')
_SECONDS_DIGITS = 4


class Content(Enum):
    """What a viewer of an object watches."""

    LIVE = "live"
    DVR = "dvr"  # earlier parts of what is live
    VOD = "vod"


class LiveWindows:
    """The live part of each pattern; at most `PATTERNS_MAX`, the last learned."""

    def __init__(self) -> None:
        self._live_from = OrderedDict[str, float]()  # by pattern, and by path for ended playlists
        self._newest = OrderedDict[str, str]()  # by live playlist: the segment that it names last
        self._next = dict[str, tuple[str, ...]]()  # by live playlist: what will be there soon
        self._soon = dict[str, float]()  # by what will be there soon: the duration of a segment
        self._hinted = OrderedDict[str, float]()  # the same, as other nodes told

    def learn(self, key: str, body: bytes) -> None:
        """A playlist of this key came from the origin."""
        if len(body) > PLAYLIST_MAX_BYTES or not body.startswith(b"#EXTM3U") or b"#EXT-X-STREAM-INF" in body:
            return
        path = key.partition("?")[0]
        lines = body.decode(errors="replace").splitlines()
        self._forget(path)
        if "#EXT-X-ENDLIST" in lines:
            found = {_split(_joined(path, line))[0]: _ENDED for line in lines if _is_uri(line)}
            self._keep(found | {path: _ENDED})
        else:
            self._live_from.pop(path, None)
            self._keep(_live_part(path, lines))
            if last := next((line for line in reversed(lines) if _is_uri(line)), ""):
                self._newest[path] = newest = _joined(path, last)
                self._hinted.pop(newest, None)
                self._next[path] = awaited = (*_following(newest), *_hinted(path, lines))
                self._soon |= dict.fromkeys(awaited, _target_s(lines))
            while len(self._newest) > PATTERNS_MAX:
                self._forget(next(iter(self._newest)))

    def content(self, path: str) -> Content:
        """What the object at a raw path is, as far as is known."""
        path = path.partition("?")[0]
        is_playlist = kind_of(path) is Kind.PLAYLIST
        pattern, number = (path, 0) if is_playlist else _split(path)
        live_from = self._live_from.get(pattern, 0)
        if live_from == _ENDED:
            return Content.VOD
        return Content.LIVE if number >= live_from else Content.DVR

    def newest(self, key: str) -> str:
        """The path of the segment that the live playlist of this key named last; empty where none is known."""
        return self._newest.get(key.partition("?")[0], "")

    def segment_s(self, key: str) -> float:
        """The duration of a segment, where `key` is not listed yet but will be there soon; else 0."""
        return self._soon.get(key) or self._hinted.get(key, 0.0)

    def hint(self, key: str, segment_s: float) -> None:
        """Another node has a playlist that says so: `key` will be there soon."""
        self._hinted[key] = segment_s
        self._hinted.move_to_end(key)
        while len(self._hinted) > PATTERNS_MAX:
            self._hinted.popitem(last=False)

    def _forget(self, playlist: str) -> None:
        self._newest.pop(playlist, None)
        for awaited in self._next.pop(playlist, ()):
            self._soon.pop(awaited, None)

    def __len__(self) -> int:
        return len(self._live_from)

    def _keep(self, found: dict[str, float]) -> None:
        for pattern, live_from in found.items():
            self._live_from[pattern] = live_from
            self._live_from.move_to_end(pattern)
        while len(self._live_from) > PATTERNS_MAX:
            self._live_from.popitem(last=False)


def _live_part(path: str, lines: list[str]) -> dict[str, float]:
    """From which number on each pattern in the last `LIVE_EDGE_S` of a playlist is live."""
    found: dict[str, float] = {}
    left_s = LIVE_EDGE_S
    for line in reversed(lines):
        if left_s <= 0:
            break
        if _is_uri(line):
            pattern, number = _split(_joined(path, line))
            found[pattern] = min(number, found.get(pattern, math.inf))
        elif line.startswith("#EXTINF:"):
            left_s -= _duration_s(line)
    return found


def _following(path: str) -> tuple[str, ...]:
    """The path of the next number, if this one has a number."""
    folder, slash, name = path.rpartition("/")
    stem, dot, suffix = name.rpartition(".") if "." in name else (name, "", "")
    if len(stem) > _NAME_MAX or not (found := _NUMBERED.fullmatch(stem)):
        return ()
    number = str(int(found[2]) + 1).zfill(len(found[2]))
    return (f"{folder}{slash}{found[1]}{number}{found[3]}{dot}{suffix}",)


def _hinted(path: str, lines: list[str]) -> tuple[str, ...]:
    """What a playlist says will come (RFC 8216bis §4.4.5.3): one part at most."""
    hints = (line for line in reversed(lines) if line.startswith("#EXT-X-PRELOAD-HINT:"))
    found = _HINT.search(next(hints, ""))
    return (_joined(path, found[1]),) if found else ()


def _target_s(lines: list[str]) -> float:
    tag = "#EXT-X-TARGETDURATION:"
    said = next((line.removeprefix(tag) for line in lines if line.startswith(tag)), "")
    return float(said) if said.isascii() and said.isdigit() and len(said) <= _SECONDS_DIGITS else 0.0


def _is_uri(line: str) -> bool:
    return bool(line) and not line.startswith("#")


def _duration_s(line: str) -> float:
    try:
        return max(0.0, float(line[len("#EXTINF:") :].partition(",")[0]))
    except ValueError:
        return 0.0


def _joined(path: str, uri: str) -> str:
    try:
        return urljoin(path, uri).partition("?")[0]
    except ValueError:  # no address at all
        return uri


def _split(path: str) -> tuple[str, int]:
    """Pattern and number of a segment's path: the last number of its name counts, but for suffixes (-v1, .m4s)."""
    folder, slash, name = path.rpartition("/")
    stem, dot, suffix = name.rpartition(".") if "." in name else (name, "", "")
    if len(stem) <= _NAME_MAX and (found := _NUMBERED.fullmatch(stem)):
        return f"{folder}{slash}{found[1]}#{found[3]}{dot}{suffix}", int(found[2])
    return path, 0
