"""The report of a match in headless Chromium: it opens by itself, in light and dark, and its plots are to be seen."""

from pathlib import Path

import pytest
from playwright.async_api import Page

from loadtest.report import page as pages
from needs import needs
from reports import driven, simulated

pytestmark = [needs("chromium"), pytest.mark.timeout(60)]
_SIZES = "[...document.querySelectorAll('svg')].map(one => one.getBoundingClientRect().height)"
_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
_GROUND = "getComputedStyle(document.body).backgroundColor"


@pytest.mark.parametrize("made", [simulated(), driven()], ids=["simulated", "driven"])
async def test_a_report_opens_without_anything_from_elsewhere(
    page: Page, made: dict[str, object], tmp_path: Path
) -> None:
    asked, said = list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    url = pages.write(made, tmp_path).as_uri()
    grounds = set[str]()
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        await page.goto(url)
        grounds.add(await page.evaluate(_GROUND))
        assert min(await page.evaluate(_SIZES)) > 50
    await page.set_viewport_size({"width": 390, "height": 844})
    assert await page.evaluate(_WIDE) <= 0  # a phone need not be pushed sideways
    assert len(grounds) == 2
    assert [one for one in asked if not one.startswith("data:")] == [url, url]
    assert said == []
