"""A body that breaks off goes on where it ended, from whoever still gives it, if it surely is the same one."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientPayloadError, ClientSession, web

from cache.pretend_origin import SEGMENT, Clock, PretendOrigin, ask, edge_cache
from cache.tap import Tap, served
from edge.cache.cache import EdgeCache
from edge.cache.peers import PeerFills
from edge.cache.settings import CacheSettings
from edge.cache.upstream import Upstream
from edge.cache.web import answer
from edge.decide.placement import ORIGIN, Source
from waiting import until

BODY = random.Random(7).randbytes(300_000)
HALF = len(BODY) // 2
TAGGED = {"Cache-Control": "max-age=3600", "ETag": '"a"'}
LENGTH = {"Content-Length": str(len(BODY))}


@dataclass
class Parts:
    """Gives half of a body and closes; then the range that is asked for."""

    etag: str = '"a"'  # of the second answer
    body: bytes = BODY
    given: list[str] = field(default_factory=list)

    async def __call__(self, asked: web.Request) -> web.StreamResponse:
        self.given.append(asked.headers.get("Range", ""))
        if "Range" not in asked.headers:
            half = web.StreamResponse(headers={**TAGGED, **LENGTH})
            await half.prepare(asked)
            await half.write(BODY[:HALF])
            await asyncio.sleep(0.05)
            assert asked.transport
            asked.transport.close()
            return half
        assert asked.headers["If-Range"] == '"a"'
        fields = {**TAGGED, "ETag": self.etag}
        if self.etag != '"a"':
            return web.Response(body=self.body, headers=fields)
        where = f"bytes {HALF}-{len(BODY) - 1}/{len(BODY)}"
        return web.Response(status=206, body=self.body[HALF:], headers={**fields, "Content-Range": where})


async def whole(port: int) -> bytes:
    async with ClientSession() as http, http.get(f"http://127.0.0.1:{port}{SEGMENT}") as found:
        return await found.read()


async def test_the_rest_is_asked_for_and_no_viewer_notices(origin: PretendOrigin, clock: Clock) -> None:
    origin.on(SEGMENT, parts := Parts())
    async with edge_cache(origin, clock) as cache, served(cache) as port:
        assert await whole(port) == BODY
        assert (cache.counters.resumed, cache.counters.fill_errors) == (1, {})
        assert (await ask(cache)).body == BODY
        assert cache.counters.filled_bytes == len(BODY)
    assert parts.given == ["", f"bytes={HALF}-"]


@pytest.mark.parametrize("parts", [Parts(etag='"b"'), Parts(etag='"b"', body=b"x"), Parts(body=BODY[:-1])])
async def test_another_body_is_not_sewn_on(origin: PretendOrigin, clock: Clock, parts: Parts) -> None:
    origin.on(SEGMENT, parts)
    async with edge_cache(origin, clock) as cache, served(cache) as port:
        with pytest.raises(ClientPayloadError):
            await whole(port)
        await until(lambda: not cache.fills_in_flight)
        assert (cache.stored_objects, cache.counters.fill_errors) == (0, {"broken": 1})
        assert cache.counters.resumed == 0


async def test_an_origin_that_cuts_all_is_not_drowned(origin: PretendOrigin, clock: Clock) -> None:
    paths = [f"/live/v240/{number}.m4s" for number in range(30)]
    parts = Parts()
    for path in paths:
        origin.on(path, parts)
    async with edge_cache(origin, clock, retry_share=0.0) as cache:
        await asyncio.gather(*(ask(cache, path) for path in paths))
        await until(lambda: not cache.fills_in_flight)
        assert cache.counters.resumed == 10
    assert len(parts.given) == 40


@pytest.fixture
async def owner(origin: PretendOrigin, clock: Clock) -> AsyncIterator[tuple[EdgeCache, web.AppRunner, int]]:
    """Another node, asked by this one."""
    settings = CacheSettings(origin=origin.url)
    cache = EdgeCache("mumbai", settings, Upstream("mumbai", settings, random.Random(8), clock), clock)
    await cache.start()
    app = web.Application()

    async def peer(asked: web.Request) -> web.Response:
        response, _ = await answer(cache, asked, asked.rel_url.raw_path, lambda _: None, peer=True)
        return response

    app.router.add_route("*", "/{path:.*}", peer)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield cache, runner, runner.addresses[0][1]
    await runner.cleanup()
    await cache.close()


@pytest.fixture
async def asking(
    origin: PretendOrigin, clock: Clock, owner: tuple[EdgeCache, web.AppRunner, int]
) -> AsyncIterator[EdgeCache]:
    """A node that asks the owner first, and then the origin."""
    settings = CacheSettings(origin=origin.url)
    upstream = Upstream("pune", settings, random.Random(7), clock)
    sources = (Source("mumbai", f"http://127.0.0.1:{owner[2]}"), ORIGIN)
    fills = PeerFills(upstream, settings, lambda *_: sources, lambda _: "stamp")
    cache = EdgeCache("pune", settings, fills, clock)
    fills.attach(cache, clock)
    await cache.start()
    yield cache
    await cache.close()


async def test_a_body_flows_through_two_nodes(
    origin: PretendOrigin, asking: EdgeCache, owner: tuple[EdgeCache, web.AppRunner, int]
) -> None:
    tap = Tap(len(BODY), TAGGED)
    origin.on(SEGMENT, tap)
    async with served(asking) as port, ClientSession() as http, asyncio.timeout(5):
        async with http.get(f"http://127.0.0.1:{port}{SEGMENT}") as found:
            tap.let(BODY[:HALF])
            assert await found.content.readexactly(HALF) == BODY[:HALF]
            tap.let(BODY[HALF:])
            tap.end()
            assert await found.read() == BODY[HALF:]
        await until(lambda: asking.holds(SEGMENT) and owner[0].holds(SEGMENT))
    assert origin.counts[SEGMENT] == 1
    assert (asking.counters.peer_fills, asking.counters.peer_errors) == (1, {})
    assert sum(asking.counters.fill_s["peer"].counts) == 1


async def test_an_owner_killed_in_mid_body_is_not_noticed(
    origin: PretendOrigin, asking: EdgeCache, owner: tuple[EdgeCache, web.AppRunner, int]
) -> None:
    tap = Tap(len(BODY), TAGGED)
    origin.on(SEGMENT, tap)
    async with served(asking) as port:
        viewer = asyncio.create_task(whole(port))
        tap.let(BODY[:HALF])
        await until(lambda: asking.counters.served_bytes == HALF)
        origin.on(SEGMENT, Parts())
        await owner[1].cleanup()
        assert await viewer == BODY
    assert origin.seen[-1].headers["Range"] == f"bytes={HALF}-"
    assert asking.counters.peer_errors == {"broken": 1, "connect": 1}
    assert (asking.counters.resumed, asking.counters.fill_errors) == (1, {})


async def test_an_answer_that_took_long_is_older_than_it_says(origin: PretendOrigin, clock: Clock) -> None:
    async def think(_: web.Request) -> web.Response:
        clock.now += 3
        return web.Response(body=b"m", headers={"Cache-Control": "max-age=10", "Age": "2"})

    origin.on(SEGMENT, think)
    origin.on("/live/main.m3u8", think)
    async with edge_cache(origin, clock) as cache:
        assert (await ask(cache)).headers["Age"] == "5"  # RFC 9111 §4.2.3
        assert (await ask(cache)).headers["Cache-Status"] == '"pune"; hit; ttl=5'
        reload = await ask(cache, "/live/main.m3u8", "_HLS_msn=7")
        assert reload.headers["Age"] == "2"  # it was held until it could be made
