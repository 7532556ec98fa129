"""What is popular, on whole nodes: more owners in a zone, and in degraded service a longer life."""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial

import aiohttp
import pytest

from cache.pretend_origin import PretendOrigin
from edge.app import Node
from edge.decide import popularity
from edge.decide.placement import ORIGIN, sources
from edge.shell import prewarm
from running import Running
from waiting import until

SEGMENTS = [f"/live/v240/{number}.m4s" for number in range(12)]
CROWD = 5
HOT, OTHER = "/live/v240/hot.m4s", "/live/v240/other.m4s"

pytestmark = pytest.mark.timeout(90)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planned several times a second."""
    monkeypatch.setattr(prewarm, "LOOK_EVERY_S", 0.1)
    monkeypatch.setattr(popularity, "EVERY_S", 0.1)


@pytest.fixture
async def origin() -> AsyncIterator[PretendOrigin]:
    made = PretendOrigin()
    await made.start()
    for path in SEGMENTS:
        made.serve(path, b"video" * 2000, {"Cache-Control": "max-age=300"})
    yield made
    await made.stop()


async def get(http: aiohttp.ClientSession, node: Node, path: str) -> tuple[int, str]:
    async with http.get(f"{node.member.public}{path}") as answer:
        await answer.read()
        return answer.status, answer.headers.get("Cache-Status", "")


async def crowd(http: aiohttp.ClientSession, nodes: list[Node], path: str) -> None:
    found = await asyncio.gather(*(get(http, node, path) for node in nodes for _ in range(CROWD)))
    assert {status for status, _ in found} == {200}


def givers(nodes: list[Node]) -> list[int]:
    """Requests of other nodes that each has answered so far."""
    return [node.cache.counters.peer_requests for node in nodes]


def heat_of(node: Node) -> float:
    return node.prewarm._parts.popularity.heat(SEGMENTS[-1], time.monotonic())


@pytest.mark.parametrize(("hot_rate", "most"), [("1000000", 7), ("1", 4)])
async def test_what_is_hot_in_a_zone_has_several_owners_there_and_costs_the_origin_one_request(
    running: Running, origin: PretendOrigin, http: aiohttp.ClientSession, hot_rate: str, most: int
) -> None:
    settings = {"node__zone": "west", "cache__hot_rate": hot_rate, "prewarm__enabled": "false"}
    nodes = [await running.start(f"west-{number}", **settings) for number in range(8)]
    await until(lambda: all(len(node.gossip.view().alive) == len(nodes) for node in nodes), 20)
    for path in SEGMENTS[:4]:
        await crowd(http, nodes, path)
    await until(lambda: all(heat_of(node) > 10 for node in nodes))
    for path in SEGMENTS[4:]:
        before = givers(nodes)
        await crowd(http, nodes, path)
        given = [after - one for after, one in zip(givers(nodes), before, strict=True)]
        assert origin.counts[path] == 1
        assert sum(given) == 7
        assert max(given) == most
    assert not any(node.cache.counters.peer_errors for node in nodes)


async def test_with_the_first_of_several_owners_killed_in_mid_fill_the_origin_is_not_asked_by_each_of_the_others(
    running: Running, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    settings = {"cache__hot_rate": "1", "prewarm__enabled": "false"}
    nodes = [
        await running.start(f"{zone}-{number}", node__zone=zone, **settings)
        for zone, each in (("west", 8), ("north", 1))
        for number in range(each)
    ]
    await until(lambda: all(len(node.gossip.view().alive) == len(nodes) for node in nodes), 20)
    west = nodes[:8]
    for path in SEGMENTS[:4]:
        await crowd(http, west, path)
    await until(lambda: all(heat_of(node) > 10 for node in west))
    path = SEGMENTS[4]
    release = origin.hold(path, b"video" * 2000, {"Cache-Control": "max-age=300"})
    waiting = [asyncio.create_task(get(http, node, path)) for node in west]
    await origin.arrivals(path)
    first = next(node for node in west if next(sources(node.gossip.view(), path, ())) == ORIGIN)
    await running.crash(first.member.name)
    release.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    answered = [one[0] for one in found if not isinstance(one, BaseException)]
    assert answered.count(200) == len(answered) >= 7
    assert origin.counts[path] <= 2  # its own, and the other zone's


async def held_at(node: Node, level: int) -> None:
    node.monsoon.override({"level": level})
    await until(partial(is_at, node, level))
    await asyncio.sleep(0.3)  # a look at what is popular


def is_at(node: Node, level: int) -> bool:
    return node.monsoon.level == level


@pytest.mark.parametrize(("level", "asked"), [(0, 2), (1, 2), (2, 1), (3, 1)])
async def test_from_level_2_on_what_was_popular_stays_though_much_else_is_asked_for(
    running: Running, origin: PretendOrigin, http: aiohttp.ClientSession, level: int, asked: int
) -> None:
    node = await running.start("pune", cache__memory_bytes=str(1 << 20))
    for path in (HOT, *(f"/vod/{number}.m4s" for number in range(60))):
        origin.serve(path, bytes(50_000), {"Cache-Control": "max-age=300"})
    for _ in range(2):
        await get(http, node, HOT)
    await until(lambda: node.prewarm.status()["retained"] == 1)
    await held_at(node, level)
    for number in range(60):
        for _ in range(3):  # used, so that they take the main queue
            await get(http, node, f"/vod/{number}.m4s")
        node.traffic._segments._sums.pop(f"/vod/{number}.m4s", None)  # but not what the cluster watches
    status, told = await get(http, node, HOT)
    assert status == 200
    assert told.startswith('"pune"; hit') == (asked == 1)
    assert origin.counts[HOT] == asked


async def test_from_level_2_on_what_was_popular_counts_as_fresh_longer_than_the_rest(
    running: Running, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    node = await running.start("pune")
    for path in (HOT, OTHER):
        origin.serve(path, b"media", {"Cache-Control": "max-age=1"})
    await get(http, node, HOT)
    await until(lambda: node.prewarm.status()["retained"] == 1)
    await held_at(node, 2)
    await get(http, node, HOT)  # over and renewed, or extended
    await node.cache.prewarm(OTHER)  # nobody watches it
    begun = time.monotonic()
    while time.monotonic() < begun + 4.5:
        await asyncio.sleep(0.1)
    status, told = await get(http, node, HOT)
    assert (status, told.startswith('"pune"; hit; ttl=-')) == (200, True)
    status, told = await get(http, node, OTHER)
    assert (status, told.startswith('"pune"; fwd=stale')) == (200, True)
    assert (origin.counts[HOT], origin.counts[OTHER]) == (1, 2)
    await held_at(node, 0)
    assert (await get(http, node, HOT))[1].startswith('"pune"; fwd=stale')
    assert origin.counts[HOT] == 2
