"""What routing costs and does: decisions, redirects over HTTP, even loads, and nobody sent to the dead."""

import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from edge.decide.routing import RouteQuery, Router
from loadtest import route_real, serving
from loadtest.fed import Fed
from loadtest.rows import Row
from loadtest.sim import audience

NODES = 300
PATHS = 1000
LOADS_PER_S = 3000.0
CRASH_S, DRAIN_S = 1.5, 0.3  # from then on nobody is sent there
_SIM_CAPACITY = 400  # with a hundred, chance alone is a tenth of a node's load
_SIM_RAMP_S = 30  # a zone's first node gets 0.3 of its capacity a second, of which no view tells yet
_SIM_STEADY_S = 8
_SIM_PER_S = 100.0
_DEATHS = 20
_SECONDS = 10.0
_STEP_S = 0.005  # virtual; as much is told and asked in each
_ASKED = 50  # of a step
_MICRO = 1e6
_OPEN_LOOP_S = 10
_MARK = "NUMBER"
_SCRIPT = f"""
local requests, at = {{}}, 0
init = function()
  for number = 1, {PATHS} do
    requests[number] = wrk.format("GET", (wrk.path:gsub("{_MARK}", number)))
  end
end
request = function()
  at = at % {PATHS} + 1
  return requests[at]
end
"""


def decision() -> Iterator[Row]:
    """`serve.decision`: processor time of a decision while loads come in."""
    fed = Fed(NODES, LOADS_PER_S, 0.0)
    router, now = Router(fed.node.view), 0.0
    queries = [
        RouteQuery(f"/live/{number}/main.m3u8") for number in range(PATHS)
    ]  # no zone: all nodes compete
    cold, warm, making = _Timed(), _Timed(), _Timed()
    for step in range(round(_SECONDS / _STEP_S)):
        now = step * _STEP_S
        fed.feed(now)
        with making:
            router.table(now)
        first = step * _ASKED
        with cold if first < PATHS else warm:
            for number in range(first, first + _ASKED):
                router.route(queries[number % PATHS], now)
    text = f"routing decision, N={NODES}, {PATHS:,} paths, {LOADS_PER_S:,.0f} loads/s applied"
    warm_us, cold_us = (one.seconds / one.times / _ASKED * _MICRO for one in (warm, cold))
    yield Row("serve.decision.memoised", f"{text}: path seen before", warm_us, "µs", 10.0)
    yield Row("serve.decision.cold", f"{text}: new path", cold_us, "µs", 150.0)
    yield Row("serve.decision.views", f"{text}: new routing views", router.tables / _SECONDS, "/s", 20.0)
    each_ms = making.seconds / router.tables * 1000
    yield Row(
        "serve.decision.view",
        "a new routing view, N=300, the view of the cluster included",
        each_ms,
        "ms",
        None,
    )
    yield Row(
        "serve.decision.loads",
        "loads applied meanwhile",
        fed.applied / _SECONDS,
        "/s",
        LOADS_PER_S * 0.99,
        False,
    )


def redirect() -> Iterator[Row]:
    """`serve.redirect`: redirects by one process, beside a bare handler of a fixed one; then at half that rate."""
    router = ("loadtest.router", str(NODES), str(LOADS_PER_S))
    with (
        serving.printing("loadtest.bare") as bare,
        serving.printing(*router) as node,
        tempfile.TemporaryDirectory() as folder,
    ):
        script = Path(folder) / "paths.lua"
        script.write_text(_SCRIPT)
        question = f"path=/live/{_MARK}/main.m3u8&zone=mumbai"
        chosen = f"{node}/v1/route?{question}"
        found, rate = serving.ratio(chosen, f"{bare}/redirect?{question}", script)
        urls = [chosen.replace(_MARK, str(number)) for number in range(PATHS)]
        p99_s = serving.open_loop(urls, rate / 2, _OPEN_LOOP_S)
    text = f"redirects by one process, N={NODES}, {LOADS_PER_S:,.0f} loads/s applied"
    yield Row("serve.redirect.ratio", f"{text}, of a fixed 302 by bare aiohttp", found, "times", 0.5, False)
    yield Row("serve.redirect.rate", text, rate, "/s", 8000.0, False)
    yield Row("serve.redirect.p99", f"{text}, at half that rate, open loop", 1000 * p99_s, "ms", 5.0)


class _Timed:
    """Sums up processor time of this thread."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.times = 0
        self._begun = 0.0

    def __enter__(self) -> None:
        self._begun = time.thread_time()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.thread_time() - self._begun
        self.times += 1


def balance() -> Iterator[Row]:
    """`serve.balance`: one event takes 40% of the traffic."""
    what = "greatest load over the mean, an event coming to 40% of the traffic"

    def simulated() -> audience.Uneven:
        return audience.flash(NODES, _SIM_CAPACITY, _SIM_STEADY_S, ramp_s=_SIM_RAMP_S)

    for name, text, measured in (
        ("real", f"in 10 s, N={route_real.NODES} processes", route_real.flash),
        ("sim", f"in {_SIM_RAMP_S} s, N={NODES}, sim", simulated),
    ):
        found = measured()
        yield Row(
            f"serve.balance.{name}", f"{what}: when it is there, {text}", max(found.steady), "times", 1.25
        )
        yield Row(
            f"serve.balance.{name}.ramp", f"{what}: while it comes, {text}", max(found.ramp), "times", None
        )


def dead() -> Iterator[Row]:
    """`serve.dead`: new viewers sent to a node after it died, or while it drains."""
    found = audience.dying(NODES, _DEATHS, _SIM_PER_S)
    text = f"until no node of {NODES} sends viewers to one, the longest of {_DEATHS}, sim"
    yield Row("serve.dead.sim.crash", f"crash: {text}", max(found.crashed), "s", CRASH_S)
    yield Row("serve.dead.sim.drain", f"drain: {text}", max(found.drained), "s", DRAIN_S)
    yield Row(
        "serve.dead.sim.late", f"of {found.viewers:,} viewers, sent there later", found.late, "viewers", 0
    )
    for name, text, how, allowed_s in (
        ("crash", "1.5 s after kill -9", signal.SIGKILL, CRASH_S),
        ("drain", "0.3 s after SIGTERM", signal.SIGTERM, DRAIN_S),
    ):
        sent = route_real.dying(how, allowed_s)
        figure = f"of {sent.asked:,} viewers, sent to a node {text}, N=8 processes"
        yield Row(f"serve.dead.real.{name}", figure, sent.late, "viewers", 0)
        yield Row(f"serve.dead.real.{name}.last", "the last of these was sent after", sent.last_s, "s", None)
