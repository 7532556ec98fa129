"""Puts purges on record, several at a time, and says when one is there to stay.

Where the journal cannot be written, a purge is there to stay once all it hits is off the disk, or marked there.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from edge.cache.disk.journal import Contents, Journal, Record
from edge.cache.disk.workers import BusyError, Workers
from edge.cache.purge import Purge

log = logging.getLogger(__name__)

RECORDS_MAX = 8192  # then those go whose work is done, but for the latest half
WAITING_MAX = 8192  # then one purge of everything stands for all that wait
RETRY_S = 1.0
_JOBS_MAX = 4  # recording, and now and then a touch
_STARTS_SHIFT = 32

Told = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Realized:
    """Ways to know that what purges asked for has been done on disk.

    Args:
        work: waits until it is; False where something failed or it takes too long.
        sync: brings it through a power cut; blocks.
    """

    work: Callable[[], Awaitable[bool]]
    sync: Callable[[], None]


class Recorder:
    """The purges of this process on their way to the journal.

    Args:
        journal: begun.
        before: what it says.
        realized: of all purges numbered so far.
        on_error: told of every failure.
    """

    def __init__(
        self, journal: Journal, before: Contents, realized: Realized, on_error: Callable[[OSError], None]
    ) -> None:
        self._journal = journal
        self._starts = before.starts
        self._records = before.records
        self._known = frozenset(one.ident for one in before.records if one.ident)
        self._realized = realized
        self._on_error = on_error
        self._thread = Workers("edge-disk-record", 1, _JOBS_MAX)
        self._waiting: list[Record] = []
        self._told: list[tuple[int, Told]] = []
        self._wake = asyncio.Event()
        self.number = first_number(before.starts)  # of the latest purge
        self._recorded = self.number

    @property
    def done(self) -> bool:
        """Whether every purge so far is on record."""
        return self._recorded == self.number

    def knows(self, ident: str) -> bool:
        """Whether an earlier process on this disk has done what this event asks for."""
        return ident in self._known

    def add(self, purge: Purge, at: float, ident: str) -> Record:
        """Number a purge and put it on record soon."""
        self.number += 1
        record = Record(self.number, purge.what, purge.value, purge.soft, at, ident)
        if len(self._waiting) >= WAITING_MAX:
            self._waiting = [_everything(self.number, at)]
        else:
            self._waiting.append(record)
        self._wake.set()
        return record

    def when_done(self, told: Told) -> None:
        """Call `told` once every purge so far is on record; at once where that is so."""
        if self.done:
            told()
        else:
            self._told.append((self.number, told))

    async def run(self) -> None:
        """Work, until cancelled or closed."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._record()
                if len(self._records) >= RECORDS_MAX:
                    await self._compact()
        except BusyError:
            return

    async def touch(self) -> None:
        """Note that this process is alive."""
        try:
            await self._thread.run(self._journal.touch)
        except OSError as error:
            self._on_error(error)
        except BusyError:
            return

    def close(self) -> None:
        """Begin nothing more."""
        self._thread.close()

    async def _record(self) -> None:
        while self._waiting:
            batch, number = tuple(self._waiting), self.number
            try:
                await self._thread.run(self._journal.append, batch)
            except OSError as error:
                self._on_error(error)
                log.warning(
                    "purges cannot be recorded (%s); their work on disk is waited for", error.strerror
                )
                if not await self._realized.work():
                    await asyncio.sleep(RETRY_S)
                    continue
            else:
                self._records += batch
            self._waiting = [one for one in self._waiting if one.number > number]
            self._tell(number)

    def _tell(self, number: int) -> None:
        self._recorded = number
        ready = [told for wanted, told in self._told if wanted <= number]
        self._told = [one for one in self._told if one[0] > number]
        for told in ready:
            told()

    async def _compact(self) -> None:
        """Forget the older half: it has been done, or one purge of everything stands for it."""
        older, kept = self._records[: -RECORDS_MAX // 2], self._records[-RECORDS_MAX // 2 :]
        try:
            if await self._realized.work():
                await self._thread.run(self._realized.sync)
            elif len(self._records) >= 2 * RECORDS_MAX:
                kept = [_everything(older[-1].number, older[-1].at), *kept]
            else:
                return
            await self._thread.run(self._journal.begin, self._starts, kept)
            self._records = kept
        except OSError as error:
            self._on_error(error)


def _everything(number: int, at: float) -> Record:
    return Record(number, "prefix", "/", soft=False, at=at, ident="")


def first_number(starts: int) -> int:
    """No purge of an earlier process has a number as great as this."""
    return starts << _STARTS_SHIFT
