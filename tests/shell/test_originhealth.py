from collections.abc import AsyncIterator

import pytest

from cache.pretend_origin import SEGMENT, Clock, PretendOrigin, ask, edge_cache
from edge.cache.cache import EdgeCache
from edge.shell.originhealth import WINDOW_S, OriginHealth


@pytest.fixture
async def origin() -> AsyncIterator[PretendOrigin]:
    made = PretendOrigin()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def cache(origin: PretendOrigin) -> AsyncIterator[EdgeCache]:
    async with edge_cache(origin, Clock()) as made:
        yield made


async def fill(cache: EdgeCache, count: int, name: str) -> None:
    for number in range(count):
        await ask(cache, f"/live/{name}/{number}.m4s")


async def test_the_share_of_failed_fills_is_that_of_the_last_seconds(
    cache: EdgeCache, origin: PretendOrigin
) -> None:
    health = OriginHealth(cache)
    assert health.failing(0.0) == 0.0
    await fill(cache, 6, "missing")  # 404 is an answer
    assert health.failing(1.0) == 0.0
    await origin.stop()
    await fill(cache, 2, "lost")
    assert health.failing(2.0) == 0.25
    await fill(cache, 6, "gone")
    assert health.failing(1.0 + WINDOW_S) == 1.0
    assert health.failing(20.0) == 0.0


async def test_a_single_fill_and_one_under_way_say_nothing(cache: EdgeCache, origin: PretendOrigin) -> None:
    health = OriginHealth(cache)
    health.failing(0.0)
    await origin.stop()
    await ask(cache, SEGMENT)
    assert health.failing(1.0) == 0.0


async def test_what_the_cache_refuses_itself_is_no_fault_of_the_origin(origin: PretendOrigin) -> None:
    async with edge_cache(origin, Clock(), fills_max=0) as cache:
        health = OriginHealth(cache)
        health.failing(0.0)
        await fill(cache, 5, "busy")
        assert cache.counters.fill_errors == {"too_many_fills": 5}
        assert health.failing(1.0) == 0.0
