"""One fill for all who wait, whatever the origin does and whoever goes away."""

import asyncio

import pytest
from aiohttp import web

from cache.pretend_origin import (
    MEDIA_PLAYLIST,
    PLAYLIST,
    SEGMENT,
    Clock,
    PretendOrigin,
    ask,
    body_of,
    edge_cache,
    request,
)


async def test_300_viewers_at_once_are_one_request_to_the_origin(origin: PretendOrigin, clock: Clock) -> None:
    release = origin.hold(SEGMENT, b"media")
    async with edge_cache(origin, clock) as cache:
        viewers = [asyncio.create_task(ask(cache)) for _ in range(300)]
        await origin.arrivals(SEGMENT)
        release.set()
        answers = await asyncio.gather(*viewers)
        assert {(one.status, body_of(one)) for one in answers} == {(200, b"media")}
        assert sum("collapsed" in one.headers["Cache-Status"] for one in answers) == 299
        assert origin.counts == {SEGMENT: 1}
        assert (cache.counters.misses, cache.counters.collapsed, cache.counters.fills) == (1, 299, 1)
        assert (await ask(cache)).headers["Cache-Status"] == '"pune"; hit; ttl=3600'


async def test_a_viewer_who_goes_away_does_not_cancel_the_fill(origin: PretendOrigin, clock: Clock) -> None:
    release = origin.hold(SEGMENT, b"media")
    async with edge_cache(origin, clock) as cache:
        first, second = (asyncio.create_task(ask(cache)) for _ in range(2))
        await origin.arrivals(SEGMENT)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        release.set()
        assert (await second).status == 200
        assert origin.counts[SEGMENT] == 1


async def test_a_fill_nobody_waits_for_any_more_is_stored(origin: PretendOrigin, clock: Clock) -> None:
    release = origin.hold(SEGMENT, b"media")
    async with edge_cache(origin, clock) as cache:
        viewer = asyncio.create_task(ask(cache))
        await origin.arrivals(SEGMENT)
        viewer.cancel()
        await asyncio.wait({viewer})
        release.set()
        assert (await ask(cache)).body == b"media"
        assert origin.counts[SEGMENT] == 1


async def test_a_failed_fill_answers_all_who_wait_and_those_who_come_next(
    origin: PretendOrigin, clock: Clock
) -> None:
    origin.serve(SEGMENT, status=500)
    async with edge_cache(origin, clock, retry_share=0.0) as cache:
        answers = await asyncio.gather(*(ask(cache) for _ in range(300)))
        assert {one.status for one in answers} == {502}
        assert origin.counts[SEGMENT] == 2  # the request and its retry
        assert (await ask(cache)).headers["Cache-Status"] == '"pune"; fwd=uri-miss; detail=status_500'
        assert origin.counts[SEGMENT] == 2
        assert cache.counters.fill_errors == {"status_500": 1}
        recent = [cache.recent_failure]
        clock.now += 0.26
        assert [*recent, cache.recent_failure] == [True, False]
        origin.serve(SEGMENT, b"media")
        assert (await ask(cache)).status == 200


async def test_an_origin_that_stalls_is_a_504_in_time(origin: PretendOrigin, clock: Clock) -> None:
    origin.hold(SEGMENT)
    async with edge_cache(origin, clock, fill_timeout_s=0.15) as cache:
        async with asyncio.timeout(1):
            answers = await asyncio.gather(*(ask(cache) for _ in range(20)))
        assert {one.status for one in answers} == {504}
        assert answers[0].headers["Retry-After"] == "1"
        assert answers[0].headers["Cache-Control"] == "no-store"
        assert cache.counters.fill_errors == {"timeout": 1}


async def test_fills_in_flight_are_bounded(origin: PretendOrigin, clock: Clock) -> None:
    release = origin.hold(SEGMENT)
    async with edge_cache(origin, clock, fills_max=1) as cache:
        first = asyncio.create_task(ask(cache))
        await origin.arrivals(SEGMENT)
        assert (await ask(cache, "/live/v240/8.m4s")).status == 503
        assert cache.counters.fill_errors == {"too_many_fills": 1}
        release.set()
        assert (await first).status == 200


async def test_closing_answers_those_who_wait(origin: PretendOrigin, clock: Clock) -> None:
    origin.hold(SEGMENT)
    async with edge_cache(origin, clock) as cache:
        viewer = asyncio.create_task(ask(cache))
        await origin.arrivals(SEGMENT)
        await cache.close()
        assert (await viewer).status == 503


async def test_a_stale_object_is_revalidated(origin: PretendOrigin, clock: Clock) -> None:
    origin.serve(SEGMENT, b"media", {"ETag": '"a"', "Cache-Control": "max-age=10"})
    async with edge_cache(origin, clock) as cache:
        await ask(cache)
        clock.now += 11
        renewed = await ask(cache)
        assert (renewed.status, renewed.body) == (200, b"media")
        assert renewed.headers["Cache-Status"] == '"pune"; fwd=stale; fwd-status=304; stored'
        assert (cache.counters.revalidated, cache.counters.filled_bytes) == (1, 5)
        clock.now += 5
        assert (await ask(cache)).headers["Cache-Status"] == '"pune"; hit; ttl=5'


