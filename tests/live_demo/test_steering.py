"""hls.js in headless Chromium follows content steering."""

import asyncio
import itertools
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Page, async_playwright

from live_demo.cluster import Cluster, free_address
from needs import needs

pytestmark = [needs("chromium"), pytest.mark.timeout(120)]
LIBRARY = Path(__file__).resolve().parents[2] / "edge/shell/page/vendor/hls.min.js"
ZONES = {"mumbai": "west", "pune": "west", "delhi": "north"}
CAPACITY = 100
PLAYLIST = "live/v240/playlist.m3u8"
SETTINGS: dict[str, str | int] = {
    "node_drain_s": 6,
    "node_capacity": CAPACITY,
    "steering_enabled": "true",
    "steering_ttl_s": 2,
}
PAGE = """<!doctype html><video muted></video><script src="/hls.js"></script><script>
const video = document.querySelector("video");
const seen = { fragments: [], orders: [], stalls: 0, errors: [] };
function play(url) {
  const hls = new Hls({ liveSyncDurationCount: 3 });
  hls.on(Hls.Events.STEERING_MANIFEST_LOADED, (_, data) => seen.orders.push(data.steeringManifest["PATHWAY-PRIORITY"]));
  hls.on(Hls.Events.FRAG_LOADED, (_, data) => seen.fragments.push({
    asked: new URL(data.frag.url).host, type: data.frag.type, at: video.currentTime }));
  hls.on(Hls.Events.ERROR, (_, data) => seen.errors.push(`${data.details} ${data.fatal}`));
  hls.loadSource(url);
  hls.attachMedia(video);
  video.addEventListener("playing", () => {
    video.addEventListener("waiting", () => (seen.stalls += 1));
  }, { once: true });
  video.play();
}
</script>"""


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """A page with a player, from a server of its own."""
    app = web.Application()
    app.router.add_get("/", _page)
    app.router.add_get("/hls.js", _library)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        page = await browser.new_page()
        await page.goto(f"http://127.0.0.1:{runner.addresses[0][1]}/")
        yield page
        await browser.close()
    await runner.cleanup()


async def _page(_: web.Request) -> web.Response:
    return web.Response(text=PAGE, content_type="text/html")


async def _library(_: web.Request) -> web.FileResponse:
    return web.FileResponse(LIBRARY)


@pytest.fixture
def place() -> Callable[[], str]:
    """Gives addresses for public ports."""
    port = free_address(socket.SOCK_STREAM).port
    hosts = itertools.count(2)
    return lambda: f"127.0.0.{next(hosts)}:{port}"


@pytest.fixture
async def steering(cluster: Cluster, place: Callable[[], str]) -> Cluster:
    """Two nodes of a zone and one of another, each with an address of its own, as pods have them, and the same port."""
    await cluster.origin()
    for name, zone in ZONES.items():
        await cluster.node(name, node_zone=zone, public_bind=place(), **SETTINGS)
    await cluster.whole(*ZONES)
    return cluster


async def seen(page: Page) -> Any:
    return await page.evaluate("seen")


async def until_seen(page: Page, expression: str, within_s: float = 30) -> None:
    deadline = asyncio.get_running_loop().time() + within_s
    while not await page.evaluate(expression):
        assert asyncio.get_running_loop().time() < deadline, f"{expression}: {await seen(page)}"
        await asyncio.sleep(0.1)


@asynccontextmanager
async def crowd(cluster: Cluster, name: str) -> AsyncIterator[None]:
    """Meanwhile so many are at a node that it is full."""

    async def come() -> None:
        while True:
            for number in range(CAPACITY + 20):
                query = f"CMCD=sid%3D%22{number}%22"
                async with cluster.http.get(f"{cluster.nodes[name].public}/{PLAYLIST}?{query}") as answer:
                    assert answer.status == 200
            await asyncio.sleep(2)

    coming = asyncio.create_task(come())
    yield
    assert not coming.done(), coming
    coming.cancel()


def host_of(cluster: Cluster, name: str) -> str:
    return cluster.nodes[name].public.removeprefix("http://")


async def test_it_goes_over_to_another_node_without_a_stall(steering: Cluster, page: Page) -> None:
    """The node that it plays from fills up. Nothing forces it away: it is told to prefer another, and does."""
    await page.evaluate(f"play('{steering.nodes['mumbai'].public}/live/main.m3u8')")
    await until_seen(page, "seen.orders.length > 1 && seen.fragments.length > 3 && video.currentTime > 2")
    before = await seen(page)
    first = before["orders"][-1][0]
    assert ZONES[first] == "west"
    assert {one["asked"] for one in before["fragments"]} == {host_of(steering, first)}
    second = {"mumbai": "pune", "pune": "mumbai"}[first]

    host = host_of(steering, second)
    async with crowd(steering, first):
        await until_seen(page, f"seen.fragments.some((one) => one.asked === '{host}')")
        moved = await seen(page)
        assert moved["orders"][-1][0] == second
        clock = await page.evaluate("video.currentTime")
        begun = asyncio.get_running_loop().time()
        await until_seen(page, f"video.currentTime > {clock + 8}")
        assert asyncio.get_running_loop().time() - begun < 8 + 1.0
        after = await seen(page)
    assert after["stalls"] == before["stalls"]
    assert [one for one in after["errors"] if one.endswith("true")] == []
    late = after["fragments"][len(moved["fragments"]) + 2 :]  # two may have been asked for already
    assert {one["asked"] for one in late} == {host}


async def test_it_goes_to_a_node_that_came_after_its_playlist(
    steering: Cluster, place: Callable[[], str], page: Page
) -> None:
    """No pathway of the playlist leads there: the player makes a clone of the one it has."""
    await page.evaluate(f"play('{steering.nodes['delhi'].public}/live/main.m3u8')")
    await until_seen(page, "seen.orders.length > 0 && seen.fragments.length > 3 && video.currentTime > 1")
    before = await seen(page)
    assert before["orders"][-1][0] == "delhi"
    agra = await steering.node("agra", node_zone="north", public_bind=place(), **SETTINGS)
    await steering.whole(*ZONES, "agra")
    async with crowd(steering, "delhi"):
        await until_seen(
            page, f"seen.fragments.some((one) => one.asked === '{host_of(steering, agra.name)}')"
        )
        clock = await page.evaluate("video.currentTime")
        await until_seen(page, f"video.currentTime > {clock + 5}")
        after = await seen(page)
    assert after["orders"][-1][0] == "agra"
    assert after["stalls"] == before["stalls"]
    assert [one for one in after["errors"] if one.endswith("true")] == []


async def test_it_plays_on_when_the_node_that_steers_and_serves_it_leaves(
    steering: Cluster, page: Page
) -> None:
    await page.evaluate(f"play('{steering.nodes['mumbai'].public}/live/main.m3u8')")
    await until_seen(page, "seen.orders.length > 1 && seen.fragments.length > 3 && video.currentTime > 2")
    before = await seen(page)
    leaving = steering.nodes["mumbai"]
    await asyncio.to_thread(leaving.stop)
    clock = await page.evaluate("video.currentTime")
    await until_seen(page, f"video.currentTime > {clock + 8}")
    asked = "performance.getEntriesByType('resource').filter((one) => one.name.includes('/v1/steering/'))"
    await until_seen(page, f"new URL({asked}.at(-1).name).host === '{host_of(steering, 'pune')}'")
    after = await seen(page)
    assert after["stalls"] == before["stalls"], after
    assert after["orders"][-1][0] == "pune"
    assert [one for one in after["errors"] if one.endswith("true")] == []
