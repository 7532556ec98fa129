"""S3-FIFO (Yang et al., SOSP 2023): three FIFO queues, no moves on a hit, resistant to scans.

Newcomers enter a small queue; what is asked for again there moves on to the main queue, what is not leaves for the
ghost queue, which keeps names only. A newcomer that the ghost queue still knows goes straight to the main queue.

Two things differ from the paper. Sizes count, not numbers alone. And one `put` looks at a bounded number of objects:
where all of 100,000 have been used, the paper's hand would go round three times and hold up the event loop.

Besides, some keys may be retained: they stay though nobody uses them, but leave half of the room to what is used.
"""

from collections import OrderedDict
from collections.abc import Container
from typing import Generic, TypeVar

import msgspec

Value = TypeVar("Value")

_SMALL_SHARE = 0.1
_FREQUENCY_MAX = 3
_LOOKS_MAX = 4096  # objects that one put spares because they were used; what comes next goes in any case
_GHOST_MIN = 16
_RETAINED_SHARE = 0.5


class _Entry(msgspec.Struct, Generic[Value], eq=False, gc=False):
    """No value leads back here, so the garbage collector need not look: its pauses would grow with the store."""

    value: Value
    size: int
    frequency: int = 0


class Store(Generic[Value]):
    """Values by key, bounded by bytes and by number.

    Args:
        bytes_max: bound of the sum of sizes.
        objects_max: bound of the number of values.
    """

    def __init__(self, bytes_max: int, objects_max: int) -> None:
        self._bytes_max = bytes_max
        self._objects_max = objects_max
        self._small: OrderedDict[str, _Entry[Value]] = OrderedDict()
        self._main: OrderedDict[str, _Entry[Value]] = OrderedDict()
        self._ghost: OrderedDict[str, None] = OrderedDict()
        self._small_bytes = 0
        self._main_bytes = 0
        self._looks = 0  # left to the put under way
        self.retained: Container[str] = ()  # keys that are to stay though they are not used
        self._spare_bytes = 0.0  # that the put under way may yet spare for that
        self._doomed: dict[str, float | None] = {}  # keys that `_settle` is told of before they are looked up
        self.evictions = 0

    @property
    def size_bytes(self) -> int:
        """Sum of the sizes."""
        return self._small_bytes + self._main_bytes

    @property
    def bytes_max(self) -> int:
        """Bound of the sum of sizes, as it is now."""
        return self._bytes_max

    def get(self, key: str) -> Value | None:
        """The value of `key`."""
        if self._doomed:
            self._settle(key)
        entry = self._small.get(key) or self._main.get(key)
        if entry is None:
            return None
        if entry.frequency < _FREQUENCY_MAX:
            entry.frequency += 1
            self._used(key)
        return entry.value

    def touch(self, key: str) -> None:
        """Count a use of `key` that was made elsewhere."""
        entry = self._small.get(key) or self._main.get(key)
        if entry and entry.frequency < _FREQUENCY_MAX:
            entry.frequency += 1

    def peek(self, key: str) -> Value | None:
        """The value of `key`, without counting that as a use of it."""
        if self._doomed:
            self._settle(key)
        entry = self._small.get(key) or self._main.get(key)
        return entry.value if entry else None

    def put(self, key: str, value: Value, size: int) -> bool:
        """Keep `value`, which counts as `size` bytes; False if it is larger than the whole store."""
        if size > self._bytes_max:
            self.drop(key)
            return False
        was_main = key in self._main
        before = self._small.get(key) or self._main.get(key)
        known = key in self._ghost  # asked before the ghosts that now come push it out
        self.drop(key)
        self._make_room(size)
        entry = _Entry(value, size)
        entry.frequency = before.frequency if before else 0
        if was_main or known or entry.frequency:
            self._ghost.pop(key, None)
            self._to_main(key, entry)
        else:
            self._small[key] = entry
            self._small_bytes += size
        return True

    def restore(self, key: str, value: Value, size: int) -> bool:
        """Keep `value` as one that has been here for long; False if it is larger than the whole store."""
        if size > self._bytes_max:
            self.drop(key)
            return False
        self.drop(key)
        self._make_room(size)
        self._to_main(key, _Entry(value, size))
        return True

    def drop(self, key: str) -> None:
        """Forget `key`."""
        if entry := self._small.pop(key, None):
            self._small_bytes -= entry.size
        elif entry := self._main.pop(key, None):
            self._main_bytes -= entry.size
        if entry:
            self._left(key, entry.value)

    def limit(self, bytes_max: int) -> None:
        """Another bound of the sum of sizes, from now on."""
        self._bytes_max = bytes_max
        self._make_room(0, objects=0)

    def __len__(self) -> int:
        return len(self._small) + len(self._main)

    def _settle(self, key: str) -> None:
        """Do what is due for `key`, if it is doomed; for those who put off a part of their work."""

    def _used(self, key: str) -> None:
        """Told of each use that still counts; for those who keep the same elsewhere."""

    def _left(self, key: str, value: Value) -> None:
        """Told of every value that leaves, also of one that is replaced; for those who keep an index."""

    def _to_main(self, key: str, entry: _Entry[Value]) -> None:
        self._main[key] = entry
        self._main_bytes += entry.size

    def _make_room(self, size: int, objects: int = 1) -> None:
        """For so many bytes in so many objects more."""
        self._looks = _LOOKS_MAX
        self._spare_bytes = _RETAINED_SHARE * self._bytes_max
        while self.size_bytes + size > self._bytes_max or len(self) + objects > self._objects_max:
            self._evict()

    def _evict(self) -> None:
        """Make some room: look at one object."""
        small_is_full = (
            self._small_bytes > _SMALL_SHARE * self._bytes_max
            or len(self._small) > _SMALL_SHARE * self._objects_max
        )
        if self._small and (small_is_full or not self._main):
            self._evict_small()
        else:
            self._evict_main()

    def _spares(self, key: str, entry: _Entry[Value], uses: int) -> bool:
        """Whether an object stays because it was used more than so often, or is retained."""
        if not self._looks:
            return False
        if entry.frequency <= uses:
            if key not in self.retained or entry.size > self._spare_bytes:
                return False
            self._spare_bytes -= entry.size
        self._looks -= 1
        return True

    def _evict_small(self) -> None:
        key, entry = self._small.popitem(last=False)
        self._small_bytes -= entry.size
        if self._spares(key, entry, 1):
            entry.frequency = 0
            self._to_main(key, entry)
            return
        self.evictions += 1
        self._left(key, entry.value)
        self._ghost[key] = None
        while len(self._ghost) > max(_GHOST_MIN, len(self)):
            self._ghost.popitem(last=False)

    def _evict_main(self) -> None:
        key, entry = self._main.popitem(last=False)
        if self._spares(key, entry, 0):
            entry.frequency = max(0, entry.frequency - 1)
            self._main[key] = entry
            return
        self._main_bytes -= entry.size
        self.evictions += 1
        self._left(key, entry.value)
