"""Orders from the page: the token is asked for once, and what came of an order is said, good or bad."""

import socket
from pathlib import Path

import pytest
from playwright.async_api import Page

from live_demo.browser import until_page
from live_demo.cluster import Cluster, free_address
from needs import needs

pytestmark = [needs("chromium"), pytest.mark.timeout(180)]

TOKEN = "a long random word for the page"
NAMES = ("mumbai", "pune")


@pytest.fixture
async def guarded(cluster: Cluster, tmp_path: Path) -> Cluster:
    """Two nodes whose admin ports want a token."""
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    page = free_address(socket.SOCK_STREAM)
    cluster.http.headers["Authorization"] = f"Bearer {TOKEN}"
    await cluster.node("mumbai", admin_bind=str(page), admin_token_file=str(file))
    await cluster.node("pune", admin_token_file=str(file), admin_page_origins=f"http://{page}")
    await cluster.whole(*NAMES)
    return cluster


async def says(page: Page, form: str, outcome: str, words: str) -> None:
    await page.wait_for_selector(f"#{form} [role=status][data-outcome={outcome}]")
    said = await page.inner_text(f"#{form} [role=status]")
    assert words in said, said


async def give(page: Page, token: str) -> None:
    await page.wait_for_selector("#token-section:not([hidden])")
    assert await page.evaluate("document.activeElement.id") == "token"
    await page.fill("#token", token)
    await page.keyboard.press("Enter")


async def test_a_token_is_asked_for_once_and_orders_are_obeyed(guarded: Cluster, page: Page) -> None:
    await page.goto(guarded.nodes["mumbai"].admin)
    await give(page, "a wrong one")
    await until_page(page, "document.querySelector('#token-state').textContent.includes('refused')")
    await give(page, TOKEN)
    await page.wait_for_selector("body[data-connection=live]")
    assert await page.is_hidden("#token-section")
    assert TOKEN not in page.url
    assert await page.evaluate("Object.keys(localStorage).length + document.cookie.length") == 0

    await purges(page)
    await forces(guarded, page)

    await page.reload()
    await page.wait_for_selector("body[data-connection=live]")
    assert await page.is_hidden("#token-section")

    guarded.nodes["mumbai"].kill()  # the page goes on with the other one, token and all
    await until_page(page, "document.querySelector('#source').textContent === 'as pune sees it'")
    await page.click("#purge button")
    await page.fill("#purge [name=value]", "/live/9.m4s")
    await page.click("#purge button")
    await page.wait_for_selector("#purge [role=status]:not(:empty)")
    await until_page(
        page, "document.querySelector('#purge [role=status]').textContent.includes('is purged on')"
    )


async def purges(page: Page) -> None:
    await page.fill("#purge [name=value]", "live/without/slash")
    await page.click("#purge button")
    await says(page, "purge", "failed", "Refused: ")
    await page.select_option("#purge [name=what]", "prefix")
    await page.fill("#purge [name=value]", "/live/v240/")
    await page.check("#purge [name=soft]")
    await page.click("#purge button")
    await says(page, "purge", "done", "prefix:/live/v240/ is purged on all 2 nodes")


async def forces(guarded: Cluster, page: Page) -> None:
    form = "#override"
    await page.select_option(f"{form} [name=scope]", "node")
    await page.fill(f"{form} [name=name]", "puna")
    await page.select_option(f"{form} [name=level]", "2")
    await page.fill(f"{form} [name=minutes]", "5")
    await page.click(f"{form} button[type=submit]")
    await says(page, "override", "failed", "did you mean pune?")
    await page.fill(f"{form} [name=name]", "pune")
    await page.click(f"{form} button[type=submit]")
    await says(page, "override", "done", "node pune is forced to level 2 for 5 min 0 s")
    await page.wait_for_selector('#nodes tr[data-node="pune"][data-level="2"]')
    assert (await guarded.get(f"{guarded.nodes['pune'].admin}/v1/monsoon"))["override"] == "monsoon/node/pune"
    await page.click('#overrides li[data-key="monsoon/node/pune"] button')
    await says(page, "override", "done", "node pune is withdrawn")
    await page.wait_for_selector('#nodes tr[data-node="pune"][data-level="0"]')
    await until_page(page, "document.querySelectorAll('#overrides li').length === 0")


async def test_a_node_that_is_silent_is_no_success(cluster: Cluster, page: Page) -> None:
    node = await cluster.node("mumbai")
    await page.goto(node.admin)
    await page.wait_for_selector("body[data-connection=live]")
    assert await page.is_hidden("#token-section")
    await page.fill("#purge [name=value]", "/live/7.m4s")
    node.kill()
    await page.click("#purge button")
    await says(page, "purge", "failed", "The node did not answer")
