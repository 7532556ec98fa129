"""Leaving and coming back, as in a rolling update: nobody is sent to a node that goes, and nobody is dropped by it."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from cache.pretend_origin import SEGMENT, PretendOrigin
from edge.app import Node
from edge.model import Status
from running import Running
from waiting import until

SLOW = "/live/v240/8.m4s"


@pytest.fixture
async def origin() -> AsyncIterator[PretendOrigin]:
    made = PretendOrigin()
    await made.start()
    made.serve(SEGMENT, b"media", {"Content-Type": "video/mp4"})
    yield made
    await made.stop()


async def pair(running: Running, **settings: str) -> tuple[Node, Node]:
    stays = await running.start("stays")
    goes = await running.start("goes", **settings)
    await until(lambda: len(stays.gossip.view().alive) == len(goes.gossip.view().alive) == 2)
    return stays, goes


def takes_viewers(at: Node, name: str) -> bool:
    held = at.gossip.view().node(name)
    return held is not None and held.takes_viewers


async def test_a_node_that_leaves_is_not_ready_then_drained_then_gone(
    running: Running, http: aiohttp.ClientSession
) -> None:
    stays, goes = await pair(running, node__drain_s="1")
    leaving = asyncio.create_task(running.stop("goes"))
    await until(lambda: goes._publishing.draining)
    async with http.get(goes.member.admin + "/readyz") as ready:
        assert (ready.status, await ready.text()) == (503, "draining\n")
    await until(lambda: not takes_viewers(stays, "goes"), 0.5)
    for _ in range(5):
        async with http.get(
            goes.member.public + f"/v1/route?path={SEGMENT}", allow_redirects=False
        ) as answer:
            assert answer.headers["Location"] == stays.member.public + SEGMENT
    held = stays.gossip.view().node("goes")
    assert held
    assert held.member.status is Status.ALIVE, "it says goodbye only after the drain"
    await leaving
    assert [event.kind for event in stays._events] == ["joined", "left"]
    assert running.tasks["goes"].exception() is None
    with pytest.raises(aiohttp.ClientConnectionError):
        await http.get(goes.member.public + SEGMENT)


async def test_while_it_drains_it_serves_and_lets_go_of_connections(
    running: Running, http: aiohttp.ClientSession
) -> None:
    _, goes = await pair(running)
    by_service = {"Host": "edge.live.svc"}  # as a viewer asks who knows only the Service's name
    async with http.get(goes.member.public + SEGMENT, headers=by_service) as answer:
        assert "Connection" not in answer.headers
    leaving = asyncio.create_task(running.stop("goes"))
    await until(lambda: goes._publishing.draining)
    async with http.get(goes.member.public + SEGMENT, headers=by_service) as answer:
        assert (answer.status, await answer.read()) == (200, b"media")
        assert answer.headers["Connection"] == "close"
    await leaving


async def test_a_viewer_who_stayed_with_the_node_is_moved_on(
    running: Running, http: aiohttp.ClientSession
) -> None:
    stays, goes = await pair(running)
    leaving = asyncio.create_task(running.stop("goes"))
    await until(lambda: goes._publishing.draining)
    url = goes.member.public + SEGMENT
    async with http.get(url, params={"token": "x"}, allow_redirects=False) as answer:
        assert answer.status == 302
        assert answer.headers["Location"].startswith(f"{stays.member.public}{SEGMENT}?token=x&edge-moved=")
        assert answer.headers["Connection"] == "close"
    async with http.get(url) as answer:
        assert await answer.read() == b"media"
    await leaving


async def test_the_last_node_serves_to_the_end(running: Running, http: aiohttp.ClientSession) -> None:
    last = await running.start("last")
    leaving = asyncio.create_task(running.stop("last"))
    await until(lambda: last._publishing.draining)
    async with http.get(last.member.public + SEGMENT) as answer:
        assert (answer.status, await answer.read()) == (200, b"media")
    assert last._face.routes.unroutable == 0
    await leaving


async def test_a_request_in_flight_is_answered_before_the_end(
    running: Running, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    _, goes = await pair(running, node__drain_s="0")
    release = origin.hold(SLOW, b"slow media", {"Content-Type": "video/mp4"})
    asked = asyncio.create_task(http.get(goes.member.public + SLOW))
    await origin.arrivals(SLOW)
    leaving = asyncio.create_task(running.stop("goes"))
    await asyncio.sleep(1.2)  # drained, left, and its sockets about to close
    release.set()
    async with await asked as answer:
        assert await answer.read() == b"slow media"
    await leaving


async def test_back_under_its_name_at_another_address_it_is_one_member_and_no_suspect(
    running: Running,
) -> None:
    stays, goes = await pair(running)
    was = goes.member.address
    await running.stop("goes")
    del running.nodes["goes"]
    back = await running.start("goes")
    assert back.member.address != was
    await until(lambda: len(stays.gossip.view().alive) == 2)
    [held] = [one for one in stays.gossip.view().nodes if one.name == "goes"]
    assert held.member.address == back.member.address
    assert [event.kind for event in stays._events] == ["joined", "left", "alive"]
