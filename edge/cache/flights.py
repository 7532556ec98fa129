"""Fills in flight: who may still join them, and which of their answers a purge has overtaken.

A purge by URL or prefix, and one by tag of what is stored, knows the keys: their fills are cut off at once, so that
those who wait get the answer, nobody else joins, and nothing is stored. Which tags an answer will carry is known when
its header comes. Until then a fill may still be joined, lest one purge by tag send every fill to the origin twice; then
the log of purges says who asked too late to be given what it brings. A fill whose body is still on its way may be
joined, until a purge hits it.
"""

import asyncio
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from edge.cache.growing import GrowingBody
from edge.cache.objects import CachedObject
from edge.cache.purge import Purge, matching

LOG_MAX = 4096  # purges by tag that are remembered for fills in flight


class Filled(NamedTuple):
    """A fill that brought something, or is about to: the body of `found` may be on its way."""

    found: CachedObject
    origin_status: int
    stored: bool  # or will be, if the body comes
    via: str = ""  # the Cache-Status of the caches that it came through (RFC 9211: each adds to the list)


class FillFailure(NamedTuple):
    """A fill that brought nothing: what a viewer is told, and why. All who wait for one fill share it."""

    status: int
    reason: str


Outcome = Filled | FillFailure


@dataclass(eq=False, slots=True)
class Flight:
    """One fill under way. Purges are numbered from 1."""

    key: str
    began: int  # after so many purges
    overtaken: int | None = (
        None  # once its tags are known: the first purge by tag since it began that hits them
    )
    source: str = ""  # whose answer is here: origin or peer, or waited if it was waited for on purpose
    tags: Collection[str] | None = None  # of its answer, once the header is here and the body on its way
    task: asyncio.Task[Outcome] = field(init=False)
    headed: asyncio.Future[Filled] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def is_too_old(self, asked: int) -> bool:
        """Whether its answer may not be given to one who asked after `asked` purges."""
        return self.overtaken is not None and self.overtaken <= asked

    async def outcome(self, needed: float = 0) -> Outcome:
        """What it brings, as soon as its header is here; leaves it alone when the one who waits is cancelled.

        Args:
            needed: of a body of which nobody has told how large it will be, so many bytes are waited for.
        """
        await asyncio.wait((self.task, self.headed), return_when=asyncio.FIRST_COMPLETED)
        if self.headed.done() and not self.task.done():
            head = self.headed.result()
            if needed and isinstance(body := head.found.body, GrowingBody) and body.size is None:
                await body.reached(needed)
            if body_goes_on(head):
                return head
        return await self.whole()  # it is about to end

    async def whole(self) -> Outcome:
        """What it brings, once all of it is here."""
        await asyncio.wait((self.task,))
        return FillFailure(503, "closing") if self.task.cancelled() else self.task.result()


def body_goes_on(head: Filled) -> bool:
    """Whether the body of a fill that has begun to answer is still on its way."""
    body = head.found.body
    return isinstance(body, GrowingBody) and body.grows


def hit_among(keys: Iterable[str], purge: Purge, hit: Mapping[str, object]) -> list[str]:
    """Those of `keys` that `purge` surely concerns: by themselves, or because a stored object of that key was hit."""
    return [key for key in keys if key in hit] if purge.what == "tag" else matching(purge, keys)


class Flights:
    """All fills under way: those that may be joined, one for each key, and those that a purge has cut off."""

    def __init__(self) -> None:
        self.purges = 0  # so far; the number of the latest
        self._running: dict[Flight, None] = {}
        self._joinable: dict[str, Flight] = {}
        self._log: deque[tuple[int, str]] = deque()  # number and tag, the latest last
        self._unlogged = 0  # the latest purge by tag that had to leave the log

    def __len__(self) -> int:
        return len(self._running)

    @property
    def tasks(self) -> list[asyncio.Task[Outcome]]:
        """The tasks of all fills."""
        return [flight.task for flight in self._running]

    def joinable(self, key: str) -> Flight | None:
        """The fill of `key` that a new request may wait for."""
        return self._joinable.get(key)

    def begin(self, key: str) -> Flight:
        """A new fill of `key`, to be joined from now on; who begins it gives it its task."""
        flight = self._joinable[key] = Flight(key, self.purges)
        self._running[flight] = None
        return flight

    def purge(self, purge: Purge, hit: Mapping[str, object]) -> None:
        """Number a purge and cut off the fills that it surely overtakes.

        Args:
            purge: what was purged.
            hit: the keys of the stored objects that it hit; looked up in, not gone through: they may be many.
        """
        self.purges += 1
        for key in hit_among(self._joinable, purge, hit):
            del self._joinable[key]
        if purge.what == "tag":
            for key in [key for key, one in self._joinable.items() if one.tags and purge.value in one.tags]:
                del self._joinable[key]
            if len(self._log) >= LOG_MAX:
                self._unlogged, _ = self._log.popleft()
            self._log.append((self.purges, purge.value))

    def head(self, flight: Flight, tags: Collection[str]) -> bool:
        """The header of its answer is here, and tells the tags: as `land`. What is overtaken is not joined any more."""
        flight.tags = tags
        current = self.land(flight, tags)
        if not current and self._joinable.get(flight.key) is flight:
            del self._joinable[flight.key]
        return current

    def land(self, flight: Flight, tags: Collection[str]) -> bool:
        """Whether what a fill brought may be used beyond those who wait for it.

        Args:
            flight: the fill; it learns which purge has overtaken it.
            tags: those of its answer.
        """
        for number, tag in reversed(self._log):
            if number <= flight.began:
                break
            if tag in tags:
                flight.overtaken = number
        if flight.began < self._unlogged:
            flight.overtaken = flight.began + 1  # the log no longer knows: the worst is assumed
        return flight.overtaken is None and self._joinable.get(flight.key) is flight

    def end(self, flight: Flight) -> None:
        """Forget a fill whose outcome is known."""
        del self._running[flight]
        if self._joinable.get(flight.key) is flight:
            del self._joinable[flight.key]
