"""Looks into a page of headless Chromium."""

import asyncio
from typing import Any

from playwright.async_api import Page

_CLOCK = "document.querySelector('video').currentTime"
# Notes how long the picture stands still, at most, from now on.
_WATCH = """() => {
  const video = document.querySelector("video");
  let position = video.currentTime, moved = performance.now();
  window.stood = 0;
  setInterval(() => {
    const now = performance.now();
    if (video.currentTime !== position) [position, moved] = [video.currentTime, now];
    window.stood = Math.max(window.stood, now - moved);
  }, 50);
}"""


async def until_page(page: Page, expression: str, within_s: float = 30) -> None:
    """Wait until an expression is true (Playwright's own wait uses eval, which the page's policy forbids)."""
    async with asyncio.timeout(within_s):
        while not await page.evaluate(expression):
            await asyncio.sleep(0.1)


async def plays(page: Page, seconds: float) -> None:
    """Wait until the video has played that long."""
    await until_page(page, f"{_CLOCK} > 0")
    begun = await page.evaluate(_CLOCK)
    await until_page(page, f"{_CLOCK} >= {begun + seconds}")


async def watch_for_stalls(page: Page) -> None:
    """From now on the page notes the longest time for which the picture stands; the video plays."""
    await page.evaluate(_WATCH)


async def longest_stall_s(page: Page) -> float:
    """The longest such time so far, seconds."""
    stood_ms: Any = await page.evaluate("window.stood")
    return float(stood_ms) / 1000
