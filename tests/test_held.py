"""Two nodes of a zone and a segment that is not there yet, or for which each asks the other."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial

import aiohttp
import pytest

from asking import Viewer
from cache.pretend_origin import MEDIA_PLAYLIST, PretendOrigin
from edge.app import Node
from edge.cache.peers import PeerFills
from edge.decide.placement import ORIGIN, Source, sources
from running import Running
from waiting import until

SEGMENT_S = 2.0  # as the playlist says
LATER = {"Cache-Control": "max-age=60"}  # what an origin says of anything, and of what it has not, too
VIEWERS = 20


class Pair:
    """Viewers ask `near`, which alone has the playlist; what follows it belongs to `owner`."""

    def __init__(self, near: Node, owner: Node, http: aiohttp.ClientSession) -> None:
        self.near = near
        self.owner = owner
        self.folder = next(
            folder
            for folder in (f"/live/v{number}" for number in range(1000))
            if _asks_origin(near, f"{folder}/playlist.m3u8") and _asks_origin(owner, f"{folder}/8.m4s")
        )
        self.next = f"{self.folder}/8.m4s"
        self.viewer = Viewer(http, near.member.public)

    async def knows_playlist(self, origin: PretendOrigin) -> None:
        """From now on `near` holds requests for what comes next."""
        origin.serve(f"{self.folder}/7.m4s", b"seven", LATER)
        origin.serve(f"{self.folder}/playlist.m3u8", MEDIA_PLAYLIST)
        assert (await self.viewer.get(f"{self.folder}/playlist.m3u8")).status == 200


def _asks_origin(node: Node, path: str) -> bool:
    return next(sources(node.gossip.view(), path, ())) == ORIGIN


def _wrongly(other: Node, _: str, hops: Sequence[str]) -> list[Source]:
    """The other one is the owner."""
    return [ORIGIN] if hops else [Source(other.member.name, other.member.public), ORIGIN]


@pytest.fixture
async def pair(running: Running, http: aiohttp.ClientSession) -> Pair:
    near, owner = [await running.start(name, node__zone="west") for name in ("near", "owner")]
    await until(lambda: all(len(one.gossip.view().alive) == 2 for one in (near, owner)))
    return Pair(near, owner, http)


async def test_the_owner_holds_a_request_that_another_node_passes_on_to_it(
    pair: Pair, origin: PretendOrigin
) -> None:
    await pair.knows_playlist(origin)
    origin.serve(pair.next, status=404, headers=LATER)
    viewers = [asyncio.create_task(pair.viewer.get(pair.next)) for _ in range(VIEWERS)]
    await origin.arrivals(pair.next, 2)  # the owner has asked again
    origin.serve(pair.next, b"eight", LATER)
    async with asyncio.timeout(SEGMENT_S / 2):
        answers = await asyncio.gather(*viewers)
    assert {(one.status, one.body) for one in answers} == {(200, b"eight")}
    asked = [one.headers["Via"] for one in origin.seen if one.path == pair.next]
    assert set(asked) == {"1.1 owner"}
    assert len(asked) <= 5
    assert (pair.owner.cache.counters.held, pair.near.cache.counters.held) == (1, 0)


async def test_an_origin_that_holds_it_itself_is_asked_once(pair: Pair, origin: PretendOrigin) -> None:
    await pair.knows_playlist(origin)
    release = origin.hold(pair.next, b"eight", LATER)
    viewers = [asyncio.create_task(pair.viewer.get(pair.next)) for _ in range(VIEWERS)]
    await origin.arrivals(pair.next)
    await asyncio.sleep(SEGMENT_S / 2)
    release.set()
    assert {one.status for one in await asyncio.gather(*viewers)} == {200}
    assert origin.counts[pair.next] == 1


@pytest.mark.parametrize("known", [True, False], ids=["expected", "of an unknown stream"])
async def test_what_comes_too_late_is_not_refused_for_longer_than_half_a_segment(
    pair: Pair, origin: PretendOrigin, known: bool
) -> None:
    if known:
        await pair.knows_playlist(origin)
    origin.serve(pair.next, status=404, headers=LATER)
    began = time.monotonic()
    assert (await pair.viewer.get(pair.next)).status == 404
    waited_s = time.monotonic() - began
    assert (waited_s > 0.8 * SEGMENT_S / 2) is known
    origin.serve(pair.next, b"eight", LATER)
    async with asyncio.timeout(SEGMENT_S / 2):
        while (await pair.viewer.get(pair.next)).status != 200:
            await asyncio.sleep(0.02)


async def test_nodes_that_take_each_other_for_the_owner_do_not_wait_for_each_other(
    pair: Pair, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    """As when one of them drains or is unwell, and the other has not heard so."""
    nodes = (pair.near, pair.owner)
    for node, other in (nodes, nodes[::-1]):
        fills = node.cache._upstream
        assert isinstance(fills, PeerFills)
        fills._choose = partial(_wrongly, other)
    origin.serve(pair.next, b"eight", LATER)
    asking = (Viewer(http, node.member.public).get(pair.next) for node in nodes for _ in range(VIEWERS))
    async with asyncio.timeout(2):  # the limit of one node's patience with another is four seconds
        answers = await asyncio.gather(*asking)
    assert {(one.status, one.body) for one in answers} == {(200, b"eight")}
    assert origin.counts[pair.next] == 1
