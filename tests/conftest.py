"""Fixtures that many share."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from cache.pretend_origin import PretendOrigin
from running import Running

pytest_plugins = ["skips"]


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def running(origin: PretendOrigin) -> AsyncIterator[Running]:
    """Whole nodes in this process; the test's file has the `origin` of their cache."""
    made = Running(origin.url)
    yield made
    await made.end()
