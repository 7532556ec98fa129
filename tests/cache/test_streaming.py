"""A body flows to all who wait for it while it comes, over real sockets; half of one never passes for whole."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientPayloadError, ClientSession, web

from cache.pretend_origin import SEGMENT, Clock, PretendOrigin, ask, edge_cache
from cache.tap import Client, Tap, served
from edge.cache.cache import EdgeCache
from edge.cache.purge import Purge
from waiting import until

BODY = random.Random(7).randbytes(300_000)
HALF = len(BODY) // 2
HOUR = {"Cache-Control": "max-age=3600", "Content-Type": "video/mp4", "Surrogate-Key": "event-7"}
HIT = '"pune"; hit; ttl=3600'
SIZES = pytest.mark.parametrize("size", [len(BODY), None])


@dataclass
class Site:
    """A cache on a port, before an origin."""

    cache: EdgeCache
    origin: PretendOrigin
    port: int
    http: ClientSession
    clients: list[Client] = field(default_factory=list)

    async def dial(self, start: str = f"GET {SEGMENT} HTTP/1.1") -> Client:
        self.clients.append(await Client.ask(self.port, start))
        return self.clients[-1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{SEGMENT}"

    async def whole(self, **fields: str) -> bytes:
        async with self.http.get(self.url, headers=fields) as found:
            return await found.read()

    async def first_half(self, size: int | None, **fields: str) -> tuple[Tap, Client]:
        """A body of which half has come, and a viewer who has that half."""
        tap = Tap(size, {**HOUR, **fields})
        self.origin.on(SEGMENT, tap)
        viewer = await self.dial()
        await self.origin.arrivals(SEGMENT)
        tap.let(BODY[:HALF])
        await viewer.head()
        await until(lambda: self.cache.counters.served_bytes == HALF)
        return tap, viewer

    async def given_up(self) -> None:
        await until(lambda: not self.cache.fills_in_flight)


@asynccontextmanager
async def site_with(origin: PretendOrigin, clock: Clock, **limits: float) -> AsyncIterator[Site]:
    async with edge_cache(origin, clock, **limits) as cache, served(cache) as port, ClientSession() as http:
        made = Site(cache, origin, port, http)
        yield made
        for one in made.clients:
            await one.leave()


@pytest.fixture
async def site(origin: PretendOrigin, clock: Clock) -> AsyncIterator[Site]:
    async with site_with(origin, clock) as made:
        yield made


@SIZES
async def test_what_has_come_is_sent_before_the_rest_has(site: Site, size: int | None) -> None:
    tap = Tap(size, HOUR)
    site.origin.on(SEGMENT, tap)
    async with asyncio.timeout(5), site.http.get(site.url) as found:
        assert found.status == 200  # and the origin has sent no byte of the body
        assert found.headers["Cache-Status"] == '"pune"; fwd=uri-miss; fwd-status=200; stored'
        assert found.headers["Content-Type"] == "video/mp4"
        assert found.headers.get("Content-Length") == (size and str(size))
        tap.let(BODY[:HALF])
        assert await found.content.readexactly(HALF) == BODY[:HALF]
        tap.let(BODY[HALF:])
        tap.end()
        assert await found.read() == BODY[HALF:]
    assert (await ask(site.cache)).headers["Cache-Status"] == HIT
    counters = site.cache.counters
    assert (counters.streamed, counters.fills, counters.filled_bytes) == (1, 1, len(BODY))
    assert counters.served_bytes == 2 * len(BODY)


@SIZES
async def test_who_comes_late_begins_with_what_is_here(site: Site, size: int | None) -> None:
    tap, _ = await site.first_half(size)
    async with asyncio.timeout(5), site.http.get(site.url) as late:
        assert late.headers["Cache-Status"].endswith("stored; collapsed")
        assert await late.content.readexactly(HALF) == BODY[:HALF]
        tap.let(BODY[HALF:])
        tap.end()
        assert await late.read() == BODY[HALF:]
    assert site.origin.counts[SEGMENT] == 1
    assert (site.cache.counters.misses, site.cache.counters.collapsed) == (1, 1)


async def test_100_viewers_are_one_request_and_all_get_all_of_it(site: Site) -> None:
    tap, _ = await site.first_half(None)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        viewers = [group.create_task(site.whole()) for _ in range(100)]
        await until(lambda: site.cache.counters.collapsed == 100)
        tap.let(BODY[HALF:])
        tap.end()
    assert {one.result() for one in viewers} == {BODY}
    assert site.origin.counts[SEGMENT] == 1
    await until(lambda: site.cache.counters.served_bytes == 101 * len(BODY))


async def test_a_slow_viewer_holds_up_nobody(site: Site) -> None:
    large = random.Random(8).randbytes(16_000_000)  # beyond what sockets hold
    tap = Tap(len(large), HOUR)
    site.origin.on(SEGMENT, tap)
    slow = await site.dial()
    await slow.head()
    tap.let(large)
    tap.end()
    assert await site.whole() == large
    assert (await ask(site.cache)).headers["Cache-Status"] == HIT
    site.cache.purge(Purge("url", SEGMENT))
    assert await slow.take(len(large)) == large  # at his own pace, from the one copy


async def test_a_viewer_who_leaves_does_not_stop_it(site: Site) -> None:
    tap, viewer = await site.first_half(len(BODY))
    await viewer.leave()
    tap.let(BODY[HALF:])
    tap.end()
    await site.given_up()
    assert (await ask(site.cache)).headers["Cache-Status"] == HIT
    assert site.origin.counts[SEGMENT] == 1


@SIZES
async def test_a_body_that_breaks_off_is_cut_and_never_kept(
    site: Site, clock: Clock, size: int | None
) -> None:
    tap, viewer = await site.first_half(size)
    async with site.http.get(site.url) as late:
        tap.cut()
        with pytest.raises(ClientPayloadError):
            await late.read()
    raw = await viewer.rest()
    assert len(raw) < len(BODY)
    assert not raw.endswith(b"0\r\n\r\n")  # no last chunk
    await site.given_up()
    assert (site.cache.stored_objects, site.cache.counters.fill_errors) == (0, {"broken": 1})
    assert (await ask(site.cache)).status == 502
    clock.now += 1
    site.origin.serve(SEGMENT, BODY, HOUR)
    assert await site.whole() == BODY


async def test_a_body_that_stalls_is_cut(origin: PretendOrigin, clock: Clock) -> None:
    async with site_with(origin, clock, read_timeout_s=0.2) as site:
        _, viewer = await site.first_half(len(BODY))
        assert len(await viewer.rest()) == HALF
        assert (site.cache.stored_objects, site.cache.counters.fill_errors) == (0, {"timeout": 1})


async def test_a_body_that_grows_too_large_is_cut(origin: PretendOrigin, clock: Clock) -> None:
    async with site_with(origin, clock, object_max_bytes=200_000) as site:
        tap, viewer = await site.first_half(None)
        tap.let(BODY[HALF:])
        assert not (await viewer.rest()).endswith(b"0\r\n\r\n")
        assert (site.cache.stored_objects, site.cache.counters.fill_errors) == (0, {"too_large": 1})


async def test_closing_cuts_what_is_on_its_way(site: Site) -> None:
    _, viewer = await site.first_half(len(BODY))
    await site.cache.close()
    assert len(await viewer.rest()) == HALF


@pytest.mark.parametrize("cut", [True, False])
async def test_http_1_0_gets_what_has_no_announced_size_whole_or_not_at_all(site: Site, cut: bool) -> None:
    tap, _ = await site.first_half(None)
    old = await site.dial(f"GET {SEGMENT} HTTP/1.0")
    await until(lambda: site.cache.counters.collapsed == 1)
    if cut:
        tap.cut()
    else:
        tap.let(BODY[HALF:])
        tap.end()
    head, body = await old.head(), await old.rest()
    assert ("502 Bad Gateway" in head) == cut
    assert (body == BODY) == (not cut)


async def test_a_range_of_an_announced_size_need_not_wait_for_the_rest(site: Site) -> None:
    tap, _ = await site.first_half(len(BODY))
    async with asyncio.timeout(5):
        async with site.http.get(site.url, headers={"Range": "bytes=100-999"}) as part:
            assert (part.status, await part.read()) == (206, BODY[100:1000])
            assert part.headers["Content-Range"] == f"bytes 100-999/{len(BODY)}"
        async with site.http.get(site.url, headers={"Range": f"bytes={HALF - 10}-"}) as part:
            assert await part.content.readexactly(10) == BODY[HALF - 10 : HALF]
            tap.let(BODY[HALF:])
            tap.end()
            assert await part.read() == BODY[HALF:]
        async with site.http.get(site.url, headers={"Range": "bytes=999999-"}) as beyond:
            assert beyond.status == 416


async def test_a_range_with_both_ends_waits_for_its_bytes_where_no_size_is_announced(site: Site) -> None:
    tap, _ = await site.first_half(None)
    async with asyncio.timeout(5):
        async with site.http.get(site.url, headers={"Range": "bytes=100-999"}) as part:
            assert (part.status, await part.read()) == (206, BODY[100:1000])
            assert part.headers["Content-Range"] == "bytes 100-999/*"
        waiting = asyncio.create_task(site.whole(Range=f"bytes={HALF}-{HALF + 9}"))
        beyond = asyncio.create_task(site.whole(Range=f"bytes={HALF}-999999"))
        await until(lambda: site.cache.counters.collapsed == 3)
        tap.let(BODY[HALF : HALF + 10])
        assert await waiting == BODY[HALF : HALF + 10]
        assert not beyond.done()
        tap.let(BODY[HALF + 10 :])
        tap.end()
        assert await beyond == BODY[HALF:]


async def test_any_other_range_waits_for_the_whole_then(site: Site) -> None:
    tap, _ = await site.first_half(None)
    waiting = asyncio.create_task(site.whole(Range="bytes=-10"))
    await until(lambda: site.cache.counters.collapsed == 1)
    await asyncio.sleep(0.05)
    assert not waiting.done()
    tap.let(BODY[HALF:])
    tap.end()
    assert await waiting == BODY[-10:]


@SIZES
async def test_head_and_conditions_need_the_header_only(site: Site, size: int | None) -> None:
    await site.first_half(size, ETag='"a"')
    async with asyncio.timeout(5):
        async with site.http.head(site.url) as head:
            assert (head.status, head.headers.get("Content-Length")) == (200, size and str(size))
        async with site.http.get(site.url, headers={"If-None-Match": '"a"'}) as same:
            assert same.status == 304
    assert site.cache.counters.served_bytes == HALF


@pytest.mark.parametrize(
    "purge", [Purge("url", SEGMENT), Purge("prefix", "/live/"), Purge("tag", "event-7", True)]
)
async def test_a_purge_in_mid_body_leaves_it_to_those_who_wait_and_to_nobody_else(
    site: Site, purge: Purge
) -> None:
    tap, viewer = await site.first_half(len(BODY))
    assert site.cache.purge(purge) == 0
    site.origin.serve(SEGMENT, b"new", HOUR)
    assert await site.whole() == b"new"
    tap.let(BODY[HALF:])
    tap.end()
    assert await viewer.take(len(BODY)) == BODY
    await site.given_up()
    assert await site.whole() == b"new"  # the old body came later and has replaced nothing
    assert (site.origin.counts[SEGMENT], site.cache.counters.fills_overtaken) == (2, 1)


async def test_a_purge_by_another_tag_leaves_it_alone(site: Site) -> None:
    tap, _ = await site.first_half(len(BODY))
    site.cache.purge(Purge("tag", "event-8"))
    tap.let(BODY[HALF:])
    tap.end()
    assert await site.whole() == BODY
    await site.given_up()
    assert (site.cache.stored_objects, site.cache.counters.fills_overtaken) == (1, 0)


async def test_who_asked_after_a_purge_by_tag_is_not_given_a_header_from_before(site: Site) -> None:
    release = asyncio.Event()
    tap = Tap(len(BODY), HOUR)

    async def late_header(asked: web.Request) -> web.StreamResponse:
        await release.wait()
        return await tap(asked)

    site.origin.on(SEGMENT, late_header)
    before = await site.dial()
    await site.origin.arrivals(SEGMENT)
    site.cache.purge(Purge("tag", "event-7"))
    after = asyncio.create_task(site.whole())
    await until(lambda: site.cache.counters.collapsed == 1)
    site.origin.serve(SEGMENT, b"new", HOUR)
    release.set()
    assert "stored" not in await before.head()
    async with asyncio.timeout(5):
        assert await after == b"new"
    tap.let(BODY)
    tap.end()
    assert await before.take(len(BODY)) == BODY
    assert (await ask(site.cache)).body == b"new"


async def test_a_small_body_is_waited_for_and_may_be_asked_for_again(site: Site) -> None:
    first = Tap(1000, HOUR)
    site.origin.on(SEGMENT, first)
    waiting = asyncio.create_task(site.whole())
    await site.origin.arrivals(SEGMENT)
    first.let(b"half")
    site.origin.serve(SEGMENT, b"all of it", HOUR)
    first.cut()
    assert await waiting == b"all of it"
    assert site.cache.counters.streamed == 0
