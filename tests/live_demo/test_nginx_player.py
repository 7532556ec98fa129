"""hls.js plays through nginx and edge in Chromium, whatever becomes of nodes and caches: two segments of stall at most.

Three nodes, each with a real nginx in front, which alone answers the browser. The page's player takes playlists from
its own node, and each segment from the node that the cluster chooses for it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page

from live_demo.browser import longest_stall_s, plays, watch_for_stalls
from live_demo.cluster import Cluster
from needs import needs
from nginx.site import Site

pytestmark = [needs("chromium", "nginx"), pytest.mark.timeout(150)]
log = logging.getLogger(__name__)  # -o log_cli=true --log-level=INFO shows the figures

CITIES = ("mumbai", "pune", "delhi")
TWO_SEGMENTS_S = 4.0
BEFORE_S, AFTER_S = 6.0, 14.0


class Fronts:
    """The cities, each of which ends with its nginx."""

    def __init__(self, cluster: Cluster, sites: dict[str, Site]) -> None:
        self.cluster = cluster
        self._sites = sites

    async def kill(self, name: str) -> None:
        """The machine is gone."""
        self.cluster.nodes[name].kill()
        await self._sites[name].kill_nginx()

    async def served(self) -> float:
        """Requests that caches of nginx have answered, as the nodes that live have read in their logs."""
        living = [name for name, node in self.cluster.nodes.items() if node.popen.poll() is None]
        return sum([await self.cluster.metric(name, "edge_nginx_served_total") for name in living])


@pytest.fixture
async def fronts(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Fronts]:
    """Three of them, and no viewer but the browser."""
    await cluster.origin()
    sites = {}
    for name in CITIES:
        more = {
            "node__name": name,
            "node__zone": name,
            "gossip__bind": "127.0.0.1:0",
            "admin__bind": "127.0.0.1:0",
        }
        sites[name] = site = Site(tmp_path / f"{name}-shared", cluster.origin_url, cluster.http, **more)
        await site.start_nginx()
        given = {key.replace("__", "_"): value for key, value in site.settings.items()}
        await cluster.node(name, **given)
    await cluster.whole(*CITIES)
    yield Fronts(cluster, sites)
    for site in sites.values():
        await site.kill_nginx()


async def playing(fronts: Fronts, page: Page) -> None:
    """The player of mumbai's page plays, and its stalls are noted from now on."""
    await page.goto(f"{fronts.cluster.nodes['mumbai'].admin}/?player=hlsjs")
    await plays(page, BEFORE_S)
    assert await page.get_attribute("#player", "data-engine") == "hlsjs"
    assert await fronts.served() > 5
    await watch_for_stalls(page)


async def stood(page: Page, what: str) -> float:
    longest_s = await longest_stall_s(page)
    log.info("%s: the picture stood for %.2f s", what, longest_s)
    return longest_s


@pytest.mark.parametrize("victim", ["pune", "mumbai"], ids=["another node", "the node of its playlists"])
async def test_it_plays_on_when_a_node_is_killed(fronts: Fronts, page: Page, victim: str) -> None:
    await playing(fronts, page)
    await fronts.kill(victim)
    await plays(page, AFTER_S)
    assert await stood(page, f"{victim} killed") <= TWO_SEGMENTS_S


async def test_it_plays_on_while_everything_is_purged_again_and_again(fronts: Fronts, page: Page) -> None:
    await playing(fronts, page)
    before = await fronts.cluster.metric("delhi", "edge_cache_purges_total")
    after = asyncio.create_task(plays(page, AFTER_S))
    purges = 0
    while not after.done():
        url = f"{fronts.cluster.nodes['pune'].admin}/v1/purge"
        async with fronts.cluster.http.post(url, json={"prefix": "/"}) as answer:
            assert answer.status == 202
        purges += 1
        await asyncio.sleep(1)
    await after
    assert await fronts.cluster.metric("delhi", "edge_cache_purges_total") - before >= purges - 1
    assert await stood(page, f"{purges} purges of everything") <= TWO_SEGMENTS_S
