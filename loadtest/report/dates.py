"""What has a date in a run: events as thin lines with names above a plot, faults as shaded spans."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from loadtest.report.clock import Clock
from loadtest.report.read import Shown
from loadtest.report.svg import FONT_PT, RED, SOFT

ROW_IN = 0.15  # height of a row of names
_ROWS_MAX = 6
_LETTER = 0.0078  # of the axis: the width of a letter, about
_SPACE = "\N{NO-BREAK SPACE}"  # one that pages do not swallow
_BESIDE = 0.008  # and of the space between two names


@dataclass(frozen=True, slots=True)
class Dated:
    """One event or fault.

    Args:
        at_s: when it is, or begins.
        what: its kind.
        over_s: when a fault is over; none of an event.
    """

    at_s: float
    what: str
    over_s: float | None = None


def dated(run: Shown) -> list[Dated]:
    """Events and faults of a run, in order of time."""
    faults = [fault for one in run.made.get("faults", []) if (fault := _fault(one, run.made))]
    taken = [(one.at_s, one.what) for one in faults]
    events = [Dated(float(one["at_s"]), str(one["what"])) for one in run.made.get("events", [])]
    every = [*faults, *(one for one in events if (one.at_s, one.what) not in taken)]
    return sorted(every, key=lambda one: (one.at_s, one.what))


def _fault(one: dict[str, object], made: dict[str, object]) -> Dated | None:
    """A fault with its end; one that goes from node to node lasts until the last is back."""

    def figure(name: str, otherwise: float = 0.0) -> float:
        value = one.get(name, otherwise)
        return float(value) if isinstance(value, int | float) else otherwise

    if "at_s" not in one:
        return None
    lasts_s = figure("for_s")
    if "drain_s" in one:
        nodes = made.get("nodes")
        turns = math.ceil((nodes if isinstance(nodes, int) else 1) / max(1.0, figure("at_once", 1)))
        lasts_s = turns * (figure("drain_s") + figure("away_s"))
    begin_s = figure("at_s")
    end_s = figure("end_s", begin_s + lasts_s)  # a drive knows when it was over
    return Dated(begin_s, str(one.get("kind", one.get("what", "fault"))), end_s)


def rows(dates: Sequence[Dated], clock: Clock) -> list[tuple[int, Dated]]:
    """The row of each name, so that none lies on another; from the bottom up, and no more than fit."""
    ends: list[float] = []
    found = []
    for one in dates:
        place = (clock.at(one.at_s) - clock.begin) / (clock.end - clock.begin)
        width = len(one.what) * _LETTER + _BESIDE
        left = min(place, 1 - width)
        row = next((number for number, end in enumerate(ends) if end <= left), len(ends))
        if row >= _ROWS_MAX:
            continue
        ends[row : row + 1] = [left + width]
        found.append((row, one))
    return found


def strip(axes: Axes, dates: Sequence[Dated], clock: Clock) -> None:
    """The names, on an axis of their own above the plots."""
    placed = rows(dates, clock)
    axes.set_xlim(clock.begin, clock.end)
    axes.set_ylim(0, 1 + max((row for row, _ in placed), default=0))
    axes.axis("off")
    for row, one in placed:
        at = clock.at(one.at_s)
        late = (at - clock.begin) / (clock.end - clock.begin) > 1 - len(one.what) * _LETTER
        colour = SOFT if one.over_s is None else RED
        axes.plot([at, at], [0, row + 0.8], color=colour, linewidth=0.7, clip_on=False)
        axes.text(
            at,
            row + 0.45,
            f"{one.what}{_SPACE}" if late else f"{_SPACE}{one.what}",
            ha="right" if late else "left",
            va="center",
            color=colour,
            fontsize=FONT_PT - 0.5,
            parse_math=False,
        )


def marks(axes: Axes, dates: Sequence[Dated], clock: Clock) -> None:
    """Events as lines and faults as shades behind a plot."""
    for one in dates:
        at = clock.at(one.at_s)
        if one.over_s is None:
            axes.axvline(at, color=SOFT, linewidth=0.7, alpha=0.6)
        else:
            axes.axvline(at, color=RED, linewidth=0.7, alpha=0.6)
            axes.axvspan(at, clock.at(one.over_s), color=RED, alpha=0.08, linewidth=0)
