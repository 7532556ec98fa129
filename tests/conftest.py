"""Fixtures that many share."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from cache.pretend_origin import SEGMENT, PretendOrigin
from running import Running

pytest_plugins = ["skips"]


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def origin() -> AsyncIterator[PretendOrigin]:
    """An origin of one segment."""
    made = PretendOrigin()
    await made.start()
    made.serve(SEGMENT, b"media", {"Content-Type": "video/mp4"})
    yield made
    await made.stop()


@pytest.fixture
async def running(origin: PretendOrigin) -> AsyncIterator[Running]:
    """Whole nodes in this process, filled from `origin`."""
    made = Running(origin.url)
    yield made
    await made.end()
