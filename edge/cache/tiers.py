"""Memory, and the disk below it where there is one, as one store.

What lives long enough is in both, so that a restart finds it. What memory has lost comes back from the disk, and what
is used in memory counts as used on disk: else the most popular objects would be the first to leave it.
"""

import asyncio
from collections.abc import Callable, Container
from typing import NamedTuple

from edge.cache.counters import CacheCounters
from edge.cache.disk.body import FileBody
from edge.cache.disk.health import Health
from edge.cache.disk.reader import Surroundings
from edge.cache.disk.tier import DiskTier, opened_tier
from edge.cache.index import IndexedStore
from edge.cache.objects import CachedObject
from edge.cache.purge import Purge
from edge.cache.settings import CacheSettings

Clock = Callable[[], float]


class Tier(NamedTuple):
    """What one tier holds."""

    name: str
    size_bytes: int
    bytes_max: int
    objects: int
    evictions: int


class _Memory(IndexedStore[CachedObject]):
    disk: DiskTier | None = None

    def _used(self, key: str) -> None:
        if self.disk:
            self.disk.touch(key)


class TieredStore:
    """Stored answers by key.

    Args:
        settings: bounds, and where the disk is.
        counters: what happened.
        clock: the cache's, seconds.
        wall: wall clock, seconds since 1970; files outlive the cache's clock.
    """

    def __init__(self, settings: CacheSettings, counters: CacheCounters, clock: Clock, wall: Clock) -> None:
        self._settings = settings
        self._counters = counters
        self._clock = clock
        self._wall = wall
        self.memory = _Memory(settings.memory_bytes, settings.objects_max, settings.purge_slice)
        self.get = self.memory.get
        self.peek = self.memory.peek
        self._sweeping: asyncio.Task[None] | None = None
        self._health: Health | None = None

    @property
    def disk_full(self) -> bool:
        """Whether objects stay in memory only, for lack of room on the disk that is set."""
        return self._health is not None and (self._health.full or self.disk is None)

    @property
    def disk(self) -> DiskTier | None:
        """The tier on disk, once it is open."""
        return self.memory.disk

    @property
    def tiers(self) -> list[Tier]:
        """What they hold, memory first."""
        memory, disk = self.memory, self.disk
        held = [Tier("memory", memory.size_bytes, memory.bytes_max, len(memory), memory.evictions)]
        if disk:
            held.append(Tier("disk", disk.size_bytes, disk.bytes_max, disk.objects, disk.evictions))
        return held

    async def start(self) -> None:
        """Open the disk, if one is set.

        Raises:
            ConfigError: its folder cannot be used, or another process uses it.
        """
        if not self._settings.disk_path:
            return
        self._health = Health(self._counters, self._clock, self._settings.disk_pause_s)
        around = Surroundings(self._settings, self._counters, self._health, self._clock, self._promote)
        self.memory.disk = await opened_tier(around, self._wall)

    async def close(self) -> None:
        """Write what waits, for a short while, and leave the disk."""
        if self._sweeping:
            self._sweeping.cancel()
        if self.disk:
            await self.disk.close()

    async def load(self, key: str) -> CachedObject | None:
        """The object of `key`, of which memory holds nothing, from the disk; as it is when this returns."""
        if self.disk is None:
            return None
        return await self.disk.load(key) or self.peek(key)  # somebody may have put it meanwhile

    def holds(self, key: str) -> bool:
        """Whether there is an object of `key`; no use of it is counted."""
        return self.peek(key) is not None or (self.disk is not None and self.disk.holds(key))

    def put(self, made: CachedObject) -> bool:
        """Keep `made` in place of what is there; False where it fits nowhere."""
        if isinstance(made.body, FileBody):
            self.memory.drop(made.key)  # it stays where it is
            kept = False
        else:
            kept = self.memory.put(made.key, made, made.memory_bytes)
        return (self.disk.put(made) if self.disk else False) or kept

    def retain(self, keys: Container[str]) -> None:
        """From now on objects of these keys stay though nobody uses them, but leave half of the room to the others."""
        self.memory.retained = keys
        if self.disk:
            self.disk.retain(keys)

    def drop(self, key: str) -> None:
        """Forget `key`."""
        self.memory.drop(key)
        if self.disk:
            self.disk.drop(key)

    def purge(self, purge: Purge, now: float, ident: str = "") -> dict[str, float | None]:
        """Remove what `purge` hits, or mark it stale where it is soft; both count at once.

        Args:
            purge: what to look for.
            now: the cache's clock.
            ident: of the event that asks for it; what an earlier process has done on this disk is not done again.

        Returns:
            The keys of the objects that were hit.
        """
        if self.disk is None:
            hit = self.memory.purge(purge, now)
        elif ident and self.disk.recorder.knows(ident):
            return {}
        else:
            hit = self.memory.purge(purge, now) | self.disk.purge(purge, now, ident)
        if self._sweep_once() and (self._sweeping is None or self._sweeping.done()):
            self._sweeping = asyncio.create_task(self._sweep())
        return hit

    @property
    def recorded(self) -> bool:
        """Whether no purge so far can be undone by a restart."""
        return self.disk is None or self.disk.recorder.done

    def when_recorded(self, told: Callable[[], None]) -> None:
        """Call `told` once no purge so far can be undone by a restart; at once where that is so."""
        if self.disk:
            self.disk.recorder.when_done(told)
        else:
            told()

    def _promote(self, found: CachedObject) -> None:
        if self.peek(found.key) is None:
            self.memory.put(found.key, found, found.memory_bytes)

    def _sweep_once(self) -> bool:
        """One slice of what purges left to do; whether there is more."""
        more = self.memory.sweep()
        return bool(self.disk and self.disk.sweep()) or more

    async def _sweep(self) -> None:
        more = True
        while more:
            await asyncio.sleep(0)
            more = self._sweep_once()
