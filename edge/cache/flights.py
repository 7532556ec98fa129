"""Fills in flight: who may still join them, and which of their answers a purge has overtaken.

A purge by URL or prefix, and one by tag of what is stored, knows the keys: their fills are cut off at once, so that
those who wait get the answer, nobody else joins, and nothing is stored. Which tags an answer will carry is known when
it comes. Until then a fill may still be joined, lest one purge by tag send every fill to the origin twice; when it
lands, the log of purges says who asked too late to be given what it brought.
"""

import asyncio
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from edge.cache.objects import CachedObject
from edge.cache.purge import Purge, matching

LOG_MAX = 4096  # purges by tag that are remembered for fills in flight


class Filled(NamedTuple):
    """A fill that brought something."""

    found: CachedObject
    origin_status: int
    stored: bool
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
    overtaken: int | None = None  # once it has landed: the first purge by tag since then that hits its answer
    task: asyncio.Task[Outcome] = field(init=False)

    def is_too_old(self, asked: int) -> bool:
        """Whether its answer may not be given to one who asked after `asked` purges."""
        return self.overtaken is not None and self.overtaken <= asked


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
            if len(self._log) >= LOG_MAX:
                self._unlogged, _ = self._log.popleft()
            self._log.append((self.purges, purge.value))

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
