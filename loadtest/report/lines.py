"""Plots of series over the time of a match: panels below each other, dates above; of one run, or of two beside."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, PercentFormatter

from loadtest.report.clock import Clock
from loadtest.report.dates import ROW_IN, Dated, dated, marks, rows, strip
from loadtest.report.read import Shown
from loadtest.report.svg import BLUE, BREAK, FONT_PT, INK, RED, dress, figure_of

_ALONE_IN, _STACKED_IN, _REST_IN = 2.3, 1.45, 0.45
_RUNS = (BLUE, RED)  # A and B
_DASHED = (0, (4, 2))
Kind = Literal["count", "percent", "plain"]


@dataclass(frozen=True, slots=True)
class Line:
    """One series: its name in report.json, and what a reader calls it."""

    name: str
    label: str
    colour: str = BLUE
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One or more series on one scale.

    Args:
        what: what is shown, with its unit.
        lines: the series.
        kind: how numbers are written.
        unit: what follows them.
        times: what a value is multiplied with to be in that unit.
        limit: a value that has a name, if any.
        from_zero: whether the scale begins there.
    """

    what: str
    lines: tuple[Line, ...]
    kind: Kind = "count"
    unit: str = ""
    times: float = 1.0
    limit: tuple[float, str] | None = None
    from_zero: bool = True


@dataclass(frozen=True, slots=True)
class Plot:
    """What a page says of a plot, and its panels."""

    key: str
    title: str
    see: str  # one sentence that says what to look at
    panels: tuple[Panel, ...]
    empty: str = ""  # what is said where all of it is zero; without, it is drawn all the same


def panels_of(plot: Plot, runs: Sequence[Shown]) -> list[Panel]:
    """The panels that have something to show; of two runs each series gets one of its own."""
    found = []
    for panel in plot.panels:
        lines = [one for one in panel.lines if any(run.has(one.name) for run in runs)]
        if plot.empty:
            lines = [one for one in lines if any(any(run.series(one.name)) for run in runs)]
        if len(runs) > 1:
            found += [replace(panel, what=_what(panel, one), lines=(one,)) for one in lines]
        elif lines:
            found.append(replace(panel, lines=tuple(lines)))
    return found


def draw(plot: Plot, runs: Sequence[Shown]) -> Figure | None:
    """The plot of one run, or of two that are compared; none where no series says anything."""
    panels = panels_of(plot, runs)
    if not panels:
        return None
    clock, dates = Clock(run.spans for run in runs), dated(runs[0])
    figure, axes = frame([_STACKED_IN if len(panels) > 1 else _ALONE_IN] * len(panels), dates, clock)
    for panel, one in zip(panels, axes, strict=True):
        marks(one, dates, clock)
        _panel(one, panel, runs, clock)
        clock.dress(one, BREAK, labels=one is axes[-1])
    return figure


def frame(heights_in: Sequence[float], dates: Sequence[Dated], clock: Clock) -> tuple[Figure, list[Axes]]:
    """A figure with a strip of dates above axes of these heights."""
    height_in = ROW_IN * (1 + max((row for row, _ in rows(dates, clock)), default=0)) if dates else 0.02
    every_in = [height_in, *heights_in]
    figure = figure_of(sum(every_in) + _REST_IN)
    figure.get_layout_engine().set(h_pad=0.02, hspace=0.02)  # type: ignore[union-attr, call-arg]
    grid = figure.add_gridspec(len(every_in), 1, height_ratios=every_in)
    strip(figure.add_subplot(grid[0]), dates, clock)
    return figure, [figure.add_subplot(grid[number]) for number in range(1, len(every_in))]


def key_above(axes: Axes, handles: Sequence[Artist] | None = None) -> None:
    """What the colours mean, above the right corner, where no data is; without `handles` what has a label."""
    axes.legend(
        handles=handles or axes.get_legend_handles_labels()[0],
        loc="lower right",
        bbox_to_anchor=(1.0, 0.99),
        ncols=6,
        frameon=False,
        fontsize=FONT_PT,
        labelcolor=INK,
        borderaxespad=0.2,
        handlelength=1.6,
    )


def numbers(axes: Axes, kind: Kind, unit: str = "") -> None:
    """How the numbers at the left are written."""
    if kind == "percent":
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    elif kind == "count":
        axes.yaxis.set_major_formatter(EngFormatter(unit=unit, sep="\N{NO-BREAK SPACE}"))
    else:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:,.6g}{unit}"))


def _panel(axes: Axes, panel: Panel, runs: Sequence[Shown], clock: Clock) -> None:
    dress(axes, panel.what)
    highest, lowest = -math.inf, math.inf
    for line in panel.lines:
        for number, run in enumerate(runs):
            style = replace(line, label=run.label, colour=_RUNS[number]) if len(runs) > 1 else line
            if len(runs) > 1:
                style = replace(style, dashed=number > 0)
            for low, high in _line(axes, style, run, (panel.times, clock)):
                lowest, highest = min(lowest, low), max(highest, high)
    if panel.limit:
        value, name = panel.limit
        axes.axhline(value, color=INK, linewidth=1.1, linestyle=(0, (1.5, 1.5)), label=name)
        highest = max(highest, value)
    if panel.from_zero:
        axes.set_ylim(0, 1.08 * highest if highest > 0 else 1)
    else:
        room = 0.06 * (highest - lowest) or 0.01 * abs(highest) or 1.0
        axes.set_ylim(lowest - room, highest + room)
    numbers(axes, panel.kind, panel.unit)
    axes.locator_params(axis="y", nbins=5)
    if len(panel.lines) > 1 or len(runs) > 1 or panel.limit:
        key_above(axes)


def _line(axes: Axes, line: Line, run: Shown, scale: tuple[float, Clock]) -> list[tuple[float, float]]:
    """Draw one series, piece by piece; the least and greatest value of each piece."""
    (times, clock), label, found = scale, line.label, []
    for at, values in run.pieces(line.name):
        shown = [one * times for one in values]
        axes.plot(
            clock.places(at),
            shown,
            color=line.colour,
            linewidth=1.4,
            linestyle=_DASHED if line.dashed else "-",
            label=label,
            marker="o" if len(shown) == 1 else None,
            markersize=2.5,
        )
        label = "_"  # once in the key is enough
        if known := [one for one in shown if math.isfinite(one)]:
            found.append((min(known), max(known)))
    return found


def _what(panel: Panel, line: Line) -> str:
    return panel.what if len(panel.lines) == 1 else f"{line.label}: {panel.what}"
