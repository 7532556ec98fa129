"""A purge that comes while fills are in flight: nothing from before it outlives those who already wait."""

import asyncio
from collections.abc import Awaitable

import pytest

from cache.pretend_origin import SEGMENT, Clock, PretendOrigin, ask, body_of, edge_cache
from edge.cache.cache import EdgeCache
from edge.cache.flights import LOG_MAX
from edge.cache.objects import CacheResponse
from edge.cache.purge import Purge

TAG = {"Surrogate-Key": "event-7"}
BY_KEY = [
    Purge("url", SEGMENT),
    Purge("url", SEGMENT, soft=True),
    Purge("prefix", "/live/"),
    Purge("prefix", "/live/v2", soft=True),
]


async def first_fill(origin: PretendOrigin, cache: EdgeCache) -> asyncio.Task[CacheResponse]:
    """A viewer whose request has reached the origin."""
    viewer = asyncio.create_task(ask(cache))
    await origin.arrivals(SEGMENT)
    return viewer


async def soon(awaited: Awaitable[CacheResponse]) -> bytes:
    async with asyncio.timeout(5):
        return body_of(await awaited)


@pytest.mark.parametrize("purge", BY_KEY)
async def test_a_fill_that_a_purge_overtakes_serves_those_who_wait_and_nobody_else(
    origin: PretendOrigin, clock: Clock, purge: Purge
) -> None:
    release = origin.hold(SEGMENT, b"old")
    async with edge_cache(origin, clock) as cache:
        waiting = await first_fill(origin, cache)
        assert cache.purge(purge) == 0
        origin.serve(SEGMENT, b"new")
        assert await soon(ask(cache)) == b"new"  # while the old fill is still in flight
        release.set()
        assert await soon(waiting) == b"old"
        assert "stored" not in waiting.result().headers["Cache-Status"]
        assert await soon(ask(cache)) == b"new"  # the old answer came later and has replaced nothing
        assert (origin.counts[SEGMENT], cache.counters.fills_overtaken) == (2, 1)


async def test_an_overtaken_answer_that_may_not_be_stored_removes_nothing(
    origin: PretendOrigin, clock: Clock
) -> None:
    release = origin.hold(SEGMENT, b"old", {"Cache-Control": "no-store"})
    async with edge_cache(origin, clock) as cache:
        waiting = await first_fill(origin, cache)
        cache.purge(Purge("url", SEGMENT))
        origin.serve(SEGMENT, b"new")
        await ask(cache)
        release.set()
        await waiting
        assert (await ask(cache)).headers["Cache-Status"] == '"pune"; hit; ttl=3600'


async def test_all_who_ask_after_a_purge_share_one_new_fill(origin: PretendOrigin, clock: Clock) -> None:
    old = origin.hold(SEGMENT, b"old")
    async with edge_cache(origin, clock) as cache:
        before = await first_fill(origin, cache)
        cache.purge(Purge("url", SEGMENT))
        new = origin.hold(SEGMENT, b"new")
        after = [asyncio.create_task(ask(cache)) for _ in range(100)]
        await origin.arrivals(SEGMENT, 2)
        old.set()
        assert await soon(before) == b"old"
        after += [
            asyncio.create_task(ask(cache)) for _ in range(100)
        ]  # the end of the old fill changes nothing
        await asyncio.sleep(0)
        new.set()
        assert {await soon(one) for one in after} == {b"new"}
        assert origin.counts[SEGMENT] == 2


@pytest.mark.parametrize("soft", [True, False])
async def test_a_purge_by_tag_finds_the_fills_whose_answers_carry_it(
    origin: PretendOrigin, clock: Clock, soft: bool
) -> None:
    release = origin.hold(SEGMENT, b"old", TAG)
    async with edge_cache(origin, clock) as cache:
        before = await first_fill(origin, cache)
        cache.purge(Purge("tag", "other", soft))
        cache.purge(Purge("tag", "event-7", soft))
        after = [asyncio.create_task(ask(cache)) for _ in range(10)]
        await asyncio.sleep(0)
        cache.purge(Purge("tag", "event-7", soft))  # they asked before this one, but after the first
        origin.serve(SEGMENT, b"new", TAG)
        release.set()
        assert await soon(before) == b"old"
        assert {await soon(one) for one in after} == {b"new"}
        assert await soon(ask(cache)) == b"new"
        assert (origin.counts[SEGMENT], cache.counters.fills_overtaken) == (2, 1)


async def test_a_purge_by_tag_leaves_other_fills_alone(origin: PretendOrigin, clock: Clock) -> None:
    release = origin.hold(SEGMENT, b"media", TAG)
    async with edge_cache(origin, clock) as cache:
        before = await first_fill(origin, cache)
        cache.purge(Purge("tag", "event-8"))
        after = asyncio.create_task(ask(cache))
        await asyncio.sleep(0)
        release.set()
        assert [await soon(before), await soon(after)] == [b"media", b"media"]
        assert (await ask(cache)).headers["Cache-Status"] == '"pune"; hit; ttl=3600'
        assert (origin.counts[SEGMENT], cache.counters.fills_overtaken) == (1, 0)


async def test_an_overtaken_answer_that_is_never_stored_is_not_shared_either(
    origin: PretendOrigin, clock: Clock
) -> None:
    release = origin.hold(SEGMENT, b"old", {**TAG, "Cache-Control": "no-store"})
    async with edge_cache(origin, clock) as cache:
        before = await first_fill(origin, cache)
        cache.purge(Purge("tag", "event-7"))
        after = asyncio.create_task(ask(cache))
        await asyncio.sleep(0)
        origin.serve(SEGMENT, b"new", {**TAG, "Cache-Control": "no-store"})
        release.set()
        assert [await soon(before), await soon(after)] == [b"old", b"new"]


