"""Runs whose reports the tests look at."""

from datetime import date
from functools import cache
from typing import Any

import orjson

from loadtest.scenario.load import load
from loadtest.sim.fluid.known import measured
from loadtest.sim.fluid.pool import pool_of
from loadtest.sim.fluid.report import report
from loadtest.sim.fluid.run import SHORT_NODES, Run, Setting

DAY = date(2026, 1, 1)


@cache
def _simulated(seed: int) -> bytes:
    setting = Setting(load("flash-crowd"), SHORT_NODES, seed, measured(), short=True)
    with pool_of(()) as looking:
        run = Run(setting, looking=looking)
        for _ in run.play():
            pass
    return orjson.dumps(report(run, DAY))


def simulated(seed: int = 1) -> dict[str, Any]:
    """The report of a short match, as it comes back from its file."""
    made: dict[str, Any] = orjson.loads(_simulated(seed))
    return made


def driven() -> dict[str, Any]:
    """The report of real viewers, made up: thirty seconds in which a node is killed."""
    times = list(range(30))
    shares = {"p50": 2.0, "p90": 5.0, "p99": 20.0, "p999": 45.0, "max": 60.0}
    return {
        "kind": "drive",
        "scenario": "toss-to-toss",
        "title": "A whole match",
        "made": DAY.isoformat(),
        "seed": 1,
        "asked": 100,
        "seconds": 30,
        "series": {
            "t_s": times,
            "wanted": [min(100, 10 * at_s) for at_s in times],
            "viewers": [min(100, 9 * at_s) for at_s in times],
            "requests": [20 * at_s for at_s in times],
            "failed": [5 if at_s == 12 else 0 for at_s in times],
            "held_back": [0] * 30,
            "stalled": [0] * 30,
            "mbps": [0.8 * at_s for at_s in times],
            "p50_ms": [None, *[2.0] * 29],
            "p99_ms": [None, *[20.0] * 29],
        },
        "latency_ms": {kind: {"count": 1000, **shares} for kind in ("route", "playlist", "segment")},
        "errors": {"refused": 5},
        "failed_in_faults": 5,
        "failed_outside": 0,
        "startup_ms": {"count": 100, **shares},
        "stalls": {"count": 0, "seconds": 0.0, "share": 0.0},
        "nodes": {"127.0.0.1:8080": 600},
        "rungs": {"240": 900},
        "faults": [{"kind": "node-kill", "at_s": 12.0, "for_s": 3.0}],
        "left_out": [{"kind": "cut", "at_s": 20.0, "why": "there is no cut on loopback"}],
        "verdicts": [{"figure": "failed-outside", "op": "==", "value": 0, "found": 0, "holds": True}],
    }
