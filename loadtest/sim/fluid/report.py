"""The report of a run as data: figures with verdicts, series, and all that they depend on."""

import math
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import orjson

from loadtest.scenario.curve import dated, found_for
from loadtest.scenario.figures import FIGURES
from loadtest.scenario.schema import Expect
from loadtest.sim.fluid.audience import ISP_SHARES, LANGUAGES, SPOKEN
from loadtest.sim.fluid.fleet import SHARES, ZONES
from loadtest.sim.fluid.record import thinned
from loadtest.sim.fluid.run import Run
from loadtest.sim.fluid.stretches import Stretch

_DIGITS = 6
FILE = "report.json"


def report(run: Run, made: date) -> dict[str, Any]:
    """All of it; the same for the same setting, but for `made`."""
    setting, scenario, recorder = run.setting, run.scenario, run.recorder
    figures = recorder.figures(run.heal_s())
    assert figures.keys() == FIGURES.keys()
    return {
        "kind": "sim",
        "scenario": scenario.name,
        "title": scenario.title,
        "made": made.isoformat(),
        "seed": setting.seed,
        "short": setting.short,
        "nodes": setting.nodes,
        "capacity": int(run.fleet.capacity.sum()),
        "peak": scenario.audience.peak,
        "audience": _audience(run),
        "known": msgspec.to_builtins(setting.known),
        "stretches": [_stretch(run, one) for one in run.stretches],
        "figures": {name: {"value": short(value), "means": FIGURES[name]} for name, value in figures.items()},
        "verdicts": [_verdict(one, figures[one.figure]) for one in scenario.expect],
        "series": {
            name: [short(value) for value in values] for name, values in thinned(recorder.series).items()
        },
        "per_node": [{name: short(value) for name, value in one.items()} for one in recorder.nodes()],
        "events": [{"at_s": at_s, "what": what} for at_s, what in dated(scenario)],
        "faults": msgspec.to_builtins(scenario.fault),
        "modes": msgspec.to_builtins(run.modes.changes),
        "modes_dropped": run.modes.dropped,
        "hottest": [{"path": path, "rate": rate, "nodes": nodes} for path, rate, nodes in run.placement.hot],
        "sources": msgspec.to_builtins(scenario.source),
        "assumptions": msgspec.to_builtins(scenario.assumption),
        "published": [
            msgspec.to_builtins(one) | {"found": short(found_for(setting.scenario, one))}
            for one in setting.scenario.published
        ],
    }


def _verdict(one: Expect, found: float) -> dict[str, Any]:
    told = {"figure": one.figure, "op": one.op, "value": one.value}
    return told | {"found": short(found), "holds": one.holds(found)}


def _audience(run: Run) -> dict[str, Any]:
    """Who the viewers are, as shares."""
    spoken = {
        zone: {language: share for language, share in zip(LANGUAGES, row, strict=True) if share}
        for zone, row in zip(ZONES, SPOKEN.tolist(), strict=True)
    }
    return {
        "zones": dict(zip(ZONES, SHARES, strict=True)),
        "languages": spoken,
        "isps": ISP_SHARES,
        "rungs": msgspec.to_builtins(run.scenario.audience.rung),
    }


def _stretch(run: Run, one: Stretch) -> dict[str, Any]:
    """Which seconds, how finely, and what a window found."""
    told: dict[str, Any] = {"begin_s": one.begin_s, "end_s": one.end_s, "fidelity": one.fidelity}
    if one.window is None:
        return told | {"view_age_s": one.view_age_s}
    found: dict[str, Any] = msgspec.to_builtins(run.looked[one.window])
    return told | {"event": one.window.what, "nodes": one.window.nodes} | found


def holds(made: dict[str, Any]) -> bool:
    """Whether every expectation is met."""
    return all(one["holds"] for one in made["verdicts"])


def write(made: dict[str, Any], folder: Path) -> Path:
    """Write `report.json` into a folder, which is made; where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    path.write_bytes(orjson.dumps(made, option=orjson.OPT_INDENT_2) + b"\n")
    return path


def short(value: Any) -> Any:
    """A number to six significant digits; what is not finite is nothing that JSON can say."""
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    return float(f"{value:.{_DIGITS}g}")