async def test_more_purges_by_tag_than_are_remembered_overtake_every_fill_in_flight(
    origin: PretendOrigin, clock: Clock
) -> None:
    release = origin.hold(SEGMENT, b"old", TAG)
    async with edge_cache(origin, clock) as cache:
        before = await first_fill(origin, cache)
        cache.purge(Purge("tag", "event-7"))
        for number in range(LOG_MAX):
            cache.purge(Purge("tag", f"event-{number + 8}"))
        after = asyncio.create_task(ask(cache))
        await asyncio.sleep(0)
        origin.serve(SEGMENT, b"new")
        release.set()
        assert [await soon(before), await soon(after)] == [b"old", b"new"]
        assert (await ask(cache)).headers["Cache-Status"] == '"pune"; hit; ttl=3600'


@pytest.mark.parametrize("purge", [Purge("url", SEGMENT, True), Purge("tag", "event-7", True)])
async def test_a_revalidation_that_began_before_a_soft_purge_renews_nothing(
    origin: PretendOrigin, clock: Clock, purge: Purge
) -> None:
    tagged = {**TAG, "ETag": '"a"', "Cache-Control": "max-age=10"}
    origin.serve(SEGMENT, b"old", tagged)
    async with edge_cache(origin, clock) as cache:
        await ask(cache)
        clock.now += 11
        release = origin.hold(SEGMENT, b"", {"ETag": '"a"'}, status=304)
        waiting = asyncio.create_task(ask(cache))
        await origin.arrivals(SEGMENT, 2)
        assert cache.purge(purge) == 1
        release.set()
        assert await soon(waiting) == b"old"
        origin.serve(SEGMENT, b"new", {**tagged, "ETag": '"b"'})
        assert (await ask(cache)).headers["Cache-Status"] == '"pune"; fwd=stale; fwd-status=200; stored'


async def test_who_asks_after_a_purge_by_tag_of_what_is_stored_does_not_wait_for_the_old_fill(
    origin: PretendOrigin, clock: Clock
) -> None:
    origin.serve(SEGMENT, b"older", {**TAG, "Cache-Control": "max-age=10"})
    async with edge_cache(origin, clock) as cache:
        await ask(cache)
        clock.now += 11
        origin.hold(SEGMENT, b"old")
        waiting = asyncio.create_task(ask(cache))
        await origin.arrivals(SEGMENT, 2)
        assert cache.purge(Purge("tag", "event-7")) == 1
        origin.serve(SEGMENT, b"new")
        assert await soon(ask(cache)) == b"new"
        assert not waiting.done()


async def test_a_second_fill_does_not_ask_for_changes_of_what_was_purged_meanwhile(
    origin: PretendOrigin, clock: Clock
) -> None:
    origin.serve(SEGMENT, b"older", {"ETag": '"a"', "Cache-Control": "max-age=10"})
    async with edge_cache(origin, clock) as cache:
        await ask(cache)
        clock.now += 11
        release = origin.hold(SEGMENT, b"old", TAG)
        waiting = asyncio.create_task(ask(cache))
        await origin.arrivals(SEGMENT, 2)
        cache.purge(Purge("tag", "event-7"))
        after = asyncio.create_task(ask(cache))
        await asyncio.sleep(0)
        assert cache.purge(Purge("url", SEGMENT)) == 1
        origin.serve(SEGMENT, b"new", {"ETag": '"a"'})
        release.set()
        assert [await soon(waiting), await soon(after)] == [b"old", b"new"]
        assert "If-None-Match" not in origin.seen[-1].headers


async def test_those_who_wait_are_not_given_a_purged_object_when_their_fill_fails(
    origin: PretendOrigin, clock: Clock
) -> None:
    origin.serve(SEGMENT, b"purged", {"Cache-Control": "max-age=10"})
    async with edge_cache(origin, clock, retry_share=0.0) as cache:
        await ask(cache)
        clock.now += 11
        release = origin.hold(SEGMENT, status=501)
        waiting = asyncio.create_task(ask(cache))
        await origin.arrivals(SEGMENT, 2)
        assert cache.purge(Purge("url", SEGMENT)) == 1
        release.set()
        assert (await waiting).status == 502


async def test_a_failure_from_before_a_purge_does_not_answer_those_who_come_after(
    origin: PretendOrigin, clock: Clock
) -> None:
    release = origin.hold(SEGMENT, status=501)
    async with edge_cache(origin, clock, retry_share=0.0) as cache:
        waiting = await first_fill(origin, cache)
        cache.purge(Purge("url", SEGMENT))
        release.set()
        assert (await waiting).status == 502
        assert not cache.recent_failure
        origin.serve(SEGMENT, b"new")
        assert await soon(ask(cache)) == b"new"


async def test_overtaken_fills_count_against_the_bound_and_end_with_the_cache(
    origin: PretendOrigin, clock: Clock
) -> None:
    origin.hold(SEGMENT)
    async with edge_cache(origin, clock, fills_max=2) as cache:
        waiting = [await first_fill(origin, cache)]
        for count in (2, 3):
            cache.purge(Purge("url", SEGMENT))
            waiting.append(asyncio.create_task(ask(cache)))
            if count == 2:
                await origin.arrivals(SEGMENT, count)
        assert (await waiting[2]).status == 503
        assert cache.counters.fill_errors == {"too_many_fills": 1}
        await cache.close()
        assert [(await one).status for one in waiting] == [503, 503, 503]
