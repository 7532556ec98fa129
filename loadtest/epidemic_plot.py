"""The picture of an event's spreading: a line a mode, theory dashed, for a page about 1000 pixels wide."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from loadtest.epidemic import Compared
from loadtest.sim.rumour import Mode

_SIZE_IN = (10.0, 5.8)
_DPI = 100  # of a PNG: 1000 pixels wide
_INK, _SOFT, _GRID = "#1C2430", "#566273", "#E3E7ED"
_DASHES = (0, (4, 2.5))
_STEP_MS = 1.0  # between two points of theory's line


class _Style(NamedTuple):
    """How a mode is drawn. The colours are Okabe and Ito's, which stay apart for colour-blind readers too."""

    colour: str
    label: str
    share: float  # of nodes, where on the curve the label stands
    beside_ms: float  # of the label from the curve; negative: to its left


_STYLES: dict[Mode, _Style] = {
    "eager": _Style("#D55E00", "eager\n(production)", 0.62, 10),
    "push-pull": _Style("#00805E", "push-pull", 0.40, -15),
    "pull": _Style("#A3477C", "pull", 0.84, -10),
    "push": _Style("#0072B2", "push", 0.62, 10),
}


def draw(compared: Sequence[Compared]) -> Figure:
    """Share of the nodes that know the event, over time."""
    setting, runs = compared[0].measured.setting, len(compared[0].measured.runs)
    figure = Figure(figsize=_SIZE_IN, dpi=_DPI, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    for one in compared:
        _theory(axes, one)
        _simulated(axes, one)
    _key(axes)
    axes.set_xlim(0, 1000 * max(run.heard_s[-1] for one in compared for run in one.measured.runs))
    axes.set_ylim(0, 1.09)
    axes.set_xlabel("milliseconds since the event was created", color=_INK)
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    axes.grid(color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_SOFT, length=0)
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    axes.set_title(
        f"Share of {setting.nodes} nodes that know one event (mean of {runs} runs, {setting.loss:.0%} loss)",
        loc="left",
        color=_INK,
        fontsize=14,
        fontweight="bold",
        pad=12,
    )
    return figure


def write(figure: Figure, out: Path) -> None:
    """Save as SVG or PNG, by the name's ending; equal figures give equal files."""
    out.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"Date": None, "Title": "How one event spreads"} if out.suffix == ".svg" else None
    with mpl.rc_context({"svg.hashsalt": "epidemic", "svg.fonttype": "none"}):
        figure.savefig(out, dpi=_DPI, metadata=metadata)


def _theory(axes: Axes, one: Compared) -> None:
    theory, colour = one.theory, _STYLES[one.measured.setting.mode].colour
    last = min(theory.known[-1], 1 - 0.5 / one.measured.setting.nodes)  # then half a node is left
    end_ms = 1000 * (theory.time_s(last) or 0.0)
    times_ms = [step * _STEP_MS for step in range(math.ceil(end_ms / _STEP_MS) + 1)]
    shares = [theory.at(at_ms / 1000) for at_ms in times_ms]
    axes.plot(times_ms, shares, color=colour, linewidth=1.5, linestyle=_DASHES)


def _simulated(axes: Axes, one: Compared) -> None:
    """The mean of the runs, their range, the mode's name, and when the last node heard."""
    measured = one.measured
    style, nodes = _STYLES[measured.setting.mode], measured.setting.nodes
    times_ms = [at_s * 1000 for at_s in measured.heard_s]
    shares = [rank / nodes for rank in range(1, len(times_ms) + 1)]
    columns = [[run.heard_s[rank] * 1000 for run in measured.runs] for rank in range(len(times_ms))]
    first, last = [min(column) for column in columns], [max(column) for column in columns]
    axes.fill_betweenx(shares, first, last, color=style.colour, alpha=0.12, linewidth=0)
    axes.plot(times_ms, shares, color=style.colour, linewidth=2.4)
    axes.plot(times_ms[-1:], shares[-1:], color=style.colour, marker="o", markersize=7)
    who = "all" if len(times_ms) == nodes else f"{shares[-1]:.1%}"
    end = f"{who} in {times_ms[-1]:.0f} ms"
    axes.text(
        times_ms[-1], shares[-1] + 0.025, end, color=style.colour, ha="center", va="bottom", fontsize=11
    )
    beside = times_ms[int(style.share * (len(times_ms) - 1))] + style.beside_ms
    side = "left" if style.beside_ms > 0 else "right"
    name = axes.text(beside, style.share, style.label, color=style.colour, ha=side, va="center", fontsize=13)
    name.set_fontweight("bold")


def _key(axes: Axes) -> None:
    """What solid, dashed and shaded mean."""
    axes.plot([], [], color=_SOFT, linewidth=2.4, label="simulation: production code, real datagrams")
    theory = "theory: SIR model with the network's delays"
    axes.plot([], [], color=_SOFT, linewidth=1.5, linestyle=_DASHES, label=theory)
    axes.fill_between([], [], [], color=_SOFT, alpha=0.2, linewidth=0, label="earliest to latest run")
    axes.legend(loc="lower right", frameon=False, fontsize=11, labelcolor=_INK)
