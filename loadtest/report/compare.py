"""Two runs of one scenario beside each other: which figures differ, for better or worse, and all curves on one axis."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from edge.model import ConfigError
from loadtest.report import sections
from loadtest.report.figures import better, figure, figures, meaning
from loadtest.report.html import document, join_lines, table, tag
from loadtest.report.page import plots
from loadtest.report.read import Shown

COMPARISON = "compare.html"
_HEAD = ("figure", "A", "B", "difference", "", "expected", "meaning")


class Difference(NamedTuple):
    """One figure of two runs; where a run lacks it, None."""

    name: str
    a: float | None
    b: float | None
    better: int  # 1: B is better; -1: A is; 0: neither, or it does not differ
    expected: str  # what the scenario asks; empty where nothing
    held: tuple[bool | None, bool | None]  # whether A and B meet that
    means: str

    @property
    def differs(self) -> bool:
        """Whether the runs do not say the same."""
        return self.a != self.b or self.held[0] != self.held[1]

    @property
    def lost(self) -> bool:
        """Whether B misses what A held."""
        return self.held == (True, False)

    @property
    def change(self) -> str:
        """B less A, and as a share of A."""
        if self.a is None or self.b is None:
            return "–"
        less = self.b - self.a
        share = f" ({less / abs(self.a):+.1%})" if self.a else ""
        return f"{'+' if less > 0 else ''}{figure(less)}{share}" if less else "0"

    @property
    def word(self) -> str:
        """What has become of it."""
        if self.held[0] != self.held[1] and None not in self.held:
            return "now missed" if self.lost else "holds now"
        return {1: "better", -1: "worse", 0: ""}[self.better]


def pair(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Shown, Shown]:
    """Two reports as one page shows them.

    Raises:
        ConfigError: they are not of the same kind and scenario.
    """
    for key, what in (("kind", "kinds"), ("scenario", "scenarios")):
        one, other = a.get(key, "sim"), b.get(key, "sim")
        if one != other:
            raise ConfigError(
                "compare", f"the runs are of two {what}, {one} and {other}", "give two runs of one"
            )
    return Shown(dict(a), "A"), Shown(dict(b), "B")


def differences(a: Shown, b: Shown) -> list[Difference]:
    """All figures of both, in the order of A's report."""
    ours, theirs = figures(a), figures(b)
    asked = [{one["figure"]: one for one in run.made["verdicts"]} for run in (a, b)]
    found = []
    for name in dict.fromkeys([*ours, *theirs]):
        x, y = ours.get(name), theirs.get(name)
        verdict = asked[1].get(name) or asked[0].get(name)
        sign = better(name, verdict["op"] if verdict else "")
        less = 0.0 if x is None or y is None else y - x
        found.append(
            Difference(
                name,
                x,
                y,
                sign * ((less > 0) - (less < 0)),
                sections.expected(verdict) if verdict else "",
                (_held(asked[0], name), _held(asked[1], name)),
                meaning(b, name) or meaning(a, name),
            )
        )
    return found


def comparison(a: Shown, b: Shown) -> str:
    """The page of two runs; the same for the same."""
    every = differences(a, b)
    rows = [
        (
            tag("code", one.name),
            figure(one.a),
            figure(one.b),
            one.change,
            _coloured(one),
            one.expected,
            one.means,
        )
        for one in every
        if one.differs
    ]
    title = str(b.made.get("title") or b.made.get("scenario", "Two runs"))
    body = [
        tag("h1", title),
        tag("p", *(f"{run.label}: {_setting(run)}. " for run in (a, b)), class_="soft"),
        _verdict(every),
        tag("h2", "What differs"),
        table(_HEAD, rows, (1, 2, 3)) if rows else tag("p", "Nothing: both runs found the same."),
        tag("h2", "Plots"),
        *plots([a, b]),
    ]
    return document(f"{title}: A and B", body)


def write(a: Shown, b: Shown, folder: Path) -> Path:
    """Write `compare.html` into a folder, which is made; where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / COMPARISON
    path.write_text(comparison(a, b), "utf-8")
    return path


def _held(verdicts: Mapping[str, Mapping[str, Any]], name: str) -> bool | None:
    return verdicts[name]["holds"] if name in verdicts else None


def _verdict(every: list[Difference]) -> str:
    lost = [one.name for one in every if one.lost]
    if lost:
        return tag("p", f"✗ B misses what A held: {', '.join(lost)}", class_="sum missed")
    return tag("p", "✓ B misses nothing that A held", class_="sum holds")


def _coloured(one: Difference) -> str:
    colour = {"better": "holds", "holds now": "holds", "worse": "missed", "now missed": "missed"}
    return tag("span", one.word, class_=colour[one.word]) if one.word else ""


def _setting(run: Shown) -> str:
    made = run.made
    named = {"nodes": "nodes", "asked": "viewers", "peak": "viewers at the peak"}
    told = [
        f"{figure(made[key])} {what}" for key, what in named.items() if isinstance(made.get(key), int | float)
    ]
    return join_lines([", ".join([*told, f"seed {made.get('seed', '–')}", str(made.get("made", ""))])])
