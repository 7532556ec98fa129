"""Large bodies stay on disk and are sent from there: whole or not at all."""

import os
import random

import pytest
from aiohttp import ClientPayloadError, ClientSession, web
from aiohttp.test_utils import TestServer

from cache.disk_world import DiskWorld
from cache.pretend_origin import SEGMENT, Clock, ask, body_of
from edge.cache.cache import EdgeCache
from edge.cache.disk.body import FileSpan
from edge.cache.web import cache_handler

HOUR = {"Cache-Control": "max-age=3600", "ETag": '"a"', "Content-Type": "video/mp4"}
LARGE = random.Random(7).randbytes(600_000)  # several pieces of a streamed body


class Site:
    """A cache on a port."""

    def __init__(self, cache: EdgeCache) -> None:
        self._cache = cache

    async def __aenter__(self) -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", cache_handler(self._cache))
        self._server = TestServer(app, host="127.0.0.1")
        await self._server.start_server()
        return str(self._server.make_url(SEGMENT))

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()


async def large_on_disk(world: DiskWorld) -> EdgeCache:
    """A cache that has a large object on disk only."""
    world.origin.serve(SEGMENT, LARGE, HOUR)
    await ask(await world.start())
    return await world.restart(disk_stream_bytes=100_000)


async def test_a_large_body_is_streamed_whole_and_in_parts(world: DiskWorld) -> None:
    async with Site(await large_on_disk(world)) as url, ClientSession() as client:
        for _ in range(2):
            async with client.get(url) as whole:
                assert (whole.status, await whole.read()) == (200, LARGE)
                assert whole.headers["Content-Length"] == str(len(LARGE))
        async with client.get(url, headers={"Range": "bytes=100-499999"}) as part:
            assert (part.status, await part.read()) == (206, LARGE[100:500_000])
            assert part.headers["Content-Range"] == f"bytes 100-499999/{len(LARGE)}"
        async with client.head(url) as head:
            assert (head.status, head.headers["Content-Length"]) == (200, str(len(LARGE)))
        async with client.get(url, headers={"If-None-Match": '"a"'}) as same:
            assert same.status == 304
    assert world.origin.counts[SEGMENT] == 1


async def test_a_large_body_takes_no_memory(world: DiskWorld) -> None:
    cache = await large_on_disk(world)
    answer = await ask(cache)
    assert isinstance(answer.body, FileSpan)
    assert len(answer.body) == len(LARGE)
    assert (cache.stored_bytes, cache.counters.disk_hits) == (0, 1)


async def test_a_large_body_is_revalidated_without_reading_it_into_memory(
    world: DiskWorld, clock: Clock
) -> None:
    cache = await large_on_disk(world)
    clock.now += 3601
    renewed = await ask(cache)
    assert renewed.headers["Cache-Status"] == '"pune"; fwd=stale; fwd-status=304; stored'
    assert (await ask(cache)).headers["Cache-Status"] == '"pune"; hit; ttl=3600'
    assert cache.stored_bytes == 0
    cache = await world.restart(disk_stream_bytes=100_000)
    async with Site(cache) as url, ClientSession() as client, client.get(url) as again:
        assert await again.read() == LARGE
        assert again.headers["Cache-Status"] == '"pune"; hit; ttl=3600'
    assert len(world.files()) == 1


async def test_a_large_body_with_a_changed_byte_is_never_sent(world: DiskWorld) -> None:
    world.origin.serve(SEGMENT, LARGE, HOUR)
    await ask(await world.start())
    await world.stop()
    (path,) = world.files()
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(bytes([LARGE[-1] ^ 1]))
    cache = await world.start(disk_stream_bytes=100_000)
    assert body_of(await ask(cache)) == LARGE  # from the origin
    assert cache.counters.disk_errors == {"damaged": 1}


async def test_a_disk_that_fails_while_a_body_is_sent_cuts_the_connection(world: DiskWorld) -> None:
    cache = await large_on_disk(world)
    async with Site(cache) as url, ClientSession() as client:
        async with client.get(url) as whole:
            await whole.read()
        (path,) = world.files()
        os.truncate(path, 300_000)  # the file is open already, and its digest was right
        async with client.get(url) as cut:
            with pytest.raises(ClientPayloadError):
                await cut.read()
