"""A cache with a disk that can be stopped, killed and started again, and ways to hold its threads."""

import asyncio
import os
import random
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cache.pretend_origin import SEGMENT, Clock, PretendOrigin
from edge.cache.cache import EdgeCache
from edge.cache.disk.tier import DiskTier
from edge.cache.settings import CacheSettings
from edge.cache.upstream import Upstream


class DiskWorld:
    """One folder, and the caches that use it one after another."""

    def __init__(self, origin: PretendOrigin, clock: Clock, folder: Path) -> None:
        self.origin = origin
        self.clock = clock
        self.folder = folder
        self._cache: EdgeCache | None = None

    async def start(self, **limits: float | str) -> EdgeCache:
        """A cache named `pune`; `limits` are fields of CacheSettings."""
        given: dict[str, Any] = {"disk_path": str(self.folder), "retry_share": 0.0, **limits}
        settings = CacheSettings(origin=self.origin.url, **given)
        upstream = Upstream("pune", settings, random.Random(7), self.clock)
        self._cache = EdgeCache("pune", settings, upstream, self.clock, self.clock.wall)
        await self._cache.start()
        return self._cache

    async def stop(self) -> None:
        """As SIGTERM does."""
        if self._cache:
            await self._cache.close()
            self._cache = None

    async def kill(self) -> None:
        """As SIGKILL does between two system calls: what is queued is lost, and the system closes the files."""
        assert self._cache
        disk = tier(self._cache)
        for task in disk._tasks:
            task.cancel()
        await asyncio.gather(*disk._tasks, return_exceptions=True)
        await disk._reader.close()
        for workers in (disk._writer._thread, disk.recorder._thread, disk._reader._workers, disk._streams):
            await asyncio.to_thread(workers._pool.shutdown, cancel_futures=True)
        disk._opened.journal.close()
        os.close(disk._opened.lock)
        self._cache._store.memory.disk = None
        await self.stop()

    async def restart(self, **limits: float | str) -> EdgeCache:
        """Stop and start."""
        await self.stop()
        return await self.start(**limits)

    def files(self) -> list[Path]:
        """Those of all objects."""
        return sorted(path for path in (self.folder / "objects").rglob("*") if path.is_file())


@asynccontextmanager
async def disk_world(origin: PretendOrigin, clock: Clock, folder: Path) -> AsyncIterator[DiskWorld]:
    world = DiskWorld(origin, clock, folder)
    try:
        yield world
    finally:
        await world.stop()


def tier(cache: EdgeCache) -> DiskTier:
    disk = cache._store.disk
    assert disk
    return disk


async def written(cache: EdgeCache) -> None:
    """Wait until everything that was to be changed on disk is."""
    while tier(cache).sweep():
        await asyncio.sleep(0)
    for _ in range(3):  # a write that finds no room asks for some, and that for removals
        await tier(cache)._writer.drained()


async def recorded(cache: EdgeCache) -> None:
    """Wait until all purges so far are on record."""
    done = asyncio.Event()
    cache.when_recorded(done.set)
    async with asyncio.timeout(5):
        await done.wait()


def forget(cache: EdgeCache, key: str = SEGMENT) -> None:
    """Memory loses an object, as by eviction."""
    cache._store.memory.drop(key)


class Gate:
    """Holds each call of a function in its thread until opened."""

    def __init__(self, patch: pytest.MonkeyPatch, owner: object, name: str) -> None:
        self._real: Callable[..., Any] = getattr(owner, name)
        self._open = threading.Event()
        self._reached = threading.Event()
        self.calls = 0
        patch.setattr(owner, name, self._call)

    def open(self) -> None:
        """Let all calls through from now on."""
        self._open.set()

    async def reached(self) -> None:
        """Wait for the first call."""
        assert await asyncio.to_thread(self._reached.wait, 5)

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        self._reached.set()
        assert self._open.wait(10)
        return self._real(*args, **kwargs)
