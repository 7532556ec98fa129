"""hls.js in Chromium while a cap comes and goes: it switches down where its rung is refused, and plays on."""

import asyncio
from collections.abc import Callable

import pytest
from playwright.async_api import Page

from live_demo.browser import longest_stall_s, plays, until_page, watch_for_stalls
from live_demo.cluster import Cluster
from needs import needs

pytestmark = [needs("chromium"), pytest.mark.timeout(150)]
LOWEST = "v240"


@pytest.fixture
async def node(cluster: Cluster) -> Cluster:
    """One node whose cap of monsoon mode lies above the lowest rung only."""
    await cluster.origin()
    await cluster.node("mumbai", monsoon_ladder_kbps=100)
    return cluster


async def level(cluster: Cluster, value: int | None) -> None:
    url = f"{cluster.nodes['mumbai'].admin}/v1/monsoon"
    async with cluster.http.post(url, json={"level": value}) as answer:
        assert answer.status == 202


async def test_hlsjs_leaves_a_refused_rung_without_a_stall(node: Cluster, page: Page) -> None:
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    await page.goto(f"{node.nodes['mumbai'].admin}/?player=hlsjs")
    await plays(page, 4)
    await _until(lambda: _segments(asked[-12:]) - {LOWEST})  # it has gone up
    await watch_for_stalls(page)
    await level(node, 1)
    await plays(page, 8)
    asked.clear()
    await plays(page, 8)
    assert _segments(asked) == {LOWEST}
    assert await longest_stall_s(page) < 1
    assert await node.metric("mumbai", "edge_admission_refused_total", reason="capped") >= 1
    assert wrong == []


async def test_a_session_that_begins_under_the_cap_knows_no_other_rung(node: Cluster, page: Page) -> None:
    await level(node, 1)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(f"{node.nodes['mumbai'].admin}/?player=hlsjs")
    await plays(page, 6)
    assert _segments(asked) == {LOWEST}
    assert await node.metric("mumbai", "edge_admission_refused_total", reason="capped") == 0
    await until_page(page, "document.querySelector('video').error === null")


def _segments(urls: list[str]) -> set[str]:
    """Video rungs of which segments were asked for."""
    parts = [url.split("/") for url in urls if url.endswith(".m4s")]
    return {part[-2] for part in parts if part[-2].startswith("v")}


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.1)