async def test_a_304_without_a_lifetime_renews_the_old_one(origin: PretendOrigin, clock: Clock) -> None:
    async def handler(asked: web.Request) -> web.Response:
        if "If-None-Match" in asked.headers:
            return web.Response(status=304, headers={"ETag": '"a"'})
        return web.Response(body=b"x", headers={"ETag": '"a"', "CDN-Cache-Control": "max-age=10"})

    origin.on(SEGMENT, handler)
    async with edge_cache(origin, clock) as cache:
        await ask(cache)
        clock.now += 11
        await ask(cache)
        assert (await ask(cache)).headers["Cache-Status"] == '"pune"; hit; ttl=10'


@pytest.mark.parametrize(("path", "body", "bound_s"), [(PLAYLIST, MEDIA_PLAYLIST, 15), (SEGMENT, b"m", 300)])
async def test_a_dead_origin_leaves_stale_objects_for_a_while(
    origin: PretendOrigin, clock: Clock, path: str, body: bytes, bound_s: float
) -> None:
    origin.serve(path, body, {"Cache-Control": "max-age=1"})
    async with edge_cache(origin, clock, retry_share=0.0) as cache:
        await ask(cache, path)
        await origin.stop()
        clock.now += 1 + bound_s - 0.5
        stale = await ask(cache, path)
        assert (stale.status, stale.body) == (200, body)
        assert stale.headers["Cache-Status"] == '"pune"; fwd=stale; detail=connect'
        assert cache.counters.stale_served == 1
        clock.now += 1
        assert (await ask(cache, path)).status == 502
        await origin.start()
        clock.now += 1
        assert (await ask(cache, path)).headers["Cache-Status"].endswith("fwd-status=200; stored")


async def test_stale_while_revalidate_asks_once_and_respects_a_failure(
    origin: PretendOrigin, clock: Clock
) -> None:
    origin.serve(SEGMENT, b"old", {"Cache-Control": "max-age=10, stale-while-revalidate=30"})
    async with edge_cache(origin, clock, retry_share=0.0) as cache:
        await ask(cache)
        clock.now += 12
        origin.serve(SEGMENT, status=501)
        answers = await asyncio.gather(*(ask(cache) for _ in range(50)))
        assert {one.headers["Cache-Status"] for one in answers} == {'"pune"; hit; ttl=-2'}
        clock.now += 30
        assert (await ask(cache)).headers["Cache-Status"] == '"pune"; fwd=stale; detail=status_5xx'
        clock.now -= 30
        assert (await ask(cache)).headers["Cache-Status"] == '"pune"; hit; ttl=-2'
        assert origin.counts[SEGMENT] == 2


async def test_what_is_not_there_is_remembered_for_a_second(origin: PretendOrigin, clock: Clock) -> None:
    async with edge_cache(origin, clock) as cache:
        assert [(await ask(cache)).status for _ in range(5)] == [404] * 5
        assert origin.counts[SEGMENT] == 1
        origin.serve(SEGMENT, b"now")
        clock.now += 1.1
        assert (await ask(cache)).body == b"now"


async def test_no_store_is_shared_by_those_who_wait_and_then_forgotten(
    origin: PretendOrigin, clock: Clock
) -> None:
    origin.serve(SEGMENT, b"x", {"Cache-Control": "no-store"})
    async with edge_cache(origin, clock) as cache:
        await asyncio.gather(*(ask(cache) for _ in range(10)))
        assert origin.counts[SEGMENT] == 1
        assert "stored" not in (await ask(cache)).headers["Cache-Status"]
        assert origin.counts[SEGMENT] == 2
        assert (cache.stored_objects, cache.counters.not_stored) == (0, 2)


async def test_the_store_stays_within_its_bound(origin: PretendOrigin, clock: Clock) -> None:
    async with edge_cache(origin, clock, memory_bytes=50_000) as cache:
        for number in range(30):
            path = f"/live/v240/{number}.m4s"
            origin.serve(path, bytes(5_000))
            assert (await ask(cache, path)).status == 200
            assert cache.stored_bytes <= 50_000
        assert cache.evictions >= 20
        assert cache.counters.served_bytes == 150_000 == cache.counters.filled_bytes


async def test_a_request_in_a_circle_is_refused(origin: PretendOrigin, clock: Clock) -> None:
    async with edge_cache(origin, clock) as cache:
        assert (await cache.handle(request(CDN_Loop="mumbai, pune; hops=1"))).status == 508
        assert (await cache.handle(request(CDN_Loop="mumbai, " * 200))).status == 508
        assert (await cache.handle(request(CDN_Loop="\udcff"))).status == 400
        assert origin.counts.total() == 0
        origin.serve(SEGMENT, b"m")
        assert (await cache.handle(request(CDN_Loop="mumbai"))).status == 200
        assert origin.seen[-1].headers["CDN-Loop"] == "mumbai, pune"
