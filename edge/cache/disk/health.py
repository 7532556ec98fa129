"""When a disk that failed may be tried again, and what is said about it."""

import logging
from collections.abc import Callable

from edge.cache.counters import CacheCounters
from edge.cache.disk.writer import reason_of

log = logging.getLogger(__name__)


class Health:
    """Pauses after failures, one for writing and one for reading. One line is logged for each pause.

    Args:
        counters: where failures are counted.
        clock: the cache's, seconds.
        pause_s: how long.
    """

    def __init__(self, counters: CacheCounters, clock: Callable[[], float], pause_s: float) -> None:
        self._counters = counters
        self._clock = clock
        self._pause_s = pause_s
        self._write_from = self._read_from = float("-inf")
        self._lacks_room = False

    @property
    def writable(self) -> bool:
        """Whether objects may be written now."""
        return self._clock() >= self._write_from

    @property
    def full(self) -> bool:
        """Whether nothing is written now because there was no room."""
        return self._lacks_room and not self.writable

    @property
    def readable(self) -> bool:
        """Whether objects may be read now."""
        return self._clock() >= self._read_from

    def write_failed(self, error: OSError) -> bool:
        """Count a failed write and write nothing for a while; whether a pause begins."""
        self.failed(error)
        begins = self.writable
        if begins:
            self._write_from = self._clock() + self._pause_s
            self._lacks_room = reason_of(error) == "full"
            log.warning("the disk cannot be written (%s): new objects stay in memory", error.strerror)
        return begins

    def read_late(self) -> None:
        """Count a read that took too long and read nothing for a while."""
        self._counters.disk_failed("timeout")
        if self.readable:
            log.warning("the disk is too slow: objects come from the origin")
        self._read_from = self._clock() + self._pause_s

    def failed(self, error: OSError) -> None:
        """Count a failure that stops nothing."""
        self._counters.disk_failed(reason_of(error))
