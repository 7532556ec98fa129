"""`report.html`: the page of one run, and `compare.html`, that of two."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from loadtest.report import lines, sections, spreading
from loadtest.report.bands import fidelity, modes, peaks
from loadtest.report.html import Markup, document, join_lines, tag
from loadtest.report.plots import DRIVE, SIM
from loadtest.report.read import Shown
from loadtest.report.svg import inline

PAGE = "report.html"


class _Other(NamedTuple):
    """A plot that is not of series."""

    key: str
    title: str
    see: str
    draw: Callable[[Sequence[Shown]], Figure | None]
    absent: str = ""


_AFTER_LOAD = (
    _Other(
        "peaks",
        "Each node's peak",
        "The first bars should stay below the line; a steep left end says that some nodes took much more than others.",
        peaks,
    ),
)
_LAST = (
    _Other(
        "modes",
        "Levels of degradation, and faults",
        "A zone should change colour only under a fault or over capacity, and be back at 0 afterwards.",
        modes,
    ),
    _Other(
        "spreading",
        "Gossip's convergence",
        "Share of the reached nodes that know of an event after its creation: a single event scatters about theory's "
        "mean, and should have the same steepness.",
        spreading.spreading,
        "No window was simulated packet by packet in this run, so there is nothing to show. "
        "Without --short, or with --windows, there are some.",
    ),
    _Other(
        "fidelity",
        "What was simulated, and how finely",
        "Packet by packet, the age of what nodes know was found; elsewhere it is the benchmark's.",
        fidelity,
    ),
)


def page(made: dict[str, Any]) -> str:
    """The page of one run, from its report.json; the same for the same."""
    run = Shown(made)
    body = [
        sections.head(run),
        sections.verdicts(run),
        sections.key_figures(run),
        tag("h2", "Plots"),
        sections.note(run),
        *plots([run]),
        sections.foot(run),
    ]
    return document(str(made.get("title") or made.get("scenario", "A run")), [one for one in body if one])


def write(made: dict[str, Any], folder: Path) -> Path:
    """Write `report.html` into a folder; where it is."""
    path = folder / PAGE
    path.write_text(page(made), "utf-8")
    return path


def plots(runs: Sequence[Shown]) -> Iterator[Markup]:
    """All plots of a run, or of two of the same kind on the same axes, each with what to see."""
    if runs[0].kind == "drive":
        for plot in DRIVE:
            yield from _series(plot, runs)
        return
    for plot in SIM:
        yield from _series(plot, runs)
        if plot.key == "load":
            yield from _others(_AFTER_LOAD, runs)
    yield from _others(_LAST, runs)


def _series(plot: lines.Plot, runs: Sequence[Shown]) -> Iterator[Markup]:
    known = any(run.has(line.name) for run in runs for panel in plot.panels for line in panel.lines)
    if (figure := lines.draw(plot, runs)) is not None:
        yield _figure(plot.key, plot.title, plot.see, figure)
    elif known:
        yield _words(plot.title, plot.empty)


def _others(others: Sequence[_Other], runs: Sequence[Shown]) -> Iterator[Markup]:
    for one in others:
        if (figure := one.draw(runs)) is not None:
            yield _figure(one.key, one.title, one.see, figure)
        elif one.absent:
            yield _words(one.title, one.absent)


def _figure(key: str, title: str, see: str, figure: Figure) -> Markup:
    drawn = Markup(inline(figure, key, f"{title}. {see}".replace('"', "")))
    return join_lines([tag("figure", tag("h3", title), tag("figcaption", see), drawn, id=f"plot-{key}")])


def _words(title: str, said: str) -> Markup:
    return tag("figure", tag("h3", title), tag("figcaption", said))
