"""The store with an index beside it: from a purge to the objects it hits, without a look at all of them.

Indexed are tags, folders (a prefix names whole folders, and is compared with the names in one or two more) and the
variants of a path. What leaves the store leaves the index, so the store's bounds are the index's too. Pure: no clock,
no asyncio.

A purge of very many objects would hold up the event loop. So beyond a slice they are only marked as doomed, which
counts at once: whoever asks for a doomed object finds it gone, or stale. `sweep` then does the work by slices.
"""

from typing import Protocol, TypeVar

from edge.cache.purge import Purge, matching, path_of
from edge.cache.store import Store

SLICE_OBJECTS = 256  # about a millisecond's work

_Index = dict[str, dict[str, None]]  # by name, the keys in the order in which they came


class Purgeable(Protocol):
    """What a purge can hit."""

    @property
    def tags(self) -> tuple[str, ...]:
        """What it can be purged by, beside its key."""

    def expire(self, now: float) -> None:
        """Stale from now on."""


Value = TypeVar("Value", bound=Purgeable)


class IndexedStore(Store[Value]):
    """Values by key, bounded by bytes and by number, found by path, prefix and tag.

    Args:
        bytes_max: bound of the sum of sizes.
        objects_max: bound of the number of values.
        slice_objects: a purge that hits more is done by slices of this many.
    """

    def __init__(self, bytes_max: int, objects_max: int, slice_objects: int = SLICE_OBJECTS) -> None:
        super().__init__(bytes_max, objects_max)
        self._slice = slice_objects
        self._folders: _Index = {}
        self._tagged: _Index = {}
        self._variants: _Index = {}  # by path; only keys that have delivery directives

    @property
    def index_entries(self) -> int:
        """How many names (folders, tags, paths with variants) are indexed, and keys under them, all together."""
        indexes = (self._folders, self._tagged, self._variants)
        return sum(1 + len(keys) for index in indexes for keys in index.values())

    @property
    def doomed(self) -> int:
        """How many objects a purge has hit that are still to be swept."""
        return len(self._doomed)

    def put(self, key: str, value: Value, size: int) -> bool:
        """Keep `value`, which counts as `size` bytes; False if it is larger than the whole store."""
        if not super().put(key, value, size):
            return False
        self._list(key, value)
        return True

    def restore(self, key: str, value: Value, size: int) -> bool:
        """Keep `value` as one that has been here for long; False if it is larger than the whole store."""
        if not super().restore(key, value, size):
            return False
        self._list(key, value)
        return True

    def find(self, purge: Purge) -> list[str]:
        """The keys of all objects that `purge` hits."""
        found = self._listed(purge)
        if self._doomed:
            found = [key for key in found if self._doomed.get(key, 0.0) is not None]
        return found

    def purge(self, purge: Purge, now: float) -> dict[str, float | None]:
        """Remove what `purge` hits, or mark it stale in place where it is soft.

        Both count at once; where `doomed` is not 0 afterwards, the caller goes on with `sweep`.

        Args:
            purge: what to look for.
            now: the cache's clock.

        Returns:
            The keys of the objects that were hit, also of those that were stale already; each with the time from
            which on it is stale, or None where it is gone.
        """
        stale_from = now if purge.soft else None
        hit: dict[str, float | None] = dict.fromkeys(self.find(purge), stale_from)
        if len(hit) <= self._slice:
            for key in hit:
                self._settle(key)
                self._carry_out(key, stale_from)
        elif not self._doomed:
            self._doomed = hit.copy()
        else:  # of two soft purges the first counts, and none undoes a hard one
            self._doomed = hit | self._doomed if purge.soft else self._doomed | hit
        return hit

    def sweep(self) -> bool:
        """Do one slice of what purges left to do; whether there is more."""
        for _ in range(min(self._slice, len(self._doomed))):
            self._carry_out(*self._doomed.popitem())
        return bool(self._doomed)

    def _settle(self, key: str) -> None:
        """Do what a purge wants of `key`, if it wants anything."""
        if key in self._doomed:
            self._carry_out(key, self._doomed.pop(key))

    def _carry_out(self, key: str, stale_from: float | None) -> None:
        if stale_from is None:
            self.drop(key)
        elif value := self.peek(key):
            self._expire(value, stale_from)

    def _expire(self, value: Value, now: float) -> None:
        value.expire(now)

    def _list(self, key: str, value: Value) -> None:
        self._folders.setdefault(_folder_of(key), {})[key] = None
        for tag in value.tags:
            self._tagged.setdefault(tag, {})[key] = None
        if "?" in key:
            self._variants.setdefault(path_of(key), {})[key] = None

    def _listed(self, purge: Purge) -> list[str]:
        if purge.what == "tag":
            return list(self._tagged.get(purge.value, ()))
        if purge.what == "url":
            bare = [purge.value] if purge.value in self._folders.get(_folder_of(purge.value), ()) else []
            return bare + list(self._variants.get(purge.value, ()))
        found: list[str] = []
        for folder, keys in self._folders.items():
            if folder.startswith(purge.value):
                found += keys
            elif purge.value.startswith(folder):
                found += matching(purge, keys)
        return found

    def _left(self, key: str, value: Value) -> None:
        if self._doomed:
            self._doomed.pop(key, None)
        _remove(self._folders, _folder_of(key), key)
        for tag in value.tags:
            _remove(self._tagged, tag, key)
        if "?" in key:
            _remove(self._variants, path_of(key), key)


def _folder_of(key: str) -> str:
    """The path up to its last slash; delivery directives hold none."""
    return key[: key.rfind("/") + 1]


def _remove(index: _Index, name: str, key: str) -> None:
    keys = index[name]
    del keys[key]
    if not keys:
        del index[name]
