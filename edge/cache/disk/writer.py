"""Everything that changes files, behind the event loop and in the order in which it was asked for.

The order is what makes it safe to forget an object whose file is still being written: its removal comes after.
"""

import asyncio
import errno
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from edge.cache.disk.body import FileBody
from edge.cache.disk.files import Files
from edge.cache.disk.workers import BusyError, Workers

BATCH_JOBS = 256
BATCH_BYTES = 4 * 1024 * 1024
WAITING_MAX = 4096  # objects that wait to be written; removals and marks are bounded by the objects there are
UNDONE_MAX = 65_536
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(slots=True, eq=False)
class Job:
    """One change of one file; without `meta`, `stale_from` and `remove` only a mark in the order of changes.

    Args:
        serial: of the file.
        meta: write the object, with `body`.
        body: of the object.
        stale_from: note this time, wall clock.
        remove: remove the file.
        done: told on the event loop how it went.
    """

    serial: int
    meta: bytes = b""
    body: bytes | FileBody = b""
    stale_from: float | None = None
    remove: bool = False
    done: Callable[[OSError | None], None] | None = None


class Writer:
    """The queue of changes and the one thread that makes them.

    Args:
        files: of the tier.
        backlog_bytes: bound of bodies that wait.
        on_error: told of every removal and mark that fails.
    """

    def __init__(self, files: Files, backlog_bytes: int, on_error: Callable[[OSError], None]) -> None:
        self._files = files
        self._backlog_bytes = backlog_bytes
        self._on_error = on_error
        self._thread = Workers("edge-disk-write", 1, 1)
        self._jobs: deque[Job] = deque()
        self._wake = asyncio.Event()
        self.waiting_bytes = 0  # of bodies
        self.waiting_objects = 0
        self._undone: dict[int, Job] = {}  # removals and marks that failed
        self._lost = False  # more failed than are remembered

    @property
    def backlog_full(self) -> bool:
        """Whether no more objects are taken at the moment."""
        return self.waiting_bytes >= self._backlog_bytes or self.waiting_objects >= WAITING_MAX

    def add(self, job: Job) -> None:
        """Do this after all that was asked for before."""
        if job.meta:
            self.waiting_bytes += len(job.body)
            self.waiting_objects += 1
        self._jobs.append(job)
        self._wake.set()

    def remove(self, serial: int) -> None:
        """Remove a file."""
        self.add(Job(serial, remove=True))

    async def drained(self) -> None:
        """Wait until all that was asked for until now is done."""
        reached = asyncio.Event()
        self.add(Job(0, done=lambda _: reached.set()))
        await reached.wait()

    async def realized(self) -> bool:
        """Wait until all that was asked for until now is done, what failed once tried again; whether it is."""
        self.retry()
        await self.drained()
        return not self._undone and not self._lost

    def retry(self) -> None:
        """Try again what failed."""
        undone, self._undone = self._undone, {}
        for job in undone.values():
            self.add(job)

    async def run(self) -> None:
        """Work, until cancelled or closed."""
        while True:
            await self._wake.wait()
            batch = self._batch()
            if not batch:
                self._wake.clear()
                continue
            try:
                outcomes = await self._thread.run(_carry_out, self._files, batch)
            except BusyError:
                return
            for job, error in zip(batch, outcomes, strict=True):
                self._settle(job, error)

    def close(self) -> None:
        """Begin nothing more."""
        self._thread.close()

    def _batch(self) -> list[Job]:
        batch: list[Job] = []
        size = 0
        while self._jobs and len(batch) < BATCH_JOBS and size < BATCH_BYTES:
            batch.append(self._jobs.popleft())
            size += len(batch[-1].body)
        return batch

    def _settle(self, job: Job, error: OSError | None) -> None:
        if job.meta:
            self.waiting_bytes -= len(job.body)
            self.waiting_objects -= 1
        if job.done:
            job.done(error)
        elif error:
            self._on_error(error)
            self._lost |= len(self._undone) >= UNDONE_MAX
            if not self._lost:
                self._undone[job.serial] = job


def reason_of(error: OSError) -> str:
    """The word under which a failure is counted."""
    return "full" if error.errno in _FULL else "io"


def _carry_out(files: Files, batch: list[Job]) -> list[OSError | None]:
    return [_one(files, job) for job in batch]


def _one(files: Files, job: Job) -> OSError | None:
    try:
        if job.meta:
            files.write(job.serial, job.meta, job.body)
        elif job.stale_from is not None:
            files.mark(job.serial, job.stale_from)
        elif job.remove:
            files.remove(job.serial)
    except OSError as error:
        return error
    return None
