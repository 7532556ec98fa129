"""HLS multivariant playlists as text: what rungs they offer, and the same playlist with fewer of them.

Each change of a playlist is a function from text to text, so that several may follow one another.
"""

import re
from collections import OrderedDict
from collections.abc import Container
from typing import NamedTuple, TypeGuard
from urllib.parse import urljoin

MARK = b"#EXT-X-STREAM-INF"  # what makes a playlist multivariant (RFC 8216 §4.3.4.2)
PLAYLISTS_MAX = 512  # whose rungs are remembered
RUNGS_MAX = 64  # of one playlist that are
_STREAM, _IFRAMES = "#EXT-X-STREAM-INF:", "#EXT-X-I-FRAME-STREAM-INF:"
_BANDWIDTH = re.compile(r"[:,]\s*BANDWIDTH=([0-9]{1,15})")
_URI = re.compile(r'[:,]\s*URI="([^"]{1,2048})"')


class Rung(NamedTuple):
    """One variant of a multivariant playlist."""

    uri: str  # as it stands there
    kbps: int  # its peak (BANDWIDTH), kilobits a second; 0: not told
    playable: bool = True  # False: of I-frames only


def is_multivariant(body: object) -> TypeGuard[bytes]:
    """Whether a body is a multivariant playlist that is here whole."""
    return isinstance(body, bytes) and body.startswith(b"#EXTM3U") and MARK in body


def rungs(text: str) -> tuple[Rung, ...]:
    """The variants in their order; what is malformed is left out."""
    found, waits = list[Rung](), -1
    for line in map(str.strip, text.splitlines()):
        if line.startswith(_STREAM):
            waits = _kbps(line)
        elif line.startswith(_IFRAMES):
            if uri := _URI.search(line):
                found.append(Rung(uri[1], _kbps(line), playable=False))
        elif line and not line.startswith("#") and waits >= 0:
            found.append(Rung(line, waits))
            waits = -1
    return tuple(found)


def lowest(offered: tuple[Rung, ...]) -> Rung | None:
    """The rung that nobody is ever denied; the first of equals."""
    return min((one for one in offered if one.playable), key=lambda one: one.kbps, default=None)


def below(offered: tuple[Rung, ...], cap_kbps: int) -> frozenset[str]:
    """URIs of the rungs that a cap allows, kilobits a second: never none, for the lowest stays."""
    base = lowest(offered)
    floor_kbps = (
        base.kbps if base else 0
    )  # the same rung may be there several times, e.g. once for each pathway
    return frozenset(
        one.uri for one in offered if one.kbps <= cap_kbps or (one.playable and one.kbps == floor_kbps)
    )


def filtered(text: str, allowed: Container[str]) -> str:
    """A multivariant playlist without the variants whose URI is not `allowed`; all else stays as it is."""
    kept, waiting = list[str](), list[str]()
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        if bare.startswith(_STREAM):
            waiting = [line]
        elif bare.startswith(_IFRAMES):
            uri = _URI.search(bare)
            if not uri or uri[1] in allowed:
                kept.append(line)
        elif waiting and bare and not bare.startswith("#"):
            if bare in allowed:
                kept += [*waiting, line]
            waiting = []
        elif waiting:
            waiting.append(line)  # a remark between the tag and its URI goes with them
        else:
            kept.append(line)
    return "".join([*kept, *waiting])


class Step(NamedTuple):
    """What is known of a media playlist: which rung it is."""

    kbps: int
    lowest: bool


class Ladders:
    """Which media playlists are which rungs, as the multivariant playlists that passed have told.

    At most `PLAYLISTS_MAX` of them are remembered, the last seen.
    """

    def __init__(self) -> None:
        self._held = OrderedDict[
            str, tuple[bytes, dict[str, Step]]
        ]()  # by path: the body, and its rungs by path
        self._steps = dict[str, Step]()

    def learn(self, path: str, body: bytes) -> None:
        """A multivariant playlist of a raw path has passed; one that was seen before costs one comparison."""
        if (held := self._held.get(path)) and held[0] == body:
            self._held.move_to_end(path)
            return
        self._forget(path)
        offered = rungs(body.decode(errors="replace"))[:RUNGS_MAX]
        base = lowest(offered)
        floor_kbps = base.kbps if base else 0
        found = {
            _joined(path, one.uri): Step(one.kbps, one.kbps == floor_kbps) for one in offered if one.playable
        }
        self._held[path] = (body, found)
        self._steps |= found
        if len(self._held) > PLAYLISTS_MAX:
            self._forget(next(iter(self._held)))

    def step(self, path: str) -> Step | None:
        """Which rung a raw path is; None where no multivariant playlist named it."""
        return self._steps.get(path)

    def knows(self, path: str) -> bool:
        """Whether a raw path is a multivariant playlist that has passed, or a rung of one."""
        return path in self._held or path in self._steps

    def body(self, path: str) -> bytes:
        """The multivariant playlist of a raw path, as it passed last; empty where none did."""
        return self._held.get(path, (b"", {}))[0]

    def first(self, path: str) -> str:
        """The path of the first rung of a multivariant playlist; empty where it was not seen."""
        return next(iter(self._held.get(path, (b"", {}))[1]), "")

    def _forget(self, path: str) -> None:
        for one in self._held.pop(path, (b"", {}))[1]:
            self._steps.pop(one, None)

    def __len__(self) -> int:
        return len(self._held)


def _kbps(line: str) -> int:
    found = _BANDWIDTH.search(line)
    return -(-int(found[1]) // 1000) if found else 0


def _joined(path: str, uri: str) -> str:
    try:
        return urljoin(path, uri).partition("?")[0]
    except ValueError:  # no address at all
        return uri
