"""Judges a page by what the browser computed: contrast, sizes of targets, names, overflow."""

from typing import Any

from playwright.async_api import Page

_NAMED = {"button", "link", "textbox", "searchbox", "combobox", "checkbox", "spinbutton", "listbox", "slider"}

# Contrast of each text with the colours behind it, by the WCAG 2 formula; colours of any notation by way of a canvas.
_CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (text) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((one, index) => one * a + below[index] * (1 - a));
  const behind = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      const bar = one !== element && one.querySelector(":scope > .bar");
      if (bar) layers.push(rgba(getComputedStyle(bar).backgroundColor));
      layers.push(rgba(getComputedStyle(one).backgroundColor));
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const luminance = (rgb) => {
    const linear = (one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb.map((one) => linear(one / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((one) => one.nodeType === Node.TEXT_NODE && one.data.trim());
    if (!own || !element.checkVisibility({ checkVisibilityCSS: true, checkOpacity: true })) continue;
    const style = getComputedStyle(element);
    const back = behind(element);
    const front = over(rgba(element instanceof SVGElement ? style.fill : style.color), back);
    const [light, dark] = [luminance(front), luminance(back)].sort((a, b) => b - a);
    found.push({ text: element.textContent.trim().slice(0, 40), ratio: (light + 0.05) / (dark + 0.05) });
  }
  return found;
}"""

# What a finger must hit; a place on the map has its equal in the list of places.
_SMALL = """(least) => [...document.querySelectorAll("button, input, select, a[href], [role=button]:not(svg *)")]
  .filter((one) => one.checkVisibility({ checkVisibilityCSS: true }) && !one.matches(".skip"))
  .map((one) => [one.outerHTML.slice(0, 80), (one.closest("label.tick") ?? one).getBoundingClientRect()])
  .filter(([, { width, height }]) => width < least || height < least)
  .map(([what, { width, height }]) => `${what}: ${width} x ${height}`)"""

# Whoever stands out at the side, and by how much; what scrolls within its own frame does not.
_OVERFLOW = """() => {
  const width = document.documentElement.clientWidth;
  const out = [...document.querySelectorAll("body *")]
    .filter((one) => !one.closest("svg, .scroll, .unseen, .skip, #timeline"))
    .filter((one) => one.getBoundingClientRect().right > width + 0.5)
    .map((one) => one.outerHTML.slice(0, 80));
  const { scrollWidth } = document.documentElement;
  return scrollWidth > width ? [`the page: ${scrollWidth} of ${width}`, ...out] : out;
}"""


async def contrasts(page: Page) -> dict[str, float]:
    """The contrast of each text that is seen; the least where a text stands several times."""
    found: dict[str, float] = {}
    for one in await page.evaluate(_CONTRAST):
        found[one["text"]] = min(one["ratio"], found.get(one["text"], 21.0))
    return found


async def small_targets(page: Page, least: int) -> list[str]:
    """Controls that are narrower or lower than so many pixels."""
    found: list[str] = await page.evaluate(_SMALL, least)
    return found


async def overflowing(page: Page) -> list[str]:
    """What stands out of the page at the right."""
    found: list[str] = await page.evaluate(_OVERFLOW)
    return found


async def tree(page: Page) -> list[dict[str, Any]]:
    """What the browser tells screen readers: role, name and properties of each thing."""
    session = await page.context.new_cdp_session(page)
    nodes = (await session.send("Accessibility.getFullAXTree"))["nodes"]
    await session.detach()
    return [
        {
            "role": one["role"]["value"],
            "name": one.get("name", {}).get("value", ""),
            **{each["name"]: each["value"].get("value") for each in one.get("properties", [])},
        }
        for one in nodes
        if not one["ignored"] and "role" in one
    ]


def nameless(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Controls without a name."""
    return [one for one in found if one["role"] in _NAMED and not one["name"].strip()]
