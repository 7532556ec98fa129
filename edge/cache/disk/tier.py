"""The tier on disk: what is there, what goes there, and what to do when the disk fails.

All state is here, on the event loop; threads only carry out. An object is held from when it is put, though its file
comes later: until then it is answered from memory, and if it leaves before, its file is removed after.

| goes wrong | what happens |
| --- | --- |
| the disk is full | nothing is written for `disk_pause_s`; the bound becomes a little less than what fitted |
| a write fails otherwise | nothing is written for `disk_pause_s` |
| writing is too slow | objects are kept in memory only while the backlog is full |
| a file is damaged or gone | it is dropped; the origin is asked |
| reading is too slow | nothing is read for `disk_pause_s`; the origin is asked |
"""

import asyncio
import logging
import os
from collections.abc import Callable, Container, Coroutine
from functools import partial
from pathlib import Path

from edge.cache.disk.entry import Clocks, Entry, EntryIndex, meta_of
from edge.cache.disk.files import Files, Head
from edge.cache.disk.journal import GONE, PurgeTable, Record
from edge.cache.disk.layout import encoded, size_on_disk
from edge.cache.disk.opening import Opened, opened
from edge.cache.disk.reader import Reader, Surroundings
from edge.cache.disk.recorder import Realized, Recorder
from edge.cache.disk.scan import scan
from edge.cache.disk.workers import BusyError, Workers
from edge.cache.disk.writer import Job, Writer, reason_of
from edge.cache.growing import GrowingBody
from edge.cache.objects import CachedObject
from edge.cache.purge import Purge, path_of

log = logging.getLogger(__name__)

CLOSE_S = 2.0  # for what is still to be written when the process ends
STREAM_THREADS = 4
STREAMS_MAX = 65_536  # pieces of streamed bodies that wait: one for each viewer
_ALIVE_EVERY_S = 60.0
_REALIZED_S = 10.0
_SHRINK, _GROW = 0.95, 0.1  # of what fits; of each write's size until the bound is what it was
_FLOOR = 1 / 16  # of the setting: a lower bound is not tried


async def opened_tier(around: Surroundings, wall: Callable[[], float]) -> "DiskTier | None":
    """The tier that the settings name, at work; None where its disk is too full even for that.

    Args:
        around: settings, counters and the like.
        wall: wall clock.

    Raises:
        ConfigError: the folder cannot be used, or another process uses it.
    """
    settings = around.settings
    root = Path(settings.disk_path)
    streams = Workers("edge-disk-stream", STREAM_THREADS, STREAMS_MAX)
    files = Files(root, streams)
    found = await asyncio.to_thread(opened, root, files, wall(), settings.disk_away_max_s)
    if found is None:
        around.counters.disk_failed("full")
        log.error("%s is full: objects stay in memory until the next start", root)
        return None
    tier = DiskTier(files, streams, found, Clocks(wall() - around.clock()), around)
    await tier.start()
    return tier


