"""The figures of a run with their names, and how numbers are written."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from loadtest.report.read import Shown

_LATENCIES = ("p50", "p90", "p99", "p999", "max")
_OF_DRIVES = {
    "failed-outside": "requests that failed outside the faults and the seconds after them",
    "viewers-peak": "most who watched at a time; as many as were asked for, but for one in twenty",
    "held-back": "requests that --max-rate did not let out; told, and fails nothing",
    "lateness-p99-ms": "how late the machine that asks was itself; told, and fails nothing",
    "failed in faults": "requests that failed in a fault, or in the seconds after it",
    "stalls count": "pictures that stood still",
    "stalls seconds": "for how long, in all",
    "stalls share": "of all that was watched",
}
_GOOD_HIGH = ("hit-ratio", "origin-offload")
_GOOD_LOW = (
    "origin-per-segment",
    "balance",
    "load-max",
    "refused",
    "refused-share",
    "cut-off",
    "moved",
    "unserved-s",
    "stale-s",
    "to-dead",
    "level-max",
    "level-end",
    "zones-degraded",
    "heal-s",
)


def figure(value: object) -> str:
    """A value for people: six digits, thousands apart, a word where there is none."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "never"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.6g}"


def figures(run: Shown) -> dict[str, float | None]:
    """All figures of a run by name, in the order of its report; a drive's are gathered from its parts."""
    if run.kind == "sim":
        return {name: one["value"] for name, one in run.made.get("figures", {}).items()}
    found = {one["figure"]: one.get("found") for one in run.made["verdicts"]}
    for name, value in _of_drive(run.made):
        found.setdefault(name, value)
    return found


def meaning(run: Shown, name: str) -> str:
    """What a figure says, if the report tells."""
    return str(run.made.get("figures", {}).get(name, {}).get("means", _OF_DRIVES.get(name, "")))


def better(name: str, op: str = "") -> int:
    """Whether more is better, 1, or less, -1; 0 where it is neither.

    Args:
        name: of the figure.
        op: what a scenario asks of it, which counts for figures that have no direction of their own here.
    """
    if name in _GOOD_HIGH:
        return 1
    if name in _GOOD_LOW or name.startswith(("latency ", "errors ", "failed", "stalls ", "startup")):
        return -1
    return {"<=": -1, ">=": 1}.get(op, 0)


def _of_drive(made: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    if "failed_in_faults" in made:
        yield "failed in faults", made["failed_in_faults"]
    startup = made.get("startup_ms")
    if isinstance(startup, Mapping):
        yield from ((f"startup {name}, ms", value) for name, value in startup.items())
    elif startup is not None:
        yield "startup, ms", startup
    yield from ((f"stalls {name}", value) for name, value in made.get("stalls", {}).items())
    yield from ((f"errors {name}", value) for name, value in made.get("errors", {}).items())
    for kind, one in made.get("latency_ms", {}).items():
        yield from ((f"latency {kind} {name}, ms", one[name]) for name in _LATENCIES if name in one)
