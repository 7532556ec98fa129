"""The parts of a page in words and tables: verdicts, key figures, and what a run rests on."""

from collections.abc import Iterator, Mapping
from typing import Any

from loadtest.report.clock import clock
from loadtest.report.figures import figure, figures, meaning
from loadtest.report.html import Markup, join, join_lines, table, tag
from loadtest.report.read import Shown

_OPERATORS = {"<=": "≤", ">=": "≥", "==": "="}
_CHANGES_MAX = 100  # of level, in the page
_LATENCY = ("count", "p50", "p90", "p99", "p999", "max")


def head(run: Shown) -> Markup:
    """The title, what was played, and whether all holds."""
    made = run.made
    what = "simulated" if run.kind == "sim" else "played against a real cluster"
    parts = [f"{made.get('scenario', '')}, {what}"]
    if "peak" in made:
        parts.append(f"peak of {made['peak']:,.0f} viewers on {made['nodes']:,} nodes")
    elif "asked" in made:
        parts.append(f"{figure(made['asked'])} viewers")
    parts += [f"seed {made['seed']}"] if "seed" in made else []
    parts += [str(made["made"])] if "made" in made else []
    return join_lines(
        [
            tag("h1", str(made.get("title") or made.get("scenario", "A run"))),
            tag("p", "; ".join(parts), class_="soft"),
        ]
    )


def verdicts(run: Shown) -> Markup:
    """Whether each expectation is met, and by what."""
    every = run.made["verdicts"]
    missed = sum(not (one["holds"] or one.get("told")) for one in every)
    if not every:
        said = tag("p", "The scenario expects nothing.", class_="sum")
    elif missed:
        said = tag("p", f"✗ {missed} of {len(every)} expectations missed", class_="sum missed")
    else:
        said = tag("p", f"✓ all {len(every)} expectations hold", class_="sum holds")
    rows = [
        (
            tag("span", "told", class_="soft")
            if one.get("told") and not one["holds"]
            else verdict(one["holds"]),
            tag("code", one["figure"]),
            figure(one.get("found")),
            expected(one),
            meaning(run, one["figure"]),
        )
        for one in every
    ]
    return join_lines(
        [
            tag("h2", "Verdicts"),
            said,
            *([table(("", "figure", "found", "expected", "meaning"), rows, (2, 3))] if rows else []),
        ]
    )


def verdict(holds: bool | None) -> str:
    """One word with a mark, which does not rely on its colour."""
    if holds is None:
        return tag("span", "not expected", class_="soft")
    return tag("span", "✓ holds", class_="holds") if holds else tag("span", "✗ missed", class_="missed")


def expected(one: Mapping[str, Any]) -> str:
    """What a scenario asks: an operator and a value."""
    return f"{_OPERATORS.get(one['op'], one['op'])} {figure(one['value'])}"


def key_figures(run: Shown) -> Markup:
    """All figures that are no verdict, with what they mean."""
    asked = [one["figure"] for one in run.made["verdicts"]]
    rows = [
        (tag("code", name), figure(value), meaning(run, name))
        for name, value in figures(run).items()
        if name not in asked and not name.startswith(("latency ", "startup "))
    ]
    parts = [tag("h2", "Key figures")]
    if run.made.get("latency_ms"):
        parts.append(latency(run.made["latency_ms"] | _first_picture(run.made)))
    if rows:
        parts.append(table(("figure", "value", "meaning"), rows, (1,)))
    return join_lines(parts)


def _first_picture(made: Mapping[str, Any]) -> dict[str, Any]:
    return {"first picture": made["startup_ms"]} if isinstance(made.get("startup_ms"), Mapping) else {}


def latency(kinds: Mapping[str, Mapping[str, Any]]) -> Markup:
    """Percentiles of the time to answer, by kind of request."""
    names = {"count": "requests", "p50": "median", "p999": "p99.9"}
    rows = [(kind, *(figure(one.get(name, "–")) for name in _LATENCY)) for kind, one in kinds.items()]
    columns = ["latency, ms", *(names.get(name, name) for name in _LATENCY)]
    return table(columns, rows, range(1, len(columns)))


def foot(run: Shown) -> Markup:
    """What a run rests on, and how it was set."""
    return join_lines(one for one in (*_shown(run), *_basis(run)) if one)


