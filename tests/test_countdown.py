"""Scheduled events on whole nodes whose clocks are wrong: all begin together, and the origin is asked in time."""

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from cache.pretend_origin import MEDIA_PLAYLIST, PLAYLIST, PretendOrigin
from edge.app import Node
from edge.shell.viewjson import SeenEvent
from running import Running
from waiting import until

SKEWS_S = (0.0, -4.0, 3.0, 0.4, -0.3, 5.0, -5.0, 1.0)
ZONES = ("west", "north")

pytestmark = pytest.mark.timeout(90)


@pytest.fixture
async def origin() -> AsyncIterator[PretendOrigin]:
    made = PretendOrigin()
    await made.start()
    made.serve(PLAYLIST, MEDIA_PLAYLIST, {"Content-Type": "application/vnd.apple.mpegurl"})
    yield made
    await made.stop()


async def cluster(running: Running) -> list[Node]:
    """Eight nodes with clocks up to 5 s wrong, each of which knows the clocks of all."""
    running.ahead_s = {f"edge-{number}": ahead_s for number, ahead_s in enumerate(SKEWS_S)}
    nodes = [
        await running.start(
            name,
            node__zone=ZONES[number % 2],
            node__capacity="100000",
            schedule__prewarm_lead_s="1",
            schedule__tempo_lead_s="2",
        )
        for number, name in enumerate(running.ahead_s)
    ]
    await until(lambda: all(knows_all(node) for node in nodes), 30)
    return nodes


def knows_all(node: Node) -> bool:
    view = node.gossip.view()
    linked = [one for one in view.nodes if one.link and one.link.clock_ahead_s]
    return len(view.alive) == len(SKEWS_S) and len(linked) >= len(SKEWS_S) - 1


def said(node: Node, words: str) -> list[SeenEvent]:
    return [one for one in node._events if one.kind == "schedule" and words in one.text]


async def test_nodes_with_wrong_clocks_begin_together_and_have_fetched_before(
    running: Running, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    nodes = await cluster(running)
    cluster_s = nodes[3].schedule.wall_ms() / 1000
    asked = {"name": "final", "at": cluster_s + 4, "expected_peak": 1_000_000, "paths": [PLAYLIST]}
    begun = time.time()
    async with http.post(f"{nodes[3].member.admin}/v1/schedule", json=asked) as answer:
        assert answer.status == 202
        told = await answer.json()
    assert told["verdict"]["text"] == "short by 500.0 K streams: add 6 nodes of 100,000"
    await until(lambda: all(node.schedule.events for node in nodes))
    assert not origin.counts[PLAYLIST]
    await until(lambda: all(said(node, "begins in") for node in nodes), 10)
    await until(lambda: nodes[0].gossip.state_figures()["tick_seconds"] <= 0.06, 3)
    await until(lambda: all(said(node, "final begins") and said_on(node) for node in nodes), 10)
    starts = sorted(said_on(node)[0].time for node in nodes)
    assert starts[-1] - starts[0] < 0.1  # the target; 0.02 is what a quiet machine shows
    assert starts[0] - begun == pytest.approx(4, abs=0.5)
    assert 1 <= origin.counts[PLAYLIST] <= 2 * len(ZONES) * 2


def said_on(node: Node) -> list[SeenEvent]:
    return [one for one in said(node, "final begins") if one.text == "final begins"]


async def test_an_event_is_listed_changed_and_removed_at_any_node(
    running: Running, http: aiohttp.ClientSession
) -> None:
    one, other = [await running.start(name, node__zone="west") for name in ("a", "b")]
    await until(lambda: len(one.gossip.view().alive) == len(other.gossip.view().alive) == 2)
    asked = {"name": "final", "at": time.time() + 600, "expected_peak": 500, "zones": {"west": 1.0}}
    async with http.post(f"{one.member.admin}/v1/schedule", json=asked) as answer:
        assert answer.status == 202
    await until(lambda: other.schedule.events)
    async with http.get(f"{other.member.admin}/v1/schedule") as answer:
        [listed] = (await answer.json())["events"]
    assert (listed["name"], listed["by"], listed["phase"]) == ("final", "a", "waits")
    assert listed["zones"]["west"]["text"].startswith("enough")
    async with http.get(f"{other.member.admin}/metrics") as answer:
        assert "edge_schedule_needed_streams 610.0" in await answer.text()
    async with http.delete(f"{other.member.admin}/v1/schedule/final") as answer:
        assert answer.status == 202
    await until(lambda: not one.schedule.events)
    async with http.delete(f"{other.member.admin}/v1/schedule/final") as answer:
        assert (answer.status, "no event is called" in await answer.text()) == (400, True)


async def test_a_node_that_starts_later_hears_of_an_event_and_acts_on_it(
    running: Running, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    one = await running.start("a")
    asked = {"name": "final", "at": time.time() - 5, "expected_peak": 5, "paths": [PLAYLIST]}
    async with http.post(f"{one.member.admin}/v1/schedule", json=asked) as answer:
        assert answer.status == 202
    await until(lambda: origin.counts[PLAYLIST] == 1)
    later = await running.start("b")
    await until(lambda: said(later, "final begins"))
    await asyncio.wait_for(until(lambda: origin.counts[PLAYLIST] == 2), 5)
