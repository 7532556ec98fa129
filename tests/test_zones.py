"""Nodes of a zone fill from each other: the origin is asked once for each zone, whatever the crowd."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import aiohttp
import pytest

from cache.pretend_origin import PretendOrigin
from edge.app import Node
from edge.cache.purge import Purge
from edge.decide.placement import ORIGIN, sources
from running import Running
from waiting import until

ZONES = ("west", "north")
EACH = 4
SEGMENTS = [f"/live/v240/{number}.m4s" for number in range(20)]
CROWD = 5  # viewers of each segment at each node, at the same moment
CACHED = {"Cache-Control": "max-age=300", "Surrogate-Key": "match-7"}

pytestmark = pytest.mark.timeout(90)


@pytest.fixture
async def origin() -> AsyncIterator[PretendOrigin]:
    made = PretendOrigin()
    await made.start()
    for path in SEGMENTS:
        made.serve(path, b"video" * 2000, CACHED)
    yield made
    await made.stop()


@pytest.fixture
async def zones(running: Running) -> list[Node]:
    """Two zones of four nodes, which know each other."""
    nodes = [
        await running.start(f"{zone}-{number}", node__zone=zone) for zone in ZONES for number in range(EACH)
    ]
    await until(lambda: all(len(node.gossip.view().alive) == len(nodes) for node in nodes), 20)
    return nodes


async def get(http: aiohttp.ClientSession, node: Node, path: str) -> tuple[int, bytes, str]:
    async with http.get(f"{node.member.public}{path}") as answer:
        return answer.status, await answer.read(), answer.headers.get("Cache-Status", "")


def owner_of(zone: list[Node], path: str) -> Node:
    """The node of a zone that asks the origin."""
    return next(node for node in zone if next(sources(node.gossip.view(), path, ())) == ORIGIN)


async def corrected(origin: PretendOrigin, zones: list[Node], http: aiohttp.ClientSession, path: str) -> None:
    """All nodes hold an object, and the origin has another one by now."""
    for node in zones:
        await get(http, node, path)
    origin.serve(path, b"corrected", CACHED)


async def crowd(http: aiohttp.ClientSession, nodes: list[Node], path: str) -> None:
    found = await asyncio.gather(*(get(http, node, path) for node in nodes for _ in range(CROWD)))
    assert {(status, body) for status, body, _ in found} == {(200, b"video" * 2000)}


def asked(origin: PretendOrigin) -> float:
    """Requests to the origin for each segment and zone."""
    return sum(origin.counts[path] for path in SEGMENTS) / len(SEGMENTS) / len(ZONES)


async def test_a_crowd_costs_the_origin_one_request_for_each_segment_and_zone(
    origin: PretendOrigin, zones: list[Node], http: aiohttp.ClientSession
) -> None:
    for path in SEGMENTS:
        await crowd(http, zones, path)
    assert asked(origin) == 1.0
    assert not any(node.cache.counters.peer_errors for node in zones)


async def test_with_a_node_killed_it_is_no_more(
    origin: PretendOrigin, zones: list[Node], running: Running, http: aiohttp.ClientSession
) -> None:
    for number, path in enumerate(SEGMENTS):
        if number == 10:
            await running.crash("west-1")
            zones = [node for node in zones if node.member.name != "west-1"]
        await crowd(http, zones, path)
    assert 0.9 <= asked(origin) <= 1.2  # who misses the owner finds what it lacks in the other zone


async def test_an_owner_killed_in_mid_fill_costs_one_request_more(
    origin: PretendOrigin, zones: list[Node], running: Running, http: aiohttp.ClientSession
) -> None:
    path = SEGMENTS[0]
    release = origin.hold(path, b"video" * 2000, CACHED)
    west = zones[:EACH]
    waiting = [asyncio.create_task(get(http, node, path)) for node in west]
    await origin.arrivals(path)
    owner = owner_of(west, path)
    await running.crash(owner.member.name)
    release.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    answered = [one for one in found if not isinstance(one, BaseException)]
    assert len(answered) >= EACH - 1
    assert {status for status, _, _ in answered} == {200}
    assert origin.counts[path] <= 3  # its own, the other zone's, and no crowd


async def test_no_peer_is_taken_for_a_viewer(
    origin: PretendOrigin, zones: list[Node], http: aiohttp.ClientSession
) -> None:
    for path in SEGMENTS:
        await get(http, zones[0], path)
    assert sum(node.cache.counters.peer_requests for node in zones[1:EACH]) > 0
    assert [node.traffic.requests_total for node in zones] == [len(SEGMENTS), *[0] * 7]


async def test_what_peers_tell_each_other_no_viewer_sees(
    origin: PretendOrigin, zones: list[Node], http: aiohttp.ClientSession
) -> None:
    for node in zones[:EACH]:
        async with http.get(
            f"{node.member.public}{SEGMENTS[0]}", headers={"Edge-Peer": "west-0; 1; ff"}
        ) as answer:
            assert not {"Edge-Peer", "CDN-Cache-Control", "Surrogate-Key"} & set(answer.headers)


def acted(node: Node) -> int:
    """How many are known to this node to have acted on the purge."""
    return sum(len(one["reached"]) for one in node.events.all())


async def test_a_purge_by_tag_hits_what_came_from_a_peer(
    origin: PretendOrigin, zones: list[Node], http: aiohttp.ClientSession
) -> None:
    path = SEGMENTS[0]
    await corrected(origin, zones, http, path)
    zones[5].events.purge({"tag": "match-7"})
    await until(lambda: all(acted(node) == len(zones) for node in zones), 10)
    for node in zones:
        assert (await get(http, node, path))[1] == b"corrected"


async def test_who_has_purged_takes_nothing_older_from_one_who_has_not(
    origin: PretendOrigin, zones: list[Node], http: aiohttp.ClientSession
) -> None:
    """Purges reach nodes one after another; here only one has heard of it."""
    path = SEGMENTS[0]
    await corrected(origin, zones, http, path)
    for node in zones[:EACH]:
        node.cache.purge(Purge("url", path))
        assert (await get(http, node, path))[1] == b"corrected"


async def test_an_island_without_a_way_to_the_origin_fills_through_another_zone(
    running: Running, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    near = await running.start("west-0", node__zone="west", cache__origin="http://127.0.0.1:1")
    far = await running.start("north-0", node__zone="north")
    await until(lambda: len(near.gossip.view().alive) == len(far.gossip.view().alive) == 2, 10)
    status, body, told = await get(http, near, SEGMENTS[0])
    assert (status, body) == (200, b"video" * 2000)
    assert "fwd=uri-miss; fwd-status=200; stored" in told
    assert near.cache.counters.peer_fills == 1


def holds_level(node: Node, level: int) -> bool:
    return node.monsoon.level == level


async def test_at_level_2_what_the_zone_holds_is_not_fetched_from_outside(
    origin: PretendOrigin, zones: list[Node], http: aiohttp.ClientSession
) -> None:
    path, west = SEGMENTS[0], zones[:EACH]
    for node in west:
        await get(http, node, path)
    owner = owner_of(west, path)
    before = origin.counts[path]
    for level, more in ((2, 0), (0, 1)):
        owner.monsoon.override({"level": level})
        await until(partial(holds_level, owner, level), 5)
        owner.cache._store.drop(path)
        assert (await get(http, owner, path))[1] == b"video" * 2000
        assert origin.counts[path] == before + more
