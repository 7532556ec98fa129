"""An origin and a clock for every test of the cache."""

from collections.abc import AsyncIterator

import pytest

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
