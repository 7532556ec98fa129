"""The report of a drive as data: what was sent and what came, with verdicts; one machine's or several added up."""

import operator
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from loadtest.drive.faults import GRACE_S, Window
from loadtest.drive.histograms import Histogram, merged
from loadtest.drive.tally import KINDS, Done, Failure

FILE = "report.json"
THERE = 0.95  # of the viewers who were asked for
LATE_MS = 100.0  # a machine that sends later than this is too slow for what it was asked
_OPERATORS = {"<=": operator.le, ">=": operator.ge, "==": operator.eq}
_STARTUP, _LATENESS = "startup", "lateness"


def totals(done: Sequence[Done], windows: Sequence[Window]) -> dict[str, Any]:
    """What all workers told at their end, added up."""
    failures, nodes, rungs, counts = Counter[Failure](), Counter[str](), Counter[str](), Counter[str]()
    for one in done:
        failures.update(one.failures)
        nodes.update(one.nodes)
        rungs.update(one.rungs)
        for name, value in one.counts.items():
            counts[name] += value  # type: ignore[assignment]  # seconds, too
    errors, inside, outside = Counter[str](), 0, Counter[str]()
    for failure, count in failures.items():
        errors[failure.reason] += count
        if any(window.covers(failure.due_s, failure.ended_s + 1) for window in windows):
            inside += count
        else:
            outside[failure.reason] += count
    histograms = {kind: merged(one.histograms[kind] for one in done).encoded() for kind in KINDS}
    histograms[_STARTUP] = merged(one.startup for one in done).encoded()
    histograms[_LATENESS] = merged(one.lateness for one in done).encoded()
    stalls = {"count": counts.pop("stalls"), "seconds": counts.pop("stalled_s")}
    return {
        "histograms": histograms,
        "errors": dict(sorted(errors.items())),
        "errors_outside": dict(sorted(outside.items())),
        "failed_in_faults": inside,
        "failed_outside": outside.total(),
        "grace_s": GRACE_S,
        "stalls": stalls,
        "nodes": dict(sorted(nodes.items())),
        "rungs": dict(sorted(rungs.items(), key=lambda item: float(item[0]))),
        "counts": dict(sorted(counts.items())),
    }


def finished(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A report with all that follows from its sums: percentiles, shares and verdicts."""
    made = dict(raw)
    histograms = {name: merged([text]) for name, text in raw["histograms"].items()}
    made["latency_ms"] = {kind: _rounded(histograms[kind]) for kind in KINDS}
    made["startup_ms"] = _rounded(histograms[_STARTUP])
    made["lateness_ms"] = _rounded(histograms[_LATENESS])
    watched_s, stalled_s = raw["counts"].get("watched_s", 0.0), raw["stalls"]["seconds"]
    made["stalls"] = {**raw["stalls"], "share": stalled_s / watched_s if watched_s else 0.0}
    made["verdicts"] = [
        _verdict("failed-outside", "==", 0, raw["failed_outside"]),
        _verdict("viewers-peak", ">=", THERE * raw["asked"], max(raw["series"]["viewers"], default=0)),
        _verdict("held-back", "==", 0, raw["counts"]["held_back"], told=True),
        _verdict("lateness-p99-ms", "<=", LATE_MS, made["lateness_ms"]["p99"], told=True),
    ]
    return made


def _rounded(histogram: Histogram) -> dict[str, float]:
    return {name: round(value, 3) for name, value in histogram.figures().items()}


def _verdict(figure: str, op: str, value: float, found: float, *, told: bool = False) -> dict[str, Any]:
    """`told`: where it is missed that is told, and nothing fails."""
    holds = bool(_OPERATORS[op](found, value))
    return {"figure": figure, "op": op, "value": value, "found": found, "holds": holds, "told": told}


def holds(made: Mapping[str, Any]) -> bool:
    """Whether every verdict that counts is met."""
    return all(one["holds"] or one["told"] for one in made["verdicts"])


def write(made: Mapping[str, Any], folder: Path) -> Path:
    """Write `report.json` into a folder, which is made; where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    path.write_bytes(orjson.dumps(made, option=orjson.OPT_INDENT_2) + b"\n")
    return path
