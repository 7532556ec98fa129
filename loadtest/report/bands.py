"""Plots that are no series: the levels of zones, the nodes' peaks, and how finely what was simulated."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from loadtest.report.clock import Clock
from loadtest.report.dates import Dated, dated, marks
from loadtest.report.lines import frame, key_above, numbers
from loadtest.report.read import Shown
from loadtest.report.svg import BLUE, BREAK, FONT_PT, GRID, INK, LEVELS, RED, dress, figure_of

_ROW_IN = 0.2
_FAULTS_MAX = 12  # rows
_BARS_MAX = 600  # nodes of which each has a bar; of more, one in so many
_MEANS = ("0: nothing", "1", "2", "3", "4: most is given up")
_FINENESS = {"steps": BLUE, "packets": RED}
_SAID = {"steps": "steps of a second", "packets": "packet by packet"}


def modes(runs: Sequence[Shown]) -> Figure | None:
    """The highest level of each zone's nodes over time, and the faults below on the same axis."""
    zones = [name for name in runs[0].made.get("series", {}) if name.startswith("level_")]
    zones = [name for name in zones if name != "level_max"]
    if not zones:
        return None
    clock, dates = Clock(run.spans for run in runs), dated(runs[0])
    faults = [one for one in dates if one.over_s is not None][:_FAULTS_MAX]
    heights = [_ROW_IN * len(zones) + 0.1] * len(runs)
    if faults:
        heights.append(_ROW_IN * len(faults) + 0.1)
    figure, axes = frame(heights, dates, clock)
    for run, one in zip(runs, axes, strict=False):
        _zones(one, run, zones, clock)
        marks(one, [date for date in dates if date.over_s is None], clock)
        clock.dress(one, BREAK, labels=one is axes[-1])
    if faults:
        _faults(axes[-1], faults, clock)
    return figure


def _zones(axes: Axes, run: Shown, zones: Sequence[str], clock: Clock) -> None:
    name = f" of {run.label}" if run.label else ""
    dress(axes, f"highest level of degradation in each zone{name}")
    axes.grid(visible=False)
    for row, zone in enumerate(zones):
        for begin_s, end_s, level in _levels(run, zone):
            width = clock.at(end_s) - clock.at(begin_s)
            axes.broken_barh(
                [(clock.at(begin_s), width)], (row - 0.42, 0.84), color=LEVELS[min(level, 4)], linewidth=0
            )
    axes.set_ylim(len(zones) - 0.5, -0.5)
    axes.set_yticks(range(len(zones)), [one.removeprefix("level_") for one in zones], fontsize=FONT_PT)
    known = [Patch(color=colour, label=said) for colour, said in zip(LEVELS, _MEANS, strict=True)]
    key_above(axes, known)


def _levels(run: Shown, zone: str) -> list[tuple[float, float, int]]:
    """From when until when a zone was at a level."""
    found: list[tuple[float, float, int]] = []
    stretches = run.spans
    for (times, values), (_, end_s) in zip(run.pieces(zone), stretches, strict=False):
        nexts = [*times[1:], end_s]
        begin_s = times[0]
        for at_s, value, after in zip(times, values, [*values[1:], -1.0], strict=True):
            if after != value:
                until_s = nexts[times.index(at_s)]
                found.append((begin_s, until_s, int(value)))
                begin_s = until_s
    return found


def _faults(axes: Axes, faults: Sequence[Dated], clock: Clock) -> None:
    dress(axes, "faults")
    axes.grid(visible=False)
    for row, one in enumerate(faults):
        begin, end = clock.at(one.at_s), clock.at(one.over_s or one.at_s)
        least = 0.004 * (clock.end - clock.begin)
        axes.broken_barh([(begin, max(end - begin, least))], (row - 0.35, 0.7), color=RED, linewidth=0)
    axes.set_ylim(len(faults) - 0.5, -0.5)
    axes.set_yticks(range(len(faults)), [one.what.replace("$", "") for one in faults], fontsize=FONT_PT)
    clock.dress(axes, BREAK)


def peaks(runs: Sequence[Shown]) -> Figure | None:
    """Each node's fullest second and its mean, the fullest node first."""
    if not all(run.made.get("per_node") for run in runs):
        return None
    figure = figure_of(2.3)
    axes = figure.add_subplot()
    dress(axes, "viewers of a node, share of its capacity")
    for number, run in enumerate(runs):
        nodes = sorted(run.made["per_node"], key=lambda one: (-one["load_peak"], one["name"]))
        nodes = nodes[:: -(-len(nodes) // _BARS_MAX)]
        most, means = ([one[name] for one in nodes] for name in ("load_peak", "load_mean"))
        if len(runs) > 1:
            places = [100 * (one + 0.5) / len(nodes) for one in range(len(nodes))]
            axes.step(places, most, where="mid", color=(BLUE, RED)[number], label=run.label, linewidth=1.6)
            continue
        axes.bar(range(len(nodes)), most, width=0.8, color=BLUE, alpha=0.35, label="fullest second")
        axes.bar(range(len(nodes)), means, width=0.8, color=BLUE, label="mean")
    axes.axhline(1, color=INK, linewidth=1.1, linestyle=(0, (1.5, 1.5)), label="capacity")
    axes.set_xlabel("nodes, the fullest first" + (", percent of all nodes" if len(runs) > 1 else ""))
    axes.margins(x=0.005)
    axes.grid(visible=False, axis="x")
    if len(runs) == 1:
        axes.set_xticks([])
    numbers(axes, "percent")
    key_above(axes)
    return figure


def fidelity(runs: Sequence[Shown]) -> Figure | None:
    """Which seconds were simulated, and how finely; the axis is even, so that what was left out shows."""
    if not any(run.made.get("stretches") for run in runs):
        return None
    end_s = max(one["end_s"] for run in runs for one in run.made["stretches"])
    events = dated(runs[0])
    clock = Clock([[(0.0, max(end_s, *(one.at_s for one in events), 1.0))]])
    figure, axes = frame([0.28 * len(runs) + 0.12], events, clock)
    dress(axes[0], "how finely what was simulated")
    axes[0].grid(visible=False)
    for row, run in enumerate(runs):
        axes[0].broken_barh([(clock.begin, clock.end - clock.begin)], (row - 0.4, 0.8), color=GRID)
        for kind, colour in _FINENESS.items():
            bars = [
                (one["begin_s"], one["end_s"] - one["begin_s"])
                for one in run.made.get("stretches", [])
                if one["fidelity"] == kind
            ]
            axes[0].broken_barh(bars, (row - 0.4, 0.8), color=colour, linewidth=0)
    axes[0].set_ylim(len(runs) - 0.5, -0.5)
    axes[0].set_yticks(range(len(runs)), [run.label for run in runs])
    known = [Patch(color=colour, label=_SAID[kind]) for kind, colour in _FINENESS.items()]
    key_above(axes[0], [*known, Patch(color=GRID, label="not simulated")])
    clock.dress(axes[0], BREAK)
    return figure