class DiskTier:
    """The objects on disk, of a folder that was opened.

    Args:
        files: those of the folder.
        streams: threads in which streamed bodies are read.
        found: what opening it has brought.
        clocks: between the cache's and the wall clock.
        around: settings, counters and the like.
    """

    def __init__(
        self, files: Files, streams: Workers, found: Opened, clocks: Clocks, around: Surroundings
    ) -> None:
        settings = self._settings = around.settings
        self._files = files
        self._streams = streams
        self._opened = found
        self._clocks = clocks
        self._counters = around.counters
        self._health = around.health
        self._index = EntryIndex(settings, self._on_left, self._on_stale)
        self._writer = Writer(files, settings.disk_backlog_bytes, self._health.failed)
        self._reader = Reader(files, self._index, clocks, around)
        realized = Realized(self._realized, os.sync)
        self.recorder = Recorder(found.journal, found.contents, realized, self._health.failed)
        self._serial = found.serial
        self._table: PurgeTable | None = PurgeTable(found.contents.records)  # until the scan is through
        self._tasks: list[asyncio.Task[None]] = []
        self._scanned = asyncio.Event()
        self._counters.disk_junk += found.junk
        self.load = self._reader.load
        self.sweep = self._index.sweep
        self.touch = self._index.touch

    @property
    def size_bytes(self) -> int:
        """What the files take, those that wait to be written included."""
        return self._index.size_bytes

    @property
    def bytes_max(self) -> int:
        """Bound of that: less than the setting after the disk was full."""
        return self._index.bytes_max

    @property
    def evictions(self) -> int:
        """Objects that had to go for others since the start."""
        return self._index.evictions

    @property
    def objects(self) -> int:
        """How many there are, those that wait to be written included."""
        return len(self._index)

    def holds(self, key: str) -> bool:
        """Whether there is an object of `key`, fresh or not."""
        return self._index.peek(key) is not None

    async def start(self) -> None:
        """Begin to work, and wait a while for the scan of what is there."""
        for work in (self._writer.run(), self.recorder.run(), self._stay_alive(), self._scan()):
            self._tasks.append(_begun(work))
        try:
            async with asyncio.timeout(self._settings.disk_start_s):
                await self._scanned.wait()
        except TimeoutError:
            log.info("the scan of %s goes on beside", self._settings.disk_path)

    async def close(self) -> None:
        """Write what waits, for a short while, and give the folder free."""
        writing, recording, *others = self._tasks
        for task in others:
            task.cancel()
        ended = await self._ended()
        for task in (writing, recording):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._reader.close()
        for one in (self._writer, self.recorder, self._streams):
            one.close()
        if ended:  # else a thread may still be at it: the system closes them with the process
            self._opened.journal.close()
            os.close(self._opened.lock)

    def put(self, made: CachedObject) -> bool:
        """Write `made` soon; False where it is not to be on disk, and then nothing older of its key stays there."""
        assert not isinstance(made.body, GrowingBody), "what is kept is whole"
        reason = self._why_not(made)
        try:
            meta = b"" if reason else encoded(meta_of(made, self._clocks, self.recorder.number))
        except ValueError:
            reason, meta = "unwritable", b""
        entry = Entry(self._serial + 1, made.tags, len(made.body), pending=made)
        if not reason and not self._index.put(made.key, entry, size_on_disk(len(meta), len(made.body))):
            reason = "too_large"
        if reason:
            self._counters.disk_skip(reason)
            self.drop(made.key)
            return False
        self._serial += 1
        written = partial(self._written, made.key, entry)
        self._writer.add(Job(entry.serial, meta, made.body, done=written))
        return True

    def retain(self, keys: Container[str]) -> None:
        """From now on objects of these keys are the last to leave."""
        self._index.retained = keys

    def drop(self, key: str) -> None:
        """Forget `key`, also what the scan has not come to yet."""
        self._index.drop(key)
        if self._table:
            number = self.recorder.number  # what earlier processes stored has a lesser one
            self._table.add(Record(number, "url", path_of(key), soft=False, at=0.0, ident=""))

    def purge(self, purge: Purge, now: float, ident: str) -> dict[str, float | None]:
        """As `IndexedStore.purge`; what the scan has not come to yet is hit when it comes to it, but not counted."""
        record = self.recorder.add(purge, self._clocks.to_wall(now), ident)
        if self._table:
            self._table.add(record)
        return self._index.purge(purge, now)

    def _why_not(self, made: CachedObject) -> str:
        """Why an object is kept in memory only; "" where it is not."""
        if made.status != 200 or made.lifetime.fresh_s < self._settings.disk_fresh_min_s:
            return "short"
        if not self._health.writable:
            return "paused"
        return "backlog" if self._writer.backlog_full else ""

    def _written(self, key: str, entry: Entry, error: OSError | None) -> None:
        entry.pending = None
        if error is None:
            self._counters.disk_written += 1
            self._counters.disk_written_bytes += entry.body_bytes
            if (limit := self._index.bytes_max) < self._settings.disk_max_bytes:
                grown = limit + int(_GROW * entry.body_bytes)
                self._index.limit(min(self._settings.disk_max_bytes, grown))
            return
        if self._index.peek(key) is entry:
            self._index.drop(key)
        if self._health.write_failed(error) and reason_of(error) == "full":
            # What waits is newer than what is written: it must have failed before anything gives way for it.
            self._writer.add(Job(0, done=self._fit))

    def _fit(self, _: OSError | None) -> None:
        """Be content with a little less than what found room."""
        fits = int(_SHRINK * (self._index.size_bytes - self._writer.waiting_bytes))
        floor = int(_FLOOR * self._settings.disk_max_bytes)
        self._index.limit(min(self._index.bytes_max, max(fits, floor)))

    def _on_left(self, key: str, entry: Entry) -> None:
        self._reader.forget(key)
        self._writer.remove(entry.serial)

    def _on_stale(self, entry: Entry) -> None:
        self._writer.add(Job(entry.serial, stale_from=self._clocks.to_wall(entry.stale_from)))

    async def _realized(self) -> bool:
        """Wait until all that purges asked for is done on disk; whether it is."""
        try:
            async with asyncio.timeout(_REALIZED_S):
                await self._scanned.wait()
                swept = False
                while not swept:
                    swept = not self.sweep()
                    await asyncio.sleep(0)
                return await self._writer.realized()
        except TimeoutError:
            return False

    async def _ended(self) -> bool:
        """Wait a short while until all is written and recorded; whether it is."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._writer.drained()
                recorded = asyncio.Event()
                self.recorder.when_done(recorded.set)
                await recorded.wait()
        except TimeoutError:
            return False
        return True

    async def _stay_alive(self) -> None:
        while True:
            await asyncio.sleep(_ALIVE_EVERY_S)
            await self.recorder.touch()
            self._writer.retry()

    async def _scan(self) -> None:
        serials = self._opened.serials
        beyond = max(0, len(serials) - self._settings.disk_objects_max)
        for serial in serials[:beyond]:
            self._writer.remove(serial)
        try:
            await scan(self._files, serials[beyond:], self._restore)
        except BusyError:
            return
        self._table = None
        serials.clear()
        self._scanned.set()
        log.info("%s holds %d objects, %d bytes", self._settings.disk_path, len(self._index), self.size_bytes)

    def _restore(self, serial: int, head: Head | None) -> None:
        if head is None:
            self._counters.disk_failed("damaged")
            self._writer.remove(serial)
            return
        assert self._table is not None
        meta = head.meta
        stale_from = self._table.stale_from(meta.key, meta.tags, meta.purges)
        newer = self._index.peek(meta.key)
        if stale_from == GONE or (newer and newer.serial > serial):
            self._writer.remove(serial)
            return
        entry = Entry(
            serial, meta.tags, head.body_bytes, self._clocks.to_cache(min(stale_from, head.stale_from))
        )
        if not self._index.restore(meta.key, entry, head.size_bytes):
            self._writer.remove(serial)
            return
        if stale_from < head.stale_from:
            self._on_stale(entry)
        self._counters.disk_restored += 1


def _begun(work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    task = asyncio.create_task(work)
    task.add_done_callback(_complain)
    return task


def _complain(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("a part of the tier on disk ended", exc_info=error)
