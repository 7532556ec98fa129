"""The store with an index beside it: from a purge to the objects it hits, without a look at all of them.

Indexed are tags, folders (a prefix names whole folders, and is compared with the names in one or two more) and the
variants of a path. What leaves the store leaves the index, so the store's bounds are the index's too. Pure: no clock,
no asyncio.
"""

from edge.cache.objects import CachedObject
from edge.cache.purge import Purge, matching, path_of
from edge.cache.store import Store

_Index = dict[str, dict[str, None]]  # by name, the keys in the order in which they came


class IndexedStore(Store[CachedObject]):
    """Stored answers by key, bounded by bytes and by number, found by path, prefix and tag.

    Args:
        bytes_max: bound of the sum of sizes.
        objects_max: bound of the number of objects.
    """

    def __init__(self, bytes_max: int, objects_max: int) -> None:
        super().__init__(bytes_max, objects_max)
        self._folders: _Index = {}
        self._tagged: _Index = {}
        self._variants: _Index = {}  # by path; only keys that have delivery directives

    @property
    def index_entries(self) -> int:
        """How many names (folders, tags, paths with variants) are indexed, and keys under them, all together."""
        indexes = (self._folders, self._tagged, self._variants)
        return sum(1 + len(keys) for index in indexes for keys in index.values())

    def put(self, key: str, value: CachedObject, size: int) -> bool:
        """Keep `value`, which counts as `size` bytes; False if it is larger than the whole store."""
        if not super().put(key, value, size):
            return False
        self._folders.setdefault(_folder_of(key), {})[key] = None
        for tag in value.tags:
            self._tagged.setdefault(tag, {})[key] = None
        if "?" in key:
            self._variants.setdefault(path_of(key), {})[key] = None
        return True

    def clear(self) -> None:
        """Forget everything."""
        super().clear()
        for index in (self._folders, self._tagged, self._variants):
            index.clear()

    def find(self, purge: Purge) -> list[str]:
        """The keys of all objects that `purge` hits."""
        if purge.what == "tag":
            return list(self._tagged.get(purge.value, ()))
        if purge.what == "url":
            bare = [purge.value] if self.peek(purge.value) else []
            return bare + list(self._variants.get(purge.value, ()))
        found: list[str] = []
        for folder, keys in self._folders.items():
            if folder.startswith(purge.value):
                found += keys
            elif purge.value.startswith(folder):
                found += matching(purge, keys)
        return found

    def purge(self, purge: Purge, now: float) -> list[str]:
        """Remove what `purge` hits, or mark it stale in place where it is soft.

        Args:
            purge: what to look for.
            now: the cache's clock.

        Returns:
            The keys of the objects that were hit, also of those that were stale already.
        """
        found = self.find(purge)
        if purge.soft:
            for key in found:
                if value := self.peek(key):
                    value.expire(now)
        elif len(found) == len(self):
            self.clear()  # four times as fast as one by one
        else:
            for key in found:
                self.drop(key)
        return found

    def _left(self, key: str, value: CachedObject) -> None:
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
