"""The axis of a match's time: even, or with breaks where most of the match was not simulated."""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes

from loadtest.report.read import Times

_GAPS_MIN = 0.3  # of the time from first to last, from which on gaps are drawn as breaks
_BREAK = 0.02  # of all that was simulated: how wide one is drawn
_APART = 0.07  # of the axis, between two labels
_STEPS_S = (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200)
_LABELS_MAX = 10


class Clock:
    """Where seconds of the match stand on an axis.

    Args:
        runs: of each run that is drawn, from when until when it was simulated.
    """

    def __init__(self, runs: Iterable[Times]) -> None:
        self._spans = _together(sorted(span for spans in runs for span in spans))
        begin_s, end_s = self._spans[0][0], self._spans[-1][1]
        simulated_s = sum(end - begin for begin, end in self._spans)
        self.broken = simulated_s < (1 - _GAPS_MIN) * (end_s - begin_s)
        self._knots = [at_s for span in self._spans for at_s in span]
        self._places = list(self._knots)
        if self.broken:
            self._places = [0.0]
            for number, (begin, end) in enumerate(self._spans):
                if number:
                    self._places.append(self._places[-1] + _BREAK * simulated_s)
                self._places.append(self._places[-1] + end - begin)
        self.begin, self.end = self._places[0], self._places[-1]

    def at(self, seconds: float) -> float:
        """The place of a moment; of one before or after all, the nearest."""
        return float(np.interp(seconds, self._knots, self._places))

    def places(self, times: Sequence[float]) -> list[float]:
        """The places of moments."""
        return [float(one) for one in np.interp(times, self._knots, self._places)]

    def dress(self, axes: Axes, colour: str, *, labels: bool = True) -> None:
        """Give an axis its limits, ticks and label, and its breaks, in `colour`."""
        axes.set_xlim(self.begin, self.end)
        ticks = self._ticks()
        axes.set_xticks([self.at(one) for one in ticks], [clock(one) for one in ticks])
        axes.tick_params(axis="x", labelbottom=labels)
        if labels:
            unit = "time of the match, h:mm:ss" if ticks[-1] >= 3600 else "time of the match, m:ss"
            axes.set_xlabel(f"{unit}; shaded breaks were not simulated" if self.broken else unit)
        if self.broken:
            for (_, left_s), (right_s, _) in zip(self._spans, self._spans[1:], strict=False):
                axes.axvspan(self.at(left_s), self.at(right_s), color=colour, alpha=0.6, linewidth=0)

    def _ticks(self) -> list[float]:
        """Moments that get a label: round ones, or where stretches begin."""
        if not self.broken:
            length_s = self.end - self.begin
            step = next((one for one in _STEPS_S if length_s / one <= _LABELS_MAX), _STEPS_S[-1])
            first = -(-self.begin // step) * step
            return [float(one) for one in np.arange(first, self.end + 1, step)]
        found: list[float] = []
        for begin_s, _ in self._spans:
            if not found or self.at(begin_s) - self.at(found[-1]) >= _APART * self.end:
                found.append(begin_s)
        return found


def clock(seconds: float) -> str:
    """A time of the match as people say it: 6:30, or 1:05:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _together(spans: Sequence[tuple[float, float]]) -> Times:
    merged: Times = []
    for begin_s, end_s in spans:
        if merged and begin_s <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end_s))
        else:
            merged.append((begin_s, end_s))
    return merged
