"""A run's report.json as it is read for pages: what it holds, and what it may lack."""

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from edge.model import ConfigError

FILE = "report.json"
KINDS = ("sim", "drive")
Times = list[tuple[float, float]]


@dataclass(frozen=True)
class Shown:
    """One run that a page shows.

    Args:
        made: its report.json.
        label: what tells it from another on the same page; none where it is alone.
    """

    made: dict[str, Any]
    label: str = ""

    @property
    def kind(self) -> str:
        """`sim` or `drive`."""
        return str(self.made.get("kind", "sim"))

    @property
    def spans(self) -> Times:
        """From when until when anything was simulated or measured, seconds; stretches that touch are one."""
        stretches = self.made.get("stretches")
        if not stretches:
            return [(min(self.times), max(self.times) or 1.0)] if self.times else [(0.0, 1.0)]
        merged: Times = []
        for one in stretches:
            begin_s, end_s = float(one["begin_s"]), float(one["end_s"])
            if merged and begin_s <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end_s))
            else:
                merged.append((begin_s, end_s))
        return merged

    @cached_property
    def times(self) -> list[float]:
        """When each point of the series was."""
        return [float(one) for one in self.made.get("series", {}).get("t_s", [])]

    def has(self, name: str) -> bool:
        """Whether there is such a series, and it says anything."""
        return any(math.isfinite(one) for one in self.series(name))

    def series(self, name: str) -> list[float]:
        """Its points; not a number where there is none, empty where it was never made."""
        if name == "origin_offload":
            pairs = zip(self.series("requests_rps"), self.series("origin_rps"), strict=False)
            return [1 - origin / requests if requests else 1.0 for requests, origin in pairs]
        points = self.made.get("series", {}).get(name, [])
        return [math.nan if one is None else float(one) for one in points[: len(self.times)]]

    def pieces(self, name: str) -> Iterator[tuple[list[float], list[float]]]:
        """Times and values of a series, one piece for each span, so that no line crosses what was not simulated."""
        begins = [begin_s for begin_s, _ in self.spans]
        found: dict[int, tuple[list[float], list[float]]] = {}
        for at_s, value in zip(self.times, self.series(name), strict=False):
            times, values = found.setdefault(bisect_right(begins, at_s), ([], []))
            times.append(at_s)
            values.append(value)
        yield from found.values()


def read(path: Path) -> dict[str, Any]:
    """The report in a file, or in a folder that has one.

    Raises:
        ConfigError: there is none, or it is not a report.
    """
    file = path / FILE if path.is_dir() else path
    try:
        made = orjson.loads(file.read_bytes())
    except OSError as error:
        hint = f"give the path of a {FILE}, or of its folder; `python -m loadtest sim NAME` writes one"
        raise ConfigError(str(file), error.strerror or "cannot be read", hint) from None
    except orjson.JSONDecodeError as error:
        raise ConfigError(str(file), f"is no JSON: {error}", f"give the path of a {FILE}") from None
    if not isinstance(made, dict) or "verdicts" not in made or made.get("kind", "sim") not in KINDS:
        raise ConfigError(str(file), "is not the report of a run", "`python -m loadtest sim NAME` writes one")
    return made