def _shown(run: Shown) -> Iterator[Markup]:
    made = run.made
    if rows := [
        (
            clock(one["at_s"]),
            one["figure"],
            figure(one["value"]),
            figure(one.get("found")),
            f"{one['found'] / one['value'] - 1:+.1%}" if one.get("found") and one["value"] else "–",
            one.get("source", ""),
        )
        for one in made.get("published", [])
    ]:
        yield tag("h2", "Published, and found")
        head_row = ("at", "figure", "published", "the curve's", "difference", "source")
        yield table(head_row, rows, (2, 3, 4))
    if made.get("modes"):
        yield tag("h2", "Changes of level")
        changes = made["modes"][:_CHANGES_MAX]
        said = [
            (clock(one["at_s"]), one["zone"], f"{one['before']} → {one['after']}", one["reason"])
            for one in changes
        ]
        yield table(("at", "zone", "level", "reason"), said)
        left = len(made["modes"]) - len(changes) + made.get("modes_dropped", 0)
        if left:
            yield tag("p", f"{left:,} more are in the JSON, or beyond its bound.", class_="soft")
    for name, what in (("nodes", "node"), ("rungs", "rung, kb/s")):
        if isinstance(made.get(name), Mapping):
            counted = "requests" if name == "nodes" else "segments"
            yield tag("h2", f"{counted.capitalize()} by {what.split(',')[0]}")
            yield table((what, counted), [(key, figure(value)) for key, value in made[name].items()], (1,))
    if made.get("left_out"):
        yield tag("h2", "Left out")
        yield tag("ul", *(tag("li", _words(one)) for one in made["left_out"]))


def _basis(run: Shown) -> Iterator[Markup]:
    made = run.made
    if sources := made.get("sources"):
        yield tag("h2", "Sources")
        yield table(("what", "where"), [(one["what"], one["where"]) for one in sources])
    if assumed := made.get("assumptions"):
        yield tag("h2", "Assumptions")
        rows = [(tag("code", one["field"]), one["why"]) for one in assumed]
        yield table(("field", "why"), rows)
    yield tag("h2", "Setting")
    yield table(("what", "value"), list(_setting(made)))


def _setting(made: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    simple = {
        "scenario": "scenario",
        "seed": "seed",
        "nodes": "nodes",
        "capacity": "capacity, viewers",
        "peak": "peak, viewers",
        "asked": "viewers",
        "workers": "processes that play",
        "target": "cluster",
        "seconds": "length, s",
        "speed": "speed, times the match's",
        "made": "made on",
    }
    for name, said in simple.items():
        if name in made and not isinstance(made[name], Mapping | list):
            yield said, str(made[name]) if name in ("seed", "scenario", "made") else figure(made[name])
    if "short" in made:
        yield "form", "short: seconds around dated events" if made["short"] else "whole: every second"
    ages = {
        "view_age_s": "age of what a node knows of loads, p95, s",
        "death_s": "until nobody holds a dead node alive, s",
        "cut_s": "until a cut is declared by all, s",
        "heal_s": "until nobody holds it any more, s",
    }
    for name, said in ages.items():
        if name in made.get("known", {}):
            yield said, figure(made["known"][name])
    if rungs := made.get("audience", {}).get("rungs"):
        yield (
            "bitrates",
            ", ".join(f"{one['name']} {one['kbps']:,.0f} kb/s {one['share']:.0%}" for one in rungs),
        )
    if zones := made.get("audience", {}).get("zones"):
        yield "viewers by zone", ", ".join(f"{name} {share:.0%}" for name, share in zones.items())


def _words(one: object) -> str:
    if isinstance(one, Mapping):
        return ", ".join(f"{name}: {value}" for name, value in one.items())
    return str(one)


def note(run: Shown) -> Markup:
    """How points of the series are to be read."""
    times = run.times
    if run.kind != "sim" or len(times) < 2:
        return Markup()
    stride = round(times[1] - times[0])
    if stride <= 1:
        return tag("p", "Each point is one second of the match.", class_="soft")
    said = (
        f"Each point stands for {stride} s: the mean of viewers, load by zone, requests and egress; "
        "of everything else the worst second."
    )
    return join([tag("p", said, class_="soft")])
