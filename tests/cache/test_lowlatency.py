"""Low-latency HLS (RFC 8216bis): blocking reloads pass through, many viewers as one, and parts are plain objects."""

import asyncio

import pytest
from aiohttp import ClientSession, web

from cache.pretend_origin import Clock, PretendOrigin, ask, body_of, edge_cache
from cache.tap import Tap, served
from edge.cache.cache import EdgeCache
from edge.cache.window import Content
from waiting import until

PLAYLIST = "/live/v240/ll.m3u8"
RELOAD = "_HLS_msn=8&_HLS_part=1"


def playlist(msn: int, part: int) -> bytes:
    """Up to segment `msn` - 1 whole, and parts 0 to `part` of the next one."""
    lines = [
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-PART-INF:PART-TARGET=0.5",
        "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5,CAN-SKIP-UNTIL=12",
        f"#EXT-X-MEDIA-SEQUENCE:{msn - 1}\n#EXTINF:2,\n{msn - 1}.m4s",
        *(f'#EXT-X-PART:DURATION=0.5,URI="{msn}.{number}.m4s"' for number in range(part + 1)),
        f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{msn}.{part + 1}.m4s"',
    ]
    return "\n".join(lines).encode()


class Packager:
    """An origin that holds blocking reloads until what they ask for is there."""

    def __init__(self, origin: PretendOrigin) -> None:
        self.at = (8, 0)
        self.asked: list[str] = []
        self._grew = asyncio.Condition()
        origin.on(PLAYLIST, self)

    async def grow(self, msn: int, part: int) -> None:
        async with self._grew:
            self.at = (msn, part)
            self._grew.notify_all()

    async def __call__(self, asked: web.Request) -> web.Response:
        self.asked.append(asked.query_string)
        if "_HLS_msn" in asked.query:
            wanted = int(asked.query["_HLS_msn"]), int(asked.query.get("_HLS_part", "0"))
            async with self._grew:
                await self._grew.wait_for(lambda: self.at >= wanted)
        return web.Response(body=playlist(*self.at))


async def reloads(cache: EdgeCache, count: int, query: str = RELOAD) -> list[asyncio.Task[bytes]]:
    async def one(number: int) -> bytes:
        return body_of(await ask(cache, PLAYLIST, f"CMCD=sid%3D%22{number}%22&{query}"))

    return [asyncio.create_task(one(number)) for number in range(count)]


async def test_300_blocking_reloads_are_one_request(origin: PretendOrigin, clock: Clock) -> None:
    packager = Packager(origin)
    async with edge_cache(origin, clock) as cache:
        assert body_of(await ask(cache, PLAYLIST)) == playlist(8, 0)
        waiting = await reloads(cache, 300)
        await origin.arrivals(PLAYLIST, 2)
        assert not any(one.done() for one in waiting)
        await packager.grow(8, 1)
        assert {await one for one in waiting} == {playlist(8, 1)}
        assert packager.asked == ["", RELOAD]


async def test_each_directive_is_a_key_and_nothing_else_of_a_query_is(
    origin: PretendOrigin, clock: Clock
) -> None:
    packager = Packager(origin)
    await packager.grow(9, 0)
    async with edge_cache(origin, clock) as cache:
        for query in ("", RELOAD, f"{RELOAD}&_HLS_skip=YES", "_HLS_part=1&x=y&_HLS_msn=8", "token=z"):
            await ask(cache, PLAYLIST, query)
    assert packager.asked == ["", RELOAD, f"{RELOAD}&_HLS_skip=YES"]


async def test_what_a_reload_brought_lives_half_a_segment_from_then(
    origin: PretendOrigin, clock: Clock
) -> None:
    packager = Packager(origin)
    async with edge_cache(origin, clock) as cache:
        [waiting] = await reloads(cache, 1)
        await origin.arrivals(PLAYLIST)
        clock.now += 1.5  # the origin waits
        await packager.grow(8, 1)
        await waiting
        again = await ask(cache, PLAYLIST, RELOAD)
        assert (again.headers["Cache-Status"], again.headers["Age"]) == ('"pune"; hit; ttl=1', "0")
        clock.now += 1
        assert "fwd=stale" in (await ask(cache, PLAYLIST, RELOAD)).headers["Cache-Status"]


@pytest.mark.parametrize("limit_s", [0.2, 5.0])
async def test_a_reload_may_take_longer_than_any_other_fill(
    origin: PretendOrigin, clock: Clock, limit_s: float
) -> None:
    packager = Packager(origin)
    limits = {"fill_timeout_s": 0.2, "read_timeout_s": 0.1, "blocking_timeout_s": limit_s}
    async with edge_cache(origin, clock, **limits) as cache:
        waiting = asyncio.create_task(ask(cache, PLAYLIST, RELOAD))
        await origin.arrivals(PLAYLIST)
        await asyncio.sleep(0.5)
        await packager.grow(8, 1)
        assert (await waiting).status == (200 if limit_s == 5.0 else 504)


async def test_a_hinted_part_is_held_by_the_origin_and_flows_as_it_is_made(
    origin: PretendOrigin, clock: Clock
) -> None:
    Packager(origin)
    origin.on("/live/v240/8.1.m4s", tap := Tap(None, {"Cache-Control": "max-age=60"}))
    async with edge_cache(origin, clock) as cache, served(cache) as port, ClientSession() as http:
        await ask(cache, PLAYLIST)
        async with asyncio.timeout(5), http.get(f"http://127.0.0.1:{port}/live/v240/8.1.m4s") as part:
            tap.let(b"moof")
            assert await part.content.readexactly(4) == b"moof"
            tap.let(b"mdat")
            tap.end()
            assert await part.read() == b"mdat"
        await until(lambda: cache.holds("/live/v240/8.1.m4s"))
        assert cache.counters.held == 0


async def test_parts_are_live_as_files_and_as_ranges(origin: PretendOrigin, clock: Clock) -> None:
    Packager(origin)
    origin.serve("/live/v240/8.m4s", b"0123456789", {"Cache-Control": "max-age=60"})
    async with edge_cache(origin, clock) as cache:
        await ask(cache, PLAYLIST)
        for path in ("/live/v240/8.0.m4s", "/live/v240/8.m4s", PLAYLIST):
            assert cache.content(path) is Content.LIVE
        part = await ask(cache, "/live/v240/8.m4s", Range="bytes=4-6")
        assert (part.status, body_of(part)) == (206, b"456")
