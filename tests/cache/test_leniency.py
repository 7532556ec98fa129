"""What is over is served longer while service is degraded: never what must be revalidated or was purged."""

import asyncio
from dataclasses import replace

import pytest

from cache.disk_world import DiskWorld
from cache.pretend_origin import (
    MEDIA_PLAYLIST,
    PLAYLIST,
    SEGMENT,
    Clock,
    PretendOrigin,
    ask,
    body_of,
    edge_cache,
)
from edge.cache.purge import Purge
from edge.cache.settings import Leniency

OTHER = "/live/v240/8.m4s"
STRICT = Leniency(ttl_factor=4.0, stale_s=900, patience_s=0.05)


@pytest.fixture(autouse=True)
def media(origin: PretendOrigin) -> None:
    origin.serve(SEGMENT, b"media", {"Cache-Control": "max-age=60"})
    origin.serve(PLAYLIST, MEDIA_PLAYLIST, {"Cache-Control": "max-age=1"})


async def test_a_playlist_outlives_a_dead_origin_and_is_renewed_when_it_is_back(
    origin: PretendOrigin, clock: Clock
) -> None:
    async with edge_cache(origin, clock) as cache:
        await ask(cache, PLAYLIST)
        cache.leniency = STRICT
        await origin.stop()
        clock.now += 300
        stale = await ask(cache, PLAYLIST)
        assert (stale.status, body_of(stale)) == (200, MEDIA_PLAYLIST)
        assert stale.headers["Age"] == "300"
        assert stale.headers["Cache-Status"] == '"pune"; fwd=stale; detail=connect'
        await origin.start()
        clock.now += 1
        fresh = await ask(cache, PLAYLIST)
        assert fresh.headers["Age"] == "0"
        assert fresh.headers["Cache-Status"] == '"pune"; fwd=stale; fwd-status=200; stored'


async def test_it_has_an_end(origin: PretendOrigin, clock: Clock) -> None:
    async with edge_cache(origin, clock) as cache:
        await ask(cache, PLAYLIST)
        await origin.stop()
        clock.now += 300
        assert (await ask(cache, PLAYLIST)).status == 502
        cache.leniency = STRICT
        clock.now += 1
        assert (await ask(cache, PLAYLIST)).status == 200
        clock.now += 700
        assert (await ask(cache, PLAYLIST)).status == 502


async def test_who_can_be_served_waits_for_a_slow_origin_with_little_patience(
    origin: PretendOrigin, clock: Clock
) -> None:
    async with edge_cache(origin, clock) as cache:
        await ask(cache, PLAYLIST)
        cache.leniency = STRICT
        clock.now += 20
        newer = MEDIA_PLAYLIST + b"#EXTINF:2,\n8.m4s\n"
        release = origin.hold(PLAYLIST, newer)
        stale = await asyncio.wait_for(ask(cache, PLAYLIST), 2)
        assert body_of(stale) == MEDIA_PLAYLIST
        assert stale.headers["Cache-Status"] == '"pune"; fwd=stale; detail=slow'
        release.set()
        await asyncio.sleep(0)
        found = b""
        for _ in range(100):
            found = body_of(await ask(cache, PLAYLIST))
            if found == newer:
                break
        assert found == newer
        assert origin.counts[PLAYLIST] == 2  # the slow fill was waited for by all who came


async def test_what_is_not_here_is_waited_for(origin: PretendOrigin, clock: Clock) -> None:
    release = origin.hold(SEGMENT, b"media")
    async with edge_cache(origin, clock) as cache:
        cache.leniency = STRICT
        viewer = asyncio.create_task(ask(cache))
        await asyncio.sleep(0.2)
        assert not viewer.done()
        release.set()
        assert body_of(await viewer) == b"media"


