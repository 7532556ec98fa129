"""What must hold whatever comes between: viewers, purges and new versions at once, and processes that are killed."""

import asyncio
import os
import random
import signal
import time
from contextlib import suppress

import aiohttp
import pytest
from aiohttp import web

from cache.pretend_origin import SEGMENT, PretendOrigin
from edge.app import Node
from edge.cache.purge import Purge
from edge.nginx.files import HALF_S
from needs import needs
from nginx.conftest import MEDIA
from nginx.site import Site, backend, cached_files
from running import Running
from waiting import until

pytestmark = [needs("nginx"), pytest.mark.timeout(60)]

PATHS = [f"/live/v{number % 2}/{number}.m4s" for number in range(6)]
PURGES = [
    *(Purge("url", path) for path in PATHS),
    Purge("prefix", "/live/v1/"),
    Purge("prefix", "/"),
    Purge("tag", "v0"),
]
RUN_S = 4.0
BODY_BYTES = 300_000


class Versions:
    """An origin whose objects change all the time, and what viewers may still see of them."""

    def __init__(self, origin: PretendOrigin, rng: random.Random) -> None:
        self.now = 1
        self.least = dict.fromkeys(PATHS, 0)  # versions below it were purged, and that was acknowledged
        self.seen = 0
        self._rng = rng
        for path in PATHS:
            origin.on(path, self.answer)

    async def answer(self, request: web.Request) -> web.Response:
        """Slowly, at times, so that purges come in between."""
        version = self.now
        await asyncio.sleep(self._rng.choice((0, 0, 0.02, 0.1)))
        tag = request.path.split("/")[2]
        body = f"{version} ".encode() + bytes(BODY_BYTES)
        return web.Response(body=body, headers={**MEDIA, "Surrogate-Key": f"final {tag}"})

    async def view(self, site: Site) -> None:
        """One viewer, who must never see what was purged before he asked."""
        while True:
            path = self._rng.choice(PATHS)
            least = self.least[path]
            answer = await site.get(path)
            assert answer.status == 200
            assert len(answer.body) > BODY_BYTES, "cut off"
            version = int(answer.body.split()[0])
            assert version >= least, f"{path}: version {version} came back after a purge at {least}"
            self.seen += 1

    async def purge(self, node: Node) -> None:
        """Publish, purge, wait for the acknowledgement."""
        while True:
            purge = self._rng.choice(PURGES)
            self.now += 1
            at, done = self.now, asyncio.Event()
            node.backend.purge(purge)
            node.backend.when_recorded(done.set)
            async with asyncio.timeout(10):  # wait_for of Python 3.11 may swallow the end of this task
                await done.wait()
            for path in PATHS:
                hit = purge.value in path if purge.what != "tag" else f"/{purge.value}/" in path
                self.least[path] = max(self.least[path], at if hit else 0)
            await asyncio.sleep(self._rng.uniform(0, 0.1))


async def test_nothing_that_was_purged_comes_back_while_viewers_ask_all_the_time(
    site: Site, running: Running, origin: PretendOrigin
) -> None:
    node = await site.start_node(running)
    versions = Versions(origin, random.Random(11))
    work = [versions.view(site) for _ in range(6)] + [versions.purge(node), versions.purge(node)]
    tasks = [asyncio.create_task(one) for one in work]
    done, _ = await asyncio.wait(tasks, timeout=RUN_S, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
    assert versions.seen > 30
    assert versions.now > 5


async def test_a_node_that_is_killed_again_and_again_under_viewers_leaves_no_torn_object(
    site: Site, origin: PretendOrigin
) -> None:
    body = random.Random(3).randbytes(2_000_000)
    for path in PATHS:
        origin.serve(path, body, MEDIA)
    rng = random.Random(5)

    async def view() -> None:
        while True:
            with suppress(aiohttp.ClientPayloadError):  # cut off with the node, and told so
                answer = await site.get(rng.choice(PATHS) + f"?{rng.random()}")
                assert answer.status in (200, 502, 503)
                assert answer.status != 200 or answer.body == body

    for _ in range(3):
        async with site.node_process():
            viewers = [asyncio.create_task(view()) for _ in range(4)]
            await asyncio.sleep(rng.uniform(0.01, 0.1))
        await asyncio.sleep(0.1)
        for viewer in viewers:
            if viewer.done():
                viewer.result()
            viewer.cancel()
        await asyncio.gather(*viewers, return_exceptions=True)
        for file in cached_files(site.folder):
            if "." not in file.name:  # else nginx has not come to its end
                assert file.read_bytes().endswith(body)
    async with site.node_process():
        assert {(await site.get(path)).body == body for path in PATHS} == {True}


async def test_nginx_that_is_killed_alone_comes_back_with_what_it_had(
    site: Site, running: Running, origin: PretendOrigin
) -> None:
    node = await site.start_node(running)
    await site.get(SEGMENT)
    await site.stop_nginx(signal.SIGKILL)
    await until(lambda: node.backend.trouble != "")
    await site.start_nginx()
    await until(lambda: node.backend.trouble == "")
    assert (await site.get(SEGMENT)).cache == "hit"
    assert origin.counts[SEGMENT] == 1
    node.backend.purge(Purge("tag", "final"))
    await until(lambda: node.backend.recorded)
    assert (await site.get(SEGMENT)).cache.startswith("fwd=uri-miss")


async def test_what_a_killed_nginx_had_half_received_is_removed_once_it_is_old(
    site: Site, running: Running, origin: PretendOrigin
) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=MEDIA)
        response.content_length = 2 * BODY_BYTES
        await response.prepare(request)
        await response.write(bytes(BODY_BYTES))
        await asyncio.sleep(60)
        return response

    await site.start_node(running)
    for path in PATHS[:2]:
        origin.on(path, endless)
    cut = [asyncio.create_task(site.get(path)) for path in PATHS[:2]]
    await until(lambda: len(cached_files(site.folder)) == 2)
    await site.stop_nginx(signal.SIGKILL)
    assert all(
        isinstance(one, aiohttp.ClientError) for one in await asyncio.gather(*cut, return_exceptions=True)
    )
    old, young = cached_files(site.folder)
    long_ago = time.time() - 2 * HALF_S
    os.utime(old, (long_ago, long_ago))
    await running.stop("pune")
    await site.start_nginx()
    node = await site.start_node(running)
    assert cached_files(site.folder) == [young]  # it might be on its way
    assert backend(node).figures().totals["nginx_halves_removed"] == 1
