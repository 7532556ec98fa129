"""How long fills take is counted by how they ended."""

from aiohttp import web

from cache.pretend_origin import MEDIA_PLAYLIST, PLAYLIST, SEGMENT, Clock, PretendOrigin, ask, edge_cache
from edge.cache.cache import EdgeCache
from edge.cache.counters import OUTCOMES

NEXT = "/live/v240/8.m4s"


def counts(cache: EdgeCache) -> dict[str, int]:
    return {name: sum(one.counts) for name, one in cache.counters.fill_s.items() if sum(one.counts)}


async def test_a_fill_from_the_origin_takes_until_its_last_byte(origin: PretendOrigin, clock: Clock) -> None:
    async def answer(_: web.Request) -> web.Response:
        clock.now += 0.3
        return web.Response(body=b"media")

    origin.on(SEGMENT, answer)
    async with edge_cache(origin, clock) as cache:
        await ask(cache)
        await ask(cache)  # a hit takes no fill
        assert counts(cache) == {"origin": 1}
        assert abs(cache.counters.fill_s["origin"].total - 0.3) < 1e-6


async def test_failures_are_apart(origin: PretendOrigin, clock: Clock) -> None:
    origin.serve(SEGMENT, status=500)
    async with edge_cache(origin, clock, retry_share=0.0) as cache:
        await ask(cache)
        assert counts(cache) == {"failed": 1}


async def test_what_is_waited_for_on_purpose_is_apart(origin: PretendOrigin, clock: Clock) -> None:
    origin.serve(PLAYLIST, MEDIA_PLAYLIST)
    async with edge_cache(origin, clock) as cache:
        await ask(cache, PLAYLIST)
        await ask(cache, PLAYLIST, "_HLS_msn=7")
        assert counts(cache) == {"origin": 1, "waited": 1}


async def test_a_segment_that_comes_soon_is_waited_for(origin: PretendOrigin, clock: Clock) -> None:
    origin.serve(PLAYLIST, MEDIA_PLAYLIST)
    origin.serve(NEXT, status=404)
    async with edge_cache(origin, clock, hold_max_s=0.1) as cache:
        await ask(cache, PLAYLIST)
        assert (await ask(cache, NEXT)).status == 404
        assert counts(cache)["waited"] == 1
        assert {*counts(cache)} <= {*OUTCOMES}
