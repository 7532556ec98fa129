"""Steering manifests in nginx's cache."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import orjson
import pytest

from asking import Answer
from cache.pretend_origin import PretendOrigin
from edge.app import Node
from needs import needs
from nginx.site import Site, backend, cached_files, takers
from running import Running
from waiting import until

pytestmark = [needs("nginx"), pytest.mark.timeout(60)]
PATH = "/v1/steering/hls/west/3"
MPD = b'<MPD type="dynamic" minimumUpdatePeriod="PT2S"><Period id="1"/></MPD>'


@pytest.fixture
async def site(site: Site) -> Site:
    site.settings |= {"steering__enabled": "true", "node__zone": "west"}
    return site


def names(answer: Answer) -> list[str]:
    found: list[str] = orjson.loads(answer.body)["PATHWAY-PRIORITY"]
    return found


async def soon(look: Callable[[], Awaitable[bool]], within_s: float) -> float:
    """How long it takes until something is so, seconds."""
    begun = time.monotonic()
    async with asyncio.timeout(within_s):
        while not await look():
            await asyncio.sleep(0.005)
    return time.monotonic() - begun


async def given(node: Node) -> int:
    assert node._face.steering
    return sum(node._face.steering.manifests.values())


async def test_a_manifest_is_kept_for_a_second_whatever_players_add(site: Site, running: Running) -> None:
    node = await site.start_node(running)
    seen = []
    begun = time.monotonic()
    while time.monotonic() < begun + 2.5:
        for added in ("", "?_HLS_pathway=%22pune%22&_HLS_throughput=123", "?_DASH_pathway=pune"):
            answer = await site.get(PATH + added)
            assert names(answer) == ["pune", "."]
            assert answer.headers["Edge-Steering"] == "west/3; zone west: pune by hash, load 0.00"
            assert answer.headers["Cache-Control"] == "no-store"
            inner = ("X-Accel-Expires", "Edge-Fill", "Edge-Control")
            assert not [name for name in inner if name in answer.headers]
            seen.append(answer.cache)
    assert await given(node) <= 4
    assert seen.count("hit") >= len(seen) - 4
    assert backend(node).front.counters.stored == 0
    assert node.traffic.requests_total == 0


async def test_a_kept_manifest_goes_when_a_node_dies(site: Site, running: Running) -> None:
    """It is there, it names the node, and the file goes when the death is known, not when its second is over."""
    node = await site.start_node(running)
    other = await running.start("goa", node__zone="west")
    await until(lambda: takers(node) == takers(other) == 2)
    for number in range(16):
        path = f"/v1/steering/hls/west/{number}"
        assert set(names(await site.get(path))) == {"pune", "goa", "."}
    await running.crash("goa")

    def known() -> bool:
        held = node.gossip.view().node("goa")
        return held is not None and not held.alive

    while not known():
        await site.get(PATH)
        await asyncio.sleep(0.01)

    async def gone() -> bool:
        return "goa" not in names(await site.get(PATH))

    assert await soon(gone, 2) < 0.5
    assert backend(node).steering.purges >= 1


async def test_the_file_itself_goes_at_once(site: Site, running: Running) -> None:
    node = await site.start_node(running)
    steering = backend(node).steering
    for _ in range(5):
        await soon(lambda: _stored(site), 5)
        begun = time.monotonic()
        steering.forget()
        await until(lambda: not cached_files(site.folder), 2)
        assert time.monotonic() - begun < 0.5


async def _stored(site: Site) -> bool:
    await site.get(PATH)
    return bool(cached_files(site.folder))


async def test_of_many_who_ask_at_once_one_is_given_what_nginx_keeps(site: Site, running: Running) -> None:
    node = await site.start_node(running)
    answers = await asyncio.gather(*(site.get(PATH) for _ in range(50)))
    assert {tuple(names(one)) for one in answers} == {("pune", ".")}
    assert backend(node).steering.stored <= 2


async def test_while_steering_is_off_or_a_shard_unknown_nothing_is_kept(site: Site, running: Running) -> None:
    await site.start_node(running)
    for _ in range(2):
        answer = await site.get("/v1/steering/hls/nowhere/3")
        assert (answer.status, answer.cache) == (404, "")
    odd = await site.get(PATH + "?_HLS_msn=3")
    assert names(odd) == ["pune", "."]
    assert cached_files(site.folder) == []


async def test_an_mpd_for_one_viewer_is_not_given_to_others(
    site: Site, running: Running, origin: PretendOrigin
) -> None:
    origin.serve("/live/main.mpd", MPD, {"Cache-Control": "max-age=60"})
    node = await site.start_node(running)
    shards = {(await site.get("/live/main.mpd")).body.partition(b"edge-shard=")[2][:2] for _ in range(20)}
    assert len(shards) > 3
    assert backend(node).front.counters.passed == {"steered": 20}
    assert origin.counts["/live/main.mpd"] == 1
