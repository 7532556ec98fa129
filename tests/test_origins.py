"""Whole nodes before several origins: none of the viewers notices when one of two dies."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cache.pretend_origin import PretendOrigin
from edge.app import Node
from running import Running
from waiting import until

HEALTH = "/healthz"
SEGMENTS = 1200


@pytest.fixture
async def origins() -> AsyncIterator[list[PretendOrigin]]:
    """Two that publish whatever they are asked for below /live/."""
    made = [PretendOrigin(), PretendOrigin()]
    for one in made:
        one.serve(HEALTH)
        for number in range(SEGMENTS):
            one.serve(f"/live/{number}.m4s", b"media" * 1000, {"Cache-Control": "max-age=300"})
        await one.start()
    yield made
    for one in made:
        await one.stop()


@pytest.fixture
def origin(origins: list[PretendOrigin]) -> PretendOrigin:
    return origins[0]


def listed(origins: list[PretendOrigin], *options: str) -> str:
    return ",".join(f"{one.url}{option}" for one, option in zip(origins, options or ("", ""), strict=True))


async def told(http: aiohttp.ClientSession, node: Node, path: str) -> Any:
    async with http.get(node.member.admin + path) as answer:
        return await answer.json() if path.startswith("/v1") else (await answer.text()).splitlines()


async def watch(http: aiohttp.ClientSession, nodes: list[Node], results: Counter[int], begin: int) -> None:
    """A viewer who asks each node in turn for one segment after the other, each of which nobody has asked for."""
    for number in range(begin, SEGMENTS, 20):
        node = nodes[number % len(nodes)]
        async with http.get(f"{node.member.public}/live/{number}.m4s") as answer:
            assert await answer.read() or answer.status != 200
            results[answer.status] += 1


async def test_no_viewer_s_request_fails_when_one_of_two_origins_dies(
    origins: list[PretendOrigin], running: Running, http: aiohttp.ClientSession
) -> None:
    settings = {"cache__origins": listed(origins), "node__zone": "west"}
    nodes = [await running.start(name, **settings) for name in ("pune", "mumbai")]
    await until(lambda: all(len(node.gossip.view().alive) == 2 for node in nodes))
    results: Counter[int] = Counter()
    viewers = [asyncio.create_task(watch(http, nodes, results, begin)) for begin in range(20)]
    await until(lambda: results.total() > 200, 20)
    assert min(one.counts.total() for one in origins) > 50
    await origins[0].stop()
    await until(lambda: results.total() > 700, 20)
    await origins[0].start()
    await asyncio.gather(*viewers)
    assert results == {200: SEGMENTS}
    assert [node.cache.counters.fill_errors for node in nodes] == [{}, {}]
    assert [node.monsoon.level for node in nodes] == [0, 0]


async def test_view_metrics_and_events_show_which_origin_is_down(
    origins: list[PretendOrigin], running: Running, http: aiohttp.ClientSession
) -> None:
    pune = await running.start(
        "pune",
        cache__origins=listed(origins, ";priority=1", ";priority=2;weight=5"),
        origin__check_path=HEALTH,
        origin__check_s="0.05",
    )
    names = [one.url for one in origins]
    await until(lambda: all(one.counts[HEALTH] > 1 for one in origins))
    found = (await told(http, pune, "/v1/view"))["origins"]
    assert [(one["url"], one["priority"], one["weight"], one["up"]) for one in found] == [
        (names[0], 1, 1, True),
        (names[1], 2, 5, True),
    ]
    assert f'edge_origin_up{{origin="{names[0]}"}} 1.0' in await told(http, pune, "/metrics")

    await origins[0].stop()
    await until(lambda: any(event.kind == "origin" for event in pune._events))
    assert re.fullmatch(
        rf"origin {names[0]} is down: \d+ checks failed in a row", list(pune._events)[-1].text
    )
    async with http.get(f"{pune.member.public}/live/1.m4s") as answer:
        assert answer.status == 200
    first, second = (await told(http, pune, "/v1/view"))["origins"]
    assert (first["up"], first["requests"]) == (False, 0)  # no viewer had to find out
    assert (second["up"], second["requests"]) == (True, 1)
    lines = await told(http, pune, "/metrics")
    assert f'edge_origin_up{{origin="{names[0]}"}} 0.0' in lines
    assert f'edge_origin_requests_total{{origin="{names[1]}"}} 1.0' in lines

    await origins[0].start()
    await until(lambda: list(pune._events)[-1].text == f"origin {names[0]} is up")


async def test_a_failing_health_page_takes_an_origin_out_of_service(
    origins: list[PretendOrigin], running: Running, http: aiohttp.ClientSession
) -> None:
    pune = await running.start(
        "pune",
        cache__origins=listed(origins),
        origin__check_path=HEALTH,
        origin__check_s="0.05",
        origin__check_timeout_s="0.2",
    )

    async def too_late(_: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    def is_up() -> bool:
        return bool(pune._origins.status()[0]["up"])

    origins[0].serve(HEALTH, status=404)
    await until(lambda: not is_up())
    origins[0].serve(HEALTH, status=302)
    await until(is_up)
    origins[0].on(HEALTH, too_late)
    await until(lambda: not is_up())
    assert pune._origins.status()[1]["up"]


async def test_failures_of_fills_are_counted_by_reason(
    origins: list[PretendOrigin], running: Running, http: aiohttp.ClientSession
) -> None:
    pune = await running.start("pune", cache__origins=listed(origins))
    await origins[1].stop()
    results: Counter[int] = Counter()
    await watch(http, [pune], results, 0)
    assert set(results) == {200}
    lines = await told(http, pune, "/metrics")
    assert f'edge_origin_failures_total{{origin="{origins[1].url}",reason="connect"}} 3.0' in lines
    [down] = [one for one in (await told(http, pune, "/v1/view"))["origins"] if not one["up"]]
    assert down["reason"] == "3 fills failed in a row, last by connect"
    assert 0 <= down["retry_in_s"] <= 1
