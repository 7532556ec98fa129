"""The rows of TARGETS that come from a whole match as a fluid: `serve.hits` and `scale.final`."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

from rich.console import Console

from loadtest.rows import Row
from loadtest.scenario.load import load
from loadtest.sim.command import play
from loadtest.sim.fluid.known import measured
from loadtest.sim.fluid.pool import pool_of
from loadtest.sim.fluid.report import holds, report
from loadtest.sim.fluid.run import Run, Setting
from loadtest.sim.fluid.windows import windows

MATCH = "world-cup-final"
_SEED = 1
_WITHIN_S = 300.0


def hits() -> Iterator[Row]:
    """`serve.hits`: of viewers' requests, those that the node which was asked could answer by itself."""
    made, _ = _match()
    text = f"hit ratio, {MATCH}, N={made['nodes']}, sim"
    yield Row("serve.hits", text, 100 * made["figures"]["hit-ratio"]["value"], "%", 99.9, False)


def final() -> Iterator[Row]:
    """`scale.final`: how long the whole match takes, and whether it shows what it should."""
    made, took = _match()
    text = f"{MATCH}, {made['peak'] / 1e6:.0f} million viewers on N={made['nodes']}, the whole match"
    yield Row("scale.final", f"{text}: simulated within", took[0], "s", _WITHIN_S)
    yield Row("scale.final.processor", f"{text}: processor time without the windows", took[1], "s", None)
    missed = sum(not one["holds"] for one in made["verdicts"])
    assert holds(made) == (missed == 0)
    yield Row("scale.final.missed", f"{text}: expectations that are missed", missed, "of them", 0)


@cache
def _match() -> tuple[dict[str, Any], tuple[float, float]]:
    """The report of the match, and the seconds and processor seconds that it took; both rows are of one run."""
    begun, busy = time.monotonic(), time.process_time()
    scenario = load(MATCH)
    nodes = scenario.fleet.nodes
    setting = Setting(scenario, nodes, _SEED, measured(), windows=windows(scenario, nodes, _SEED))
    with pool_of(setting.windows) as looking:
        run = Run(setting, looking=looking)
        play(run, Console(stderr=True))
    made = report(run, datetime.now(UTC).date())
    return made, (time.monotonic() - begun, time.process_time() - busy)
