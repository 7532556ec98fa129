"""S3-FIFO (Yang et al., SOSP 2023): three FIFO queues, no moves on a hit, resistant to scans.

Newcomers enter a small queue; what is asked for again there moves on to the main queue, what is not leaves for the
ghost queue, which keeps names only. A newcomer that the ghost queue still knows goes straight to the main queue.
"""

from collections import OrderedDict
from typing import Generic, TypeVar

Value = TypeVar("Value")

_SMALL_SHARE = 0.1
_FREQUENCY_MAX = 3


class _Entry(Generic[Value]):
    __slots__ = ("frequency", "size", "value")

    def __init__(self, value: Value, size: int) -> None:
        self.value = value
        self.size = size
        self.frequency = 0


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
        self.evictions = 0

    @property
    def size_bytes(self) -> int:
        """Sum of the sizes."""
        return self._small_bytes + self._main_bytes

    def get(self, key: str) -> Value | None:
        """The value of `key`."""
        entry = self._small.get(key) or self._main.get(key)
        if entry is None:
            return None
        if entry.frequency < _FREQUENCY_MAX:
            entry.frequency += 1
        return entry.value

    def peek(self, key: str) -> Value | None:
        """The value of `key`, without counting that as a use of it."""
        entry = self._small.get(key) or self._main.get(key)
        return entry.value if entry else None

    def put(self, key: str, value: Value, size: int) -> bool:
        """Keep `value`, which counts as `size` bytes; False if it is larger than the whole store."""
        if size > self._bytes_max:
            self.drop(key)
            return False
        before = self._small.get(key) or self._main.get(key)
        self.drop(key)
        while self.size_bytes + size > self._bytes_max or len(self) >= self._objects_max:
            self._evict()
        entry = _Entry(value, size)
        entry.frequency = before.frequency if before else 0
        if (before and before.frequency) or key in self._ghost:
            self._ghost.pop(key, None)
            self._main[key] = entry
            self._main_bytes += size
        else:
            self._small[key] = entry
            self._small_bytes += size
        return True

    def drop(self, key: str) -> None:
        """Forget `key`."""
        if entry := self._small.pop(key, None):
            self._small_bytes -= entry.size
        elif entry := self._main.pop(key, None):
            self._main_bytes -= entry.size
        if entry:
            self._left(key, entry.value)

    def clear(self) -> None:
        """Forget everything, without a word to `_left`."""
        self._small.clear()
        self._main.clear()
        self._small_bytes = self._main_bytes = 0

    def __len__(self) -> int:
        return len(self._small) + len(self._main)

    def _left(self, key: str, value: Value) -> None:
        """Told of every value that leaves, also of one that is replaced; for those who keep an index."""

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

    def _evict_small(self) -> None:
        key, entry = self._small.popitem(last=False)
        self._small_bytes -= entry.size
        if entry.frequency > 1:
            entry.frequency = 0
            self._main[key] = entry
            self._main_bytes += entry.size
            return
        self.evictions += 1
        self._left(key, entry.value)
        self._ghost[key] = None
        while len(self._ghost) > max(16, len(self)):
            self._ghost.popitem(last=False)

    def _evict_main(self) -> None:
        key, entry = self._main.popitem(last=False)
        if entry.frequency:
            entry.frequency -= 1
            self._main[key] = entry
            return
        self._main_bytes -= entry.size
        self.evictions += 1
        self._left(key, entry.value)
