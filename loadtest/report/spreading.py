"""Plots of gossip's convergence: who knew of an event and when, as windows of packets found it, beside theory."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from loadtest.epidemic_theory import Curve, delayed, model_of
from loadtest.report.clock import clock
from loadtest.report.lines import numbers
from loadtest.report.read import Shown
from loadtest.report.svg import BLUE, FONT_PT, INK, RED, SOFT, dress, figure_of
from loadtest.sim.fluid.windows import TICK_S
from loadtest.sim.rumour import Setting

PANELS_MAX = 12
_COLUMNS = 3
_DASHED = (0, (4, 2))
_ROW_IN = 1.75


def windows(run: Shown) -> list[dict[str, Any]]:
    """The stretches of a run that say when each node heard."""
    return [one for one in run.made.get("stretches", []) if one.get("heard_s")]


def spreading(runs: Sequence[Shown]) -> Figure | None:
    """A panel for each window, those of a second run on top of the first's; none where no window was simulated."""
    first = windows(runs[0])[:PANELS_MAX]
    if not first:
        return None
    count = -(-len(first) // _COLUMNS)
    figure = figure_of(_ROW_IN * count + 0.35)
    grid = figure.add_gridspec(count, _COLUMNS)
    longest_ms = 1000 * max(one["heard_s"][-1] for one in first)
    for number, one in enumerate(first):
        axes = figure.add_subplot(grid[number // _COLUMNS, number % _COLUMNS])
        same = [other for run in runs[1:] for other in windows(run) if _date(other) == _date(one)]
        theory = _theory(one.get("reached") or one["nodes"], one.get("loss", 0.0))
        _panel(axes, [one, *same], theory, max(longest_ms, 1000 * (theory.time_s(0.99) or 0)))
        last = number + _COLUMNS >= len(first)
        axes.set_xlabel("milliseconds after it was created" if last else "")
        axes.tick_params(labelleft=number % _COLUMNS == 0)
        if number == 0:
            _key(axes, [run.label for run in runs])
    return figure


def _date(one: dict[str, Any]) -> tuple[float, str]:
    return one["begin_s"], one["event"]


@cache
def _theory(nodes: int, loss: float) -> Curve:
    """What theory says of production's way at the pace that a window has."""
    setting = Setting("eager", max(2, nodes), loss)
    model = model_of(setting)
    contacts = setting.config.fanout * (1 / TICK_S - 1 / setting.config.tick_min_s)
    return delayed(replace(model, push_per_s=model.push_per_s + contacts))


def _panel(axes: Axes, found: Sequence[dict[str, Any]], theory: Curve, until_ms: float) -> None:
    dress(axes, f"{clock(found[0]['begin_s'])} {found[0]['event']}, {found[0]['nodes']} nodes")
    times_ms = [until_ms * step / 120 for step in range(121)]
    axes.plot(
        times_ms, [theory.at(one / 1000) for one in times_ms], color=SOFT, linestyle=_DASHED, linewidth=1.3
    )
    for one, colour in zip(found, (BLUE, RED), strict=False):
        heard_ms = [1000 * at_s for at_s in one["heard_s"]]
        reached = one.get("reached") or one["nodes"]
        shares = [rank / reached for rank in range(1, len(heard_ms) + 1)]
        axes.step([*heard_ms, until_ms], [*shares, shares[-1]], where="post", color=colour, linewidth=1.6)
    axes.set_xlim(0, until_ms)
    axes.set_ylim(0, 1.05)
    axes.set_yticks([0, 0.5, 1])
    numbers(axes, "percent")


def _key(axes: Axes, labels: Sequence[str]) -> None:
    """What solid and dashed mean, in the first panel, whose right lower corner is empty."""
    for label, colour in zip(labels, (BLUE, RED), strict=False):
        axes.plot([], [], color=colour, linewidth=1.6, label=label or "found")
    axes.plot([], [], color=SOFT, linestyle=_DASHED, linewidth=1.3, label="theory")
    axes.legend(loc="lower right", frameon=False, fontsize=FONT_PT, labelcolor=INK)
