"""Purges on their way to nginx's files: in order, in a thread, and acknowledged when they are done.

An order hits what was made from answers begun before it. Those that nginx has not stored yet are pursued: their files
are looked for until they land. An order waits for the scan of what earlier processes left.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from edge.cache.disk.workers import BusyError, Workers
from edge.cache.purge import Purge
from edge.nginx import files
from edge.nginx.copies import Limits
from edge.nginx.head import Fill
from edge.nginx.landing import KEPT_S, Landing, NginxFiles

log = logging.getLogger(__name__)

WAITING_MAX = 8192  # then one purge of everything stands for all that wait
SETTLE_S = 1.0  # nginx stores what it was sent sooner than this; an acknowledgement does not wait longer
RETRY_S = 1.0
_LOOK_S = 0.01  # for what has not landed, until it is acknowledged
_WATCH_S = 0.5  # and after
_ANSWER_MAX_S = 30.0  # of one answer
_DOUBT_S = 60.0  # what the clocks of two nodes may differ
_JOBS_MAX = 16_384
_SLICE = 512  # objects

Told = Callable[[], None]


class Order(NamedTuple):
    """One purge."""

    number: int
    purge: Purge
    upto: Limits
    landings: list[Landing]


class Purger:
    """Carries out purges one after another.

    Args:
        held: what they act on.
        clock: seconds, monotonic.
    """

    def __init__(self, held: NginxFiles, clock: Callable[[], float]) -> None:
        self._held = held
        self._clock = clock
        self._thread = Workers("edge-nginx-purge", 2, _JOBS_MAX)
        self._queue: deque[Order] = deque()
        self._wake = asyncio.Event()
        self._number = 0
        self._open: dict[int, None] = {}  # numbers, rising
        self._told: list[tuple[int, Told]] = []
        self._pursuits: set[asyncio.Task[None]] = set()
        self.removed = 0  # files, hard
        self.expired = 0  # files, soft
        self.errors = 0  # files that could not be removed or marked at first

    @property
    def done(self) -> bool:
        """Whether every purge so far is done."""
        return not self._open

    def add(self, purge: Purge, issued_s: float) -> int:
        """Begin a purge; how many objects it hits, as far as is known yet.

        Args:
            purge: what to look for.
            issued_s: how long ago it was asked for: one that is told again does not hit what was made since.
        """
        self._number += 1
        wall, now = time.time(), self._clock()
        if len(self._queue) >= WAITING_MAX:
            for order in self._queue:
                self._open.pop(order.number, None)
            self._queue.clear()
            self._told = [(self._number, told) for _, told in self._told]
            purge, issued_s = Purge("prefix", "/"), 0.0
        made = min(wall, wall - issued_s + _DOUBT_S) if issued_s > 0 else wall
        landings = [one for one in self._held.landings.hit(purge, now) if one.made <= made]
        self._queue.append(Order(self._number, purge, Limits(self._held.landings.serial, made), landings))
        self._open[self._number] = None
        self._wake.set()
        return len(self._held.copies.find(purge))

    def when_done(self, told: Told) -> None:
        """Call `told` once every purge so far is done; at once where that is so."""
        if self.done:
            told()
        else:
            self._told.append((self._number, told))

    async def run(self) -> None:
        """Work, until cancelled or closed."""
        await self._held.scanned.wait()
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._queue:
                    await self._carry_out(self._queue.popleft())
        except BusyError:
            return

    async def remove(self, names: Sequence[str]) -> None:
        """Remove files whose entries had to leave."""
        if names:
            await self._thread.run(files.purge, self._held.folder, names, None)

    async def close(self) -> None:
        """Begin nothing more."""
        for task in self._pursuits:
            task.cancel()
        await asyncio.gather(*self._pursuits, return_exceptions=True)
        self._thread.close()

    async def _carry_out(self, order: Order) -> None:
        keys = self._held.copies.find(order.purge)
        here = self._landed(order.landings, await self._fills([one.name for one in order.landings]))
        await self._purge([one.name for one in here], order.purge.soft)
        for first in range(0, len(keys), _SLICE):
            await self._carry_out_some(order, keys[first : first + _SLICE])
        rest = [one for one in order.landings if one not in here]
        if not rest:
            self._close(order.number)
            return
        task = asyncio.create_task(self._pursue(order, rest))
        self._pursuits.add(task)
        task.add_done_callback(self._pursuits.discard)

    async def _carry_out_some(self, order: Order, keys: list[str]) -> None:
        """For a slice of what it hits: all of it at once would hold up the event loop."""
        copies, upto = self._held.copies, order.upto
        hit, later = copies.split(keys, upto)
        there = await self._fills(later)
        earlier = [name for name, fill in there.items() if self._is_earlier(fill, upto.serial)]
        if not order.purge.soft:
            for key in hit:
                copies.forget(key)
        await self._purge([*hit.values(), *earlier], order.purge.soft)

    async def _pursue(self, order: Order, rest: list[Landing]) -> None:
        """Wait for answers to land, and purge them then; the purge is done once they have, or must have."""
        begun = self._clock()
        while rest and self._clock() < begun + _ANSWER_MAX_S:
            await asyncio.sleep(_LOOK_S if order.number in self._open else _WATCH_S)
            try:
                there = await self._fills([one.name for one in rest])
                here = self._landed(rest, there)
                await self._purge([one.name for one in here], order.purge.soft)
            except BusyError:
                break
            now = self._clock()
            rest = [one for one in rest if one not in here and not one.is_over(now, KEPT_S)]
            if all(self._settled(one, there.get(one.name), now) for one in rest):
                self._close(order.number)
        self._close(order.number)

    def _landed(self, landings: list[Landing], there: dict[str, Fill | None]) -> list[Landing]:
        """Those whose very answers are in their files now."""
        session = self._held.session
        return [
            one for one in landings if (fill := there.get(one.name)) and fill.is_answer(session, one.serial)
        ]

    def _settled(self, landing: Landing, there: Fill | None, now: float) -> bool:
        return landing.is_over(now, SETTLE_S) or landing.is_past(there, self._held.session)

    def _is_earlier(self, there: Fill | None, serial: int) -> bool:
        return there is None or there.session != self._held.session or there.serial <= serial

    async def _fills(self, names: list[str]) -> dict[str, Fill | None]:
        if not names:
            return {}
        return await self._thread.run(files.fills, self._held.folder, dict.fromkeys(names))

    async def _purge(self, names: list[str], soft: bool) -> None:
        """Until it has worked for all: a file that cannot be removed keeps the purge from being acknowledged."""
        left, stale_from = names, time.time() if soft else None
        while left:
            result = await self._thread.run(files.purge, self._held.folder, left, stale_from)
            done = len(left) - len(result.failed)
            self.expired += done if soft else 0
            self.removed += 0 if soft else done
            if left := result.failed:
                self.errors += len(left)
                log.warning("%d files of nginx cannot be purged: %s", len(left), result.error)
                await asyncio.sleep(RETRY_S)

    def _close(self, number: int) -> None:
        """One purge is done; who waits for it and all before it hears so."""
        self._open.pop(number, None)
        first = next(iter(self._open), self._number + 1)
        ready = [told for wanted, told in self._told if wanted < first]
        self._told = [one for one in self._told if one[0] >= first]
        for told in ready:
            told()
