"""A segment that follows the newest listed one is waited for, at most half its duration; then 404, for a moment."""

import asyncio
import time

import pytest
from aiohttp import web

from cache.pretend_origin import MEDIA_PLAYLIST, PLAYLIST, SEGMENT, Clock, PretendOrigin, ask, edge_cache
from edge.cache.cache import EdgeCache
from edge.cache.holding import SOON, soon_s
from edge.cache.window import PATTERNS_MAX, LiveWindows
from waiting import until

NEXT = "/live/v240/8.m4s"
HINTED = "/live/v240/8.3.m4s"
LATER = {"Cache-Control": "max-age=60"}  # what an origin says of anything
HINT = b'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="8.3.m4s"\n'


@pytest.fixture(autouse=True)
def stream(origin: PretendOrigin) -> None:
    origin.serve(SEGMENT, b"video", LATER)
    origin.serve(PLAYLIST, MEDIA_PLAYLIST + HINT)
    for path in (NEXT, HINTED):
        origin.serve(path, status=404, headers=LATER)


async def held(cache: EdgeCache, origin: PretendOrigin, path: str = NEXT) -> asyncio.Task[int]:
    """A viewer who knows the playlist asks for what is not listed."""

    async def status() -> int:
        return (await ask(cache, path)).status

    await ask(cache, PLAYLIST)
    viewer = asyncio.create_task(status())
    await origin.arrivals(path)
    await until(lambda: cache.counters.held == 1)
    return viewer


@pytest.mark.parametrize("path", [NEXT, HINTED])
async def test_it_is_given_as_soon_as_it_is_there(origin: PretendOrigin, clock: Clock, path: str) -> None:
    async with edge_cache(origin, clock) as cache:
        viewer = await held(cache, origin, path)
        assert not viewer.done()
        origin.serve(path, b"video", LATER)
        async with asyncio.timeout(1):
            assert await viewer == 200
        assert "hit" in (await ask(cache, path)).headers["Cache-Status"]
        assert (cache.counters.held, cache.counters.held_in_vain, cache.counters.fills) == (1, 0, 2)


async def test_a_playlist_that_names_it_ends_the_wait(origin: PretendOrigin, clock: Clock) -> None:
    origin.serve(PLAYLIST, MEDIA_PLAYLIST.replace(b"DURATION:2", b"DURATION:16"))
    async with edge_cache(origin, clock, hold_max_s=4.0) as cache:
        viewer = await held(cache, origin)
        origin.serve(NEXT, b"video", LATER)
        origin.serve(PLAYLIST, MEDIA_PLAYLIST + b"#EXTINF:2,\n8.m4s\n")
        clock.now += 9
        await ask(cache, PLAYLIST)
        async with asyncio.timeout(0.5):  # a second is between two tries
            assert await viewer == 200


async def test_a_crowd_is_held_as_one_and_told_after_half_a_segment(
    origin: PretendOrigin, clock: Clock
) -> None:
    async with edge_cache(origin, clock) as cache:
        await ask(cache, PLAYLIST)
        began = time.monotonic()
        answers = await asyncio.gather(*(ask(cache, NEXT) for _ in range(100)))
        assert 0.9 < time.monotonic() - began < 2.0
        assert {one.status for one in answers} == {404}
        assert origin.counts[NEXT] == 5
        assert (cache.counters.held, cache.counters.held_in_vain) == (1, 1)
        assert (await ask(cache, NEXT)).status == 404
        assert origin.counts[NEXT] == 5  # it is remembered
        clock.now += 0.6  # but not for long, whatever the origin says
        origin.serve(NEXT, b"video", LATER)
        assert (await ask(cache, NEXT)).status == 200


async def test_what_is_named_is_no_longer_missing(origin: PretendOrigin, clock: Clock) -> None:
    async with edge_cache(origin, clock, hold_max_s=0.0) as cache:
        assert (await ask(cache, NEXT)).status == 404  # for a minute, says the origin
        origin.serve(NEXT, b"video", LATER)
        origin.serve(PLAYLIST, MEDIA_PLAYLIST + b"#EXTINF:2,\n8.m4s\n")
        await ask(cache, PLAYLIST)
        assert (await ask(cache, NEXT)).status == 200


@pytest.mark.parametrize("path", ["/live/v240/9.m4s", "/live/v240/x8.m4s", "/live/v240/6.m4s"])
async def test_nothing_else_is_waited_for(origin: PretendOrigin, clock: Clock, path: str) -> None:
    async with edge_cache(origin, clock) as cache:
        await ask(cache, PLAYLIST)
        assert (await ask(cache, path)).status == 404
        assert (origin.counts[path], cache.counters.held) == (1, 0)


async def test_only_so_many_are_held(origin: PretendOrigin, clock: Clock) -> None:
    async with edge_cache(origin, clock, holds_max=1) as cache:
        viewer = await held(cache, origin)
        assert (await ask(cache, HINTED)).status == 404
        assert cache.counters.held == 1
        assert await viewer == 404


async def test_a_failing_origin_is_not_waited_for(origin: PretendOrigin, clock: Clock) -> None:
    async with edge_cache(origin, clock, retry_share=0.0) as cache:
        viewer = await held(cache, origin)
        origin.serve(NEXT, status=501)
        assert await viewer == 502
        assert cache.counters.held_in_vain == 0


@pytest.mark.parametrize(
    ("newest", "following"),
    [("seg-099.ts", "seg-100.ts"), ("seg-7-v1-a1.ts", "seg-8-v1-a1.ts"), ("9.m4s", "10.m4s"), ("a.ts", "")],
)
def test_numbers_are_written_as_before(newest: str, following: str) -> None:
    windows = LiveWindows()
    body = f"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n{newest}\n".encode()
    windows.learn("/live/a.m3u8", body)
    assert windows.segment_s(f"/live/{following}") == (6.0 if following else 0.0)
    assert windows.segment_s(f"/live/{newest}") == 0.0
    windows.learn("/live/a.m3u8", body + b"#EXT-X-ENDLIST\n")
    assert windows.segment_s(f"/live/{following}") == 0.0


@pytest.mark.parametrize(
    ("field", "told"),
    [("2", 2.0), ("0.5", 0.5), ("", 0), ("x", 0), ("-1", 0), ("nan", 0), ("inf", 0), ("61", 0)],
)
def test_what_another_node_tells_is_looked_at(field: str, told: float) -> None:
    assert soon_s({SOON: field}) == told


def test_what_other_nodes_tell_is_bounded_and_ends_when_it_is_there() -> None:
    windows = LiveWindows()
    for number in range(PATTERNS_MAX + 1):
        windows.hint(f"/live/a/{number}.m4s", 2.0)
    assert [windows.segment_s(f"/live/a/{number}.m4s") for number in (0, 1, PATTERNS_MAX)] == [0.0, 2.0, 2.0]
    windows.learn("/live/a/a.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n1.m4s\n")
    assert windows.segment_s("/live/a/1.m4s") == 0.0


async def test_a_playlist_without_a_duration_holds_nothing(origin: PretendOrigin, clock: Clock) -> None:
    async def odd(_: web.Request) -> web.Response:
        return web.Response(body=MEDIA_PLAYLIST.replace(b"DURATION:2", b"DURATION:x"))

    origin.on(PLAYLIST, odd)
    async with edge_cache(origin, clock) as cache:
        await ask(cache, PLAYLIST)
        assert (await ask(cache, NEXT)).status == 404
        assert cache.counters.held == 0
