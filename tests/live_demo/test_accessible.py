"""The page without eyes, without colours and without a mouse: by axe where that can be had, and by hand."""

import itertools
from pathlib import Path

import pytest
from playwright.async_api import Page

from live_demo.axe import fetched, violations
from live_demo.browser import until_page
from live_demo.cluster import Cluster
from live_demo.looks import contrasts, nameless, tree
from live_demo.many import CLUSTER, many
from needs import needs

pytestmark = [needs("chromium"), pytest.mark.timeout(180)]

CONTRAST = 4.5
MEMBERS = 40
LANDMARKS = {"banner", "main", "region", "search", "form"}
TICKS_S = 3  # in which views come that say nothing new
# How often a live region says something.
_LISTEN = """() => {
  window.said = [];
  for (const one of document.querySelectorAll("[role=status], [role=alert], [aria-live]")) {
    new MutationObserver(() => window.said.push(`${one.id}: ${one.textContent}`))
      .observe(one, { childList: true, characterData: true, subtree: true });
  }
}"""
# Each sign of a status, without its colour.
_SIGNS = """[...document.querySelectorAll(".legend li[data-status]")]
  .map((one) => getComputedStyle(one, "::before").content)"""
_MOVES = """[...document.querySelectorAll("#map *")]
  .filter((one) => parseFloat(getComputedStyle(one).transitionDuration)).length"""
_PLACES = """[...document.querySelectorAll("#map g[data-place]")]
  .map((one) => [one.ariaLabel, ...[".label", ".count"].map((each) => one.querySelector(each).textContent)])"""
_FOCUSED = """(({ id, name, dataset, parentElement }) =>
  id || name || dataset.place || parentElement.dataset.column || "")(document.activeElement)"""


@pytest.fixture
def axe(pytestconfig: pytest.Config) -> str:
    assert pytestconfig.cache
    return fetched(Path(pytestconfig.cache.mkdir("axe-core")))


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_anybody_can_use_it(cluster: Cluster, page: Page, axe: str, scheme: str) -> None:
    await cluster.origin()
    node = await cluster.node("mumbai", node_cluster=CLUSTER, node_tags="lat=19.07,lon=72.88")
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]  # one of two
    await page.route("**/live/**", lambda route: route.abort())
    with many(node, MEMBERS) as crowd:
        await page.goto(node.admin)
        await until_page(
            page, f"document.querySelector('#total-members').textContent === ' of {MEMBERS + 1}'"
        )
        await nothing_moves(page)
        await says_nothing_new(page)
        await by_keyboard(page)
        crowd.silence(*crowd.zone("delhi"), *crowd.zone("chennai"), *crowd.zone("bangalore"))
        await page.wait_for_selector('body:not([data-partition=""])', timeout=60_000)
        await until_page(page, "document.querySelector('#voice').textContent.includes('partition')")
        assert await page.locator('#nodes tr[data-side="lost"] .side').first.inner_text() == "lost"
        await structure(page)
        poor = {text: ratio for text, ratio in (await contrasts(page)).items() if ratio < CONTRAST}
        assert poor == {}
        signs = await page.evaluate(_SIGNS)
        assert len(set(signs)) == len(signs) == 4
        assert not axe or await violations(page, axe) == []


async def nothing_moves(page: Page) -> None:
    """Where a person wants less motion."""
    assert await page.evaluate(_MOVES) == 0


async def says_nothing_new(page: Page) -> None:
    await page.wait_for_timeout(1000)
    await page.evaluate(_LISTEN)
    await page.wait_for_timeout(1000 * TICKS_S)
    assert await page.evaluate("window.said") == []


async def by_keyboard(page: Page) -> None:
    """Every control is reached by Tab, in the order in which it stands, and Enter presses it."""
    reached: list[str] = []
    await page.evaluate("document.activeElement.blur()")
    for _ in range(80):
        await page.keyboard.press("Tab")
        reached.append(await page.evaluate(_FOCUSED))
    for wanted in (
        "mumbai",
        "delhi",
        "map-closer",
        "what",
        "majority",
        "minutes",
        "find-words",
        "find-place",
        "load",
    ):
        assert wanted in reached, wanted
    await page.focus("th[data-column=name] button")
    await page.keyboard.press("Enter")
    assert await page.get_attribute("th[data-column=name]", "aria-sort") == "descending"
    outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


async def structure(page: Page) -> None:
    """Landmarks, headings, names, the table's head."""
    found = await tree(page)
    assert nameless(found) == []
    assert {one["role"] for one in found} >= {"banner", "main", "region", "search"}
    levels = [int(one["level"]) for one in found if one["role"] == "heading"]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    named = [one["name"] for one in found if one["role"] in LANDMARKS - {"banner", "main"}]
    assert all(named)
    assert len(set(named)) == len(named)
    places = await page.evaluate(_PLACES)
    assert len(places) == 8
    assert all(name.startswith(f"{label}: {count} nodes") for name, label, count in places)
    assert await page.inner_text("#nodes caption")
    assert await page.locator("#nodes th:not([scope])").count() == 0
    assert await page.locator("#nodes tbody tr > th[scope=row]").count() > 10
