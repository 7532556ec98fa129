"""The live page and its player in headless Chromium."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Page

from live_demo.browser import plays, until_page
from live_demo.cluster import Cluster, free_address
from live_demo.demo import Demo
from needs import needs
from waiting import until

pytestmark = [needs("chromium"), pytest.mark.timeout(120)]
CITIES = ("mumbai", "pune", "delhi")


@pytest.fixture
async def watched(cluster: Cluster) -> Cluster:
    """Three nodes and no viewer but the browser."""
    await cluster.origin()
    page = free_address(socket.SOCK_STREAM)  # which the others must know, to let its page read their view
    await cluster.node("mumbai", admin_bind=str(page))
    for name in CITIES[1:]:
        await cluster.node(name, admin_page_origins=f"http://{page}")
    await cluster.whole(*CITIES)
    return cluster


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Demo]:
    """Eight cities whose network can be broken."""
    demo = Demo(tmp_path)
    yield demo
    demo.kill()


async def senders(cluster: Cluster, playing: asyncio.Task[None]) -> set[str]:
    """Nodes that sent segments meanwhile; the browser is the only viewer there is."""
    found: set[str] = set()
    while not playing.done():
        found |= {one["name"] for one in (await cluster.view("mumbai"))["members"] if one["top"]}
        await asyncio.sleep(0.2)
    playing.result()
    return found


@pytest.mark.parametrize("engine", ["native", "hlsjs"])
async def test_the_stream_plays_and_its_segments_come_from_several_nodes(
    watched: Cluster, page: Page, engine: str
) -> None:
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    await page.goto(f"{watched.nodes['mumbai'].admin}/?player={engine}")
    sent = await senders(watched, asyncio.create_task(plays(page, 5)))
    assert await page.get_attribute("#player", "data-engine") == engine
    assert len(sent) >= 2
    if engine == "hlsjs":
        named = (await page.get_attribute("#player", "data-nodes") or "").split()
        assert len(set(named)) >= 2
        assert set(named) <= set(CITIES)
    assert wrong == []


async def test_the_page_shows_the_cluster_and_follows_it_through_a_failure(
    watched: Cluster, page: Page
) -> None:
    await page.goto(watched.nodes["mumbai"].admin)
    await page.wait_for_selector("body[data-connection=live]")
    await until_page(page, "document.querySelector('#total-alive').textContent === '3'")
    for name in CITIES:
        assert await page.locator(f'#nodes tr[data-node="{name}"][data-status="alive"]').count() == 1
        assert await page.locator(f'#map g[data-node="{name}"]').count() == 1

    watched.nodes["pune"].kill()
    await page.wait_for_selector('#nodes tr[data-node="pune"][data-status="unreachable"]')
    await page.wait_for_selector('#events li[data-kind="unreachable"][data-node="pune"]')

    watched.nodes["mumbai"].kill()  # the page's own node: it goes on with another one
    await page.wait_for_selector("body[data-connection=live]")
    await page.wait_for_selector('#nodes tr[data-node="mumbai"]:not([data-status="alive"])')


async def test_it_plays_on_when_a_node_dies(watched: Cluster, page: Page) -> None:
    await page.goto(f"{watched.nodes['mumbai'].admin}/?player=hlsjs")
    await plays(page, 2)
    watched.nodes["pune"].kill()
    await asyncio.sleep(1)
    await plays(page, 8)


async def test_it_tries_again_where_there_was_no_stream(watched: Cluster, page: Page) -> None:
    await page.route("**/live/main.m3u8", lambda route: route.fulfill(status=502))
    await page.goto(f"{watched.nodes['mumbai'].admin}/?player=native")
    await until_page(page, "document.querySelector('video').error !== null")
    await page.unroute("**/live/main.m3u8")
    await plays(page, 2)


async def all_hear_of_a_purge(admin: str) -> None:
    """A cut city tells the others over the second path, and hears that they have acted."""
    async with aiohttp.ClientSession(admin) as http:
        await http.post("/v1/purge", json={"prefix": "/nothing/"})

        async def acted() -> list[str]:
            async with http.get("/v1/events") as answer:
                [event] = (await answer.json())["events"]
                return list(event["reached"])

        async with asyncio.timeout(10):
            while len(await acted()) < 8:
                await asyncio.sleep(0.2)


async def break_by_button(page: Page, fault: str) -> None:
    await page.click(f'#faults button[data-fault="{fault}"]')
    await page.wait_for_selector(f'#faults button[data-fault="{fault}"][aria-pressed=true]')


async def banner_says(page: Page, words: str) -> None:
    await until_page(page, f"document.querySelector('#banner').textContent.includes('{words}')")


async def sides(page: Page, side: str) -> list[str]:
    """Names of the nodes that the table shows on this side of the cut; the map must say the same."""
    rows = await page.locator(f'#nodes tr[data-side="{side}"] th').all_inner_texts()
    assert await page.locator(f'#map g[data-side="{side}"]').count() == len(rows)
    return [row.split(" ")[0] for row in rows]


async def test_a_city_that_a_button_cuts_off_is_an_island_until_another_heals_it(
    demo: Demo, page: Page
) -> None:
    await page.goto(await demo.up())
    await page.wait_for_selector('body[data-connection=live][data-partition=""]')
    assert await page.is_hidden("#banner")

    await break_by_button(page, "city mumbai")
    await banner_says(page, "lost; this side, 1 of 8 nodes, is not the majority.")
    assert (await page.inner_text("#banner")).startswith("Partition since ")
    assert await page.get_attribute("body", "data-partition") == "minority"
    assert await sides(page, "island") == ["mumbai"]
    assert len(await sides(page, "lost")) == 7
    await page.wait_for_selector('#timeline .mark[data-kind="partition"]')
    await page.wait_for_selector('#timeline .mode[data-mode="monsoon"][data-level="2"]')
    await page.wait_for_selector('#nodes tr[data-node="mumbai"][data-level="2"]')
    await all_hear_of_a_purge(page.url)

    await page.click("#faults .heal")
    await page.wait_for_selector('body[data-partition=""]')
    await page.wait_for_selector('#timeline .mark[data-kind="healed"]')
    await until_page(page, "document.querySelector('#total-alive').textContent === '8'")
    assert await sides(page, "island") == await sides(page, "lost") == []


async def test_a_region_that_a_button_cuts_off_is_whole_in_itself(demo: Demo, page: Page) -> None:
    await page.goto(await demo.up())
    await break_by_button(page, "region west")
    await banner_says(page, "this side, 3 of 8 nodes, is not the majority.")
    assert await sides(page, "island") == ["ahmedabad", "mumbai", "pune"]
    assert await sides(page, "lost") == ["bangalore", "chennai", "delhi", "hyderabad", "kolkata"]


async def test_the_stream_comes_back_with_the_origin(demo: Demo, page: Page) -> None:
    await page.goto(await demo.up())
    await plays(page, 2)
    await break_by_button(page, "origin origin")
    await until(lambda: "origin is held back" in demo.said, 15)
    await page.wait_for_selector('#nodes tr[data-node="mumbai"][data-level="2"]')
    await page.click("#faults .heal")
    await until(lambda: "origin is back" in demo.said, 15)
    await plays(page, 5)


async def test_only_the_demo_has_buttons_that_break_things(watched: Cluster, page: Page) -> None:
    await page.goto(watched.nodes["mumbai"].admin)
    await page.wait_for_selector("#nodes tr[data-node]")
    await asyncio.sleep(3)  # longer than it looks for them
    assert await page.is_hidden("#faults")