async def test_media_counts_as_fresh_longer_and_the_origin_is_not_asked(
    origin: PretendOrigin, clock: Clock
) -> None:
    async with edge_cache(origin, clock) as cache:
        await ask(cache)
        cache.leniency = STRICT
        clock.now += 239
        answer = await ask(cache)
        assert answer.headers["Cache-Status"] == '"pune"; hit; ttl=-179'
        assert origin.counts[SEGMENT] == 1
        clock.now += 2
        await ask(cache)
        assert origin.counts[SEGMENT] == 2


async def test_what_is_retained_counts_as_fresh_longer_still(origin: PretendOrigin, clock: Clock) -> None:
    origin.serve(OTHER, b"media", {"Cache-Control": "max-age=60"})
    async with edge_cache(origin, clock) as cache:
        for path in (SEGMENT, OTHER):
            await ask(cache, path)
        cache.leniency = replace(STRICT, popular_factor=4.0)
        cache.retain((SEGMENT,))
        clock.now += 959
        assert (await ask(cache)).headers["Cache-Status"] == '"pune"; hit; ttl=-899'
        assert (await ask(cache, OTHER)).headers["Cache-Status"].startswith('"pune"; fwd=stale')
        assert (origin.counts[SEGMENT], origin.counts[OTHER]) == (1, 2)
        clock.now += 2
        await ask(cache)
        assert origin.counts[SEGMENT] == 2


async def test_what_is_retained_stays_in_memory_and_on_disk_while_others_come_and_go(
    origin: PretendOrigin, world: DiskWorld
) -> None:
    cache = await world.start(objects_max=16, disk_objects_max=16)
    await ask(cache)
    cache.retain((SEGMENT,))
    for number in range(100, 160):
        origin.serve(f"/live/v240/{number}.m4s", b"media", {"Cache-Control": "max-age=60"})
        await ask(cache, f"/live/v240/{number}.m4s")
    assert cache.evictions > 30
    assert cache._store.disk
    assert cache._store.disk.holds(SEGMENT)
    assert (await ask(cache)).headers["Cache-Status"].startswith('"pune"; hit')
    assert origin.counts[SEGMENT] == 1


async def test_a_soft_purge_is_an_order_to_ask(origin: PretendOrigin, clock: Clock) -> None:
    async with edge_cache(origin, clock) as cache:
        await ask(cache)
        cache.leniency = STRICT
        cache.purge(Purge("url", SEGMENT, soft=True))
        clock.now += 1
        await ask(cache)
        assert origin.counts[SEGMENT] == 2


async def test_a_hard_purge_while_the_origin_is_slow_is_kept(origin: PretendOrigin, clock: Clock) -> None:
    async with edge_cache(origin, clock) as cache:
        await ask(cache, PLAYLIST)
        cache.leniency = STRICT
        clock.now += 20
        origin.hold(PLAYLIST)
        viewer = asyncio.create_task(ask(cache, PLAYLIST))
        await origin.arrivals(PLAYLIST, 2)
        cache.purge(Purge("url", PLAYLIST))
        answer = await viewer
        assert answer.status == 504
        assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    "control", ["max-age=60, must-revalidate", "no-cache", "max-age=60, stale-if-error=0"]
)
async def test_what_the_origin_wants_revalidated_is_never_used_longer(
    origin: PretendOrigin, clock: Clock, control: str
) -> None:
    origin.serve(SEGMENT, b"media", {"Cache-Control": control})
    async with edge_cache(origin, clock) as cache:
        await ask(cache)
        cache.leniency = STRICT
        clock.now += 100
        await ask(cache)
        assert origin.counts[SEGMENT] == 2
        await origin.stop()
        clock.now += 100
        assert (await ask(cache)).status == 502


async def test_what_a_cache_holds_is_known_without_counting_as_a_use(
    origin: PretendOrigin, clock: Clock
) -> None:
    async with edge_cache(origin, clock) as cache:
        assert not cache.holds(SEGMENT)
        await ask(cache)
        assert cache.holds(SEGMENT)
        assert cache.holds("/live/v240/%37.m4s")
        assert not cache.holds("/live/../7.m4s")
        assert cache.counters.requests == 1
