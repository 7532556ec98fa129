"""What nginx holds, as far as the node knows: it made every answer that is there, and reads the rest at start.

nginx removes what is old or too much without a word, so an entry may have outlived its file, but no file is without an
entry for long: what has to leave the index takes its file along.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from edge.cache.index import IndexedStore
from edge.cache.purge import Purge
from edge.nginx.head import Fill

_EVERYTHING = Purge("prefix", "/")
_BYTES_MAX = 1 << 60  # nginx bounds the bytes
_SLACK = 2  # entries for each object that nginx may hold; those without files leave when files are listed


class Copy(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One object in nginx's cache."""

    name: str  # of its file
    tags: tuple[str, ...]
    serial: int  # of the answer it was made from; 0: of an earlier process
    made: float  # seconds since 1970

    def expire(self, now: float) -> None:
        """Nothing to note: what is stale is told by its file."""


def copy_of(name: str, tags: tuple[str, ...], fill: Fill | None, session: str) -> Copy:
    """An entry; of another process's answer, or of none that is known, only the time counts."""
    if fill is None:
        return Copy(name, tags, 0, 0.0)
    return Copy(name, tags, fill.serial if fill.session == session else 0, fill.made)


class Limits(NamedTuple):
    """What a purge reaches."""

    serial: int  # of the latest answer
    made: float  # objects made until then, seconds since 1970


class Split(NamedTuple):
    """What a purge does to some entries."""

    hit: dict[str, str]  # names of files, by key
    later: list[
        str
    ]  # names of files whose entries are of later answers; until those land, what is there may be older


class Copies(IndexedStore[Copy]):
    """Entries by the node's keys.

    Args:
        objects_max: how many objects nginx may hold.
    """

    def __init__(self, objects_max: int) -> None:
        super().__init__(_BYTES_MAX, _SLACK * objects_max)
        self._objects_max = objects_max
        self._replaced = ""
        self._gone: list[str] = []

    @property
    def crowded(self) -> bool:
        """Whether so many entries are here that some must have lost their files."""
        return len(self) > self._objects_max

    def put(self, key: str, value: Copy, size: int) -> bool:
        """Keep an entry in place of the one that is there; others may have to leave for it."""
        self._replaced = key
        kept = super().put(key, value, size)
        self._replaced = ""
        return kept

    def holds_path(self, path: str) -> bool:
        """Whether there is anything of a normal path."""
        return self.peek(path) is not None or bool(self._variants.get(path))

    def split(self, keys: Sequence[str], upto: Limits) -> Split:
        """Which of some keys a purge hits."""
        hit, later = {}, []
        for key in keys:
            if (copy := self.peek(key)) is None:
                continue
            if copy.serial > upto.serial:
                later.append(copy.name)
            elif copy.made <= upto.made:
                hit[key] = copy.name
        return Split(hit, later)

    def forget(self, key: str) -> None:
        """Drop an entry whose file somebody removes, or nginx has removed."""
        self._replaced = key
        self.drop(key)
        self._replaced = ""

    def taken(self) -> list[str]:
        """Names of files whose entries have left, to be removed; each is told once."""
        gone, self._gone = self._gone, []
        return gone

    def everything(self) -> list[str]:
        """All keys."""
        return self.find(_EVERYTHING)

    def names(self, keys: Sequence[str]) -> dict[str, str]:
        """Those of some keys that have entries, by the names of their files."""
        return {copy.name: key for key in keys if (copy := self.peek(key))}

    def _left(self, key: str, value: Copy) -> None:
        super()._left(key, value)
        if key != self._replaced:
            self._gone.append(value.name)
