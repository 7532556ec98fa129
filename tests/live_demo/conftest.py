import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Page, async_playwright

from live_demo.cluster import Cluster, Report


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    timeout = aiohttp.ClientTimeout(total=5)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        made = Cluster(tmp_path, http)
        yield made
        made.end()


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Report:
    """Writes a line to the terminal, whatever is captured."""

    def tell(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{text}")

    return tell


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """Of headless Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(30_000)
        yield page
        await browser.close()
