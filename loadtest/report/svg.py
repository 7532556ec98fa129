"""Figures as SVG that stands inside a page: small, the same for the same data, in the page's own colours and font."""

import io
import re
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDTH_IN = 10.0
FONT_PT = 8.5
# What a figure is drawn in, and the page's name for it: light and dark have their own values. Those for data are Okabe
# and Ito's, which stay apart for colour-blind readers too.
INK, SOFT, GRID, BREAK = "#1c2430", "#566273", "#e3e7ed", "#eef1f5"
BLUE, RED, GREEN, PURPLE, YELLOW = "#0072b2", "#d55e00", "#00805e", "#a3477c", "#b98600"
LEVELS: Final = ("#dfe8ee", "#fde08a", "#f9a03f", "#d4493a", "#7a1f5c")
_NAMES: Final = {
    INK: "ink",
    SOFT: "soft",
    GRID: "grid",
    BREAK: "break",
    BLUE: "blue",
    RED: "red",
    GREEN: "green",
    PURPLE: "purple",
    YELLOW: "yellow",
} | {colour: f"level-{number}" for number, colour in enumerate(LEVELS)}
_COLOUR = re.compile("|".join(_NAMES))
_PLACES = re.compile(r' (?:d|x|y|width|height|transform|points)="[^"]*"')
_LONG = re.compile(r"-?\d+\.\d+")
_USED = re.compile(r'(?:url\(#|href="#)([^)"]+)')


def figure_of(height_in: float) -> Figure:
    """An empty figure as wide as the page."""
    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    figure.patch.set_alpha(0)
    return figure


def dress(axes: Axes, title: str = "") -> None:
    """What all plots have alike: a grid behind the data, no frame, what it shows above its left corner."""
    axes.set_facecolor("none")
    axes.grid(color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=SOFT, length=0, labelsize=FONT_PT)
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    axes.xaxis.label.set(color=SOFT, fontsize=FONT_PT)
    axes.yaxis.label.set(color=SOFT, fontsize=FONT_PT)
    if title:
        axes.set_title(title, loc="left", color=INK, fontsize=FONT_PT + 0.5)


def inline(figure: Figure, name: str, said: str) -> str:
    """The figure as an element of a page.

    Args:
        figure: what is drawn.
        name: of it, no other's on the page.
        said: what it shows, for those who do not see it; plain words.
    """
    raw = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none", "path.simplify_threshold": 0.3}):
        figure.savefig(raw, format="svg", metadata={"Date": None, "Creator": None})
    text = raw.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>|\s*<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", _opening(said), text, count=1)
    text = re.sub(r" font-family: [^;\"]*;?| transform=\"rotate\(-0 [^\"]*\"", "", text)
    text = _PLACES.sub(lambda found: _LONG.sub(_shorter, found[0]).replace("\n", ""), text)
    text = _COLOUR.sub(lambda found: f"var(--{_NAMES[found[0]]})", text)
    return _names(text, name)


def _opening(said: str) -> str:
    # What is said is the program's own words without marks that HTML would read.
    return rf'<svg \1 role="img" aria-label="{said}">'


def _shorter(found: re.Match[str]) -> str:
    rounded = f"{float(found[0]):.1f}".removesuffix(".0")
    return "0" if rounded == "-0" else rounded


def _names(text: str, name: str) -> str:
    """Names only for what something refers to, with the figure's own before them: they are the page's now."""
    used = frozenset(_USED.findall(text))

    def own(found: re.Match[str]) -> str:
        return f' id="{name}-{found[1]}"' if found[1] in used else ""

    text = re.sub(r' id="([^"]*)"', own, text)
    text = re.sub(r"url\(#", f"url(#{name}-", text)
    text = re.sub(r'(?:xlink:)?href="#', f'href="#{name}-', text)
    return re.sub(r">\s+<", "><", text) + "\n"
