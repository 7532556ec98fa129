"""From the disk into memory, once for all who wait; great bodies stay in their files, which are kept open a while."""

import asyncio
import errno
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from edge.cache.counters import CacheCounters
from edge.cache.disk.body import BrokenBodyError, FileBody
from edge.cache.disk.entry import Clocks, Entry, EntryIndex, object_of
from edge.cache.disk.files import Files, Head
from edge.cache.disk.health import Health
from edge.cache.disk.layout import DamagedError
from edge.cache.disk.workers import BusyError, Workers
from edge.cache.objects import CachedObject
from edge.cache.settings import CacheSettings

THREADS = 4
READS_MAX = 256  # begun and waiting
OPEN_MAX = 64
_SLOWEST_BYTES_S = 20e6  # a great body that is checked takes its time
_OUR_OWN_LACK = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})  # says nothing about the file


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What reading needs.

    Args:
        settings: bounds and times.
        counters: what happened.
        health: of the disk.
        clock: the cache's, seconds.
        promote: told of each object that was read into memory, at a moment at which it is current.
    """

    settings: CacheSettings
    counters: CacheCounters
    health: Health
    clock: Callable[[], float]
    promote: Callable[[CachedObject], None]


class Reader:
    """Reads objects.

    Args:
        files: where they are.
        index: what is there.
        clocks: between the cache's and the wall clock.
        around: what else it needs.
    """

    def __init__(self, files: Files, index: EntryIndex, clocks: Clocks, around: Surroundings) -> None:
        self._files = files
        self._workers = Workers("edge-disk-read", THREADS, READS_MAX)
        self._index = index
        self._clocks = clocks
        self._around = around
        self._loading: dict[int, asyncio.Task[CachedObject | None]] = {}  # by serial number
        self._open: OrderedDict[str, CachedObject] = OrderedDict()  # those whose bodies are streamed

    async def load(self, key: str) -> CachedObject | None:
        """The object of `key`, as it is at the moment in which this returns; None where there is none to be had."""
        entry = self._index.get(key)
        if entry is None:
            return None
        if entry.pending and not isinstance(entry.pending.body, FileBody):
            self._around.promote(entry.pending)  # memory has lost it before it was written
        found = entry.pending or self._open.get(key)
        if found is None:
            found = await self._read_once(key, entry)
            if self._index.peek(key) is not entry:  # purged or replaced before who waited here came to it
                return None
        if found:
            found.expire(entry.stale_from)
        return found

    def forget(self, key: str) -> None:
        """Close the file of what is there no more, as soon as nobody reads it."""
        self._open.pop(key, None)

    async def close(self) -> None:
        """Cancel what is under way."""
        tasks = list(self._loading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._open.clear()
        self._workers.close()

    async def _read_once(self, key: str, entry: Entry) -> CachedObject | None:
        task = self._loading.get(entry.serial)
        if task is None:
            if not self._around.health.readable:
                return None
            task = self._loading[entry.serial] = asyncio.create_task(self._read(key, entry))
            task.add_done_callback(lambda _: self._loading.pop(entry.serial, None))
        await asyncio.wait((task,))
        return None if task.cancelled() else task.result()

    async def _read(self, key: str, entry: Entry) -> CachedObject | None:
        loaded = await self._loaded(key, entry)
        if loaded is None or self._index.peek(key) is not entry:
            return None
        head, body = loaded
        found = object_of(head, body, self._clocks, self._around.clock())
        found.expire(entry.stale_from)
        if isinstance(body, FileBody):
            entry.verified = True
            self._open[key] = found
            if len(self._open) > OPEN_MAX:
                self._open.popitem(last=False)
        else:
            self._around.promote(found)
        return found

    async def _loaded(self, key: str, entry: Entry) -> tuple[Head, bytes | FileBody] | None:
        settings, counters = self._around.settings, self._around.counters
        try:
            async with asyncio.timeout(settings.disk_timeout_s + entry.body_bytes / _SLOWEST_BYTES_S):
                job = (entry.serial, settings.disk_stream_bytes, not entry.verified)
                head, body = await self._workers.run(self._files.load, *job)
            if head.meta.key == key:
                return head, body
            self._damaged(key, entry)
        except TimeoutError:
            self._around.health.read_late()
        except BusyError:
            counters.disk_failed("busy")
        except (DamagedError, BrokenBodyError, FileNotFoundError):
            self._damaged(key, entry)
        except OSError as error:
            self._around.health.failed(error)
            if error.errno not in _OUR_OWN_LACK and self._index.peek(key) is entry:
                self._index.drop(key)
        return None

    def _damaged(self, key: str, entry: Entry) -> None:
        if self._index.peek(key) is entry:  # else it was removed on purpose
            self._around.counters.disk_failed("damaged")
            self._index.drop(key)
