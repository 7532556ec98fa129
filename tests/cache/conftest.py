"""An origin, a clock and a disk for every test of the cache."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cache.disk_world import DiskWorld, disk_world
from cache.pretend_origin import Clock, PretendOrigin


@pytest.fixture
async def origin() -> AsyncIterator[PretendOrigin]:
    pretend = PretendOrigin()
    await pretend.start()
    yield pretend
    await pretend.stop()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def world(origin: PretendOrigin, clock: Clock, tmp_path: Path) -> AsyncIterator[DiskWorld]:
    async with disk_world(origin, clock, tmp_path / "disk") as made:
        yield made
