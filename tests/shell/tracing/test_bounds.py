"""Tracing that is off, that cannot be, and that has more to send than it can."""

import asyncio
import subprocess
import sys
import time

import aiohttp
import pytest

from cache.pretend_origin import SEGMENT, PretendOrigin
from edge.config import Source, TracingConfig, load
from edge.model import ConfigError
from edge.shell.tracing.sending import QUEUE_MAX
from running import Running
from shell.tracing.collector import Collector
from shell.tracing.conftest import Start
from waiting import until

_LOADED = """
import sys
from edge.app import Node
from edge.config import Source, load
flags = {f"{section}.bind": "127.0.0.1:0" for section in ("gossip", "public", "admin")}
node = Node(load(Source.flags({"node.name": "pune"} | flags)))
print(node._collector is not None, sorted(name for name in sys.modules if name.startswith(("opentelemetry", "google"))))
"""
_LACKING = """
import sys
sys.modules["opentelemetry"] = None
binds = [f"--{section}-bind=127.0.0.1:0" for section in ("gossip", "public", "admin")]
sys.argv = ["edge", "run", "--tracing-enabled=true", *binds]
from edge.cli import main
main()
"""


def python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )


def test_nothing_of_it_is_loaded_while_it_is_off() -> None:
    assert python(_LOADED).stdout == "True []\n"


async def test_no_field_is_sent_while_it_is_off(
    running: Running, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    pune = await running.start("pune")
    asked = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=b"}
    async with http.get(pune.member.public + SEGMENT, headers=asked) as answer:
        assert answer.status == 200
    assert not {"traceparent", "tracestate"} & {name.lower() for name in origin.seen[0].headers}
    async with http.get(pune.member.admin + "/metrics") as answer:
        assert "edge_tracing" not in await answer.text()


def test_without_the_extra_a_user_is_told_what_to_install() -> None:
    done = python(_LACKING)
    assert done.returncode == 2
    assert done.stderr == (
        "edge: tracing.enabled: is true, but opentelemetry is not installed; "
        "pip install 'edge-coordinator[tracing]', or set it to false\n"
    )


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://otel:4318", "http://otel:4318/v1/traces"),
        ("http://otel:4318/", "http://otel:4318/v1/traces"),
        ("https://otel/v1/traces", "https://otel/v1/traces"),
        ("https://otel/tenant/7/", "https://otel/tenant/7/"),
    ],
)
def test_where_spans_are_sent(endpoint: str, url: str) -> None:
    assert TracingConfig(endpoint=endpoint).url == url


@pytest.mark.parametrize("endpoint", ["otel:4317", "grpc://otel:4317", "http://user:word@otel", "http://"])
def test_an_endpoint_that_is_none(endpoint: str) -> None:
    with pytest.raises(ConfigError, match=r"--tracing-endpoint: .* Collector that takes OTLP over HTTP"):
        load(Source.flags({"node.name": "pune", "tracing.endpoint": endpoint}))


async def test_what_the_queue_cannot_hold_is_dropped_and_counted(
    start: Start, collector: Collector, http: aiohttp.ClientSession
) -> None:
    pune = await start("pune")
    collector.held = asyncio.Event()
    tracer = pune._tracing._tracer  # type: ignore[attr-defined]  # of the traced kind
    for _ in range(QUEUE_MAX + 100):
        tracer.start_span("much").end()
    assert await counts(http, pune.member.admin) == {"sent": 0, "failed": 0, "dropped": 100}
    collector.held.set()
    await until(lambda: len(collector.spans) == QUEUE_MAX, 8)
    wanted = {"sent": QUEUE_MAX, "failed": 0, "dropped": 100}
    async with asyncio.timeout(8):  # until the exporter has read the collector's last answer, too
        while await counts(http, pune.member.admin) != wanted:
            await asyncio.sleep(0.05)


async def counts(http: aiohttp.ClientSession, admin: str) -> dict[str, int]:
    async with http.get(f"{admin}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    told = [line.split('"') for line in lines if line.startswith("edge_tracing_spans_total{")]
    return {outcome: int(float(value.split()[1])) for _, outcome, value in told}


async def test_a_ratio_of_none_sends_nothing_but_tells_others_so(
    start: Start, collector: Collector, origin: PretendOrigin, http: aiohttp.ClientSession, running: Running
) -> None:
    pune = await start("pune", tracing__sample_ratio="0")
    async with http.get(pune.member.public + SEGMENT) as answer:
        assert answer.status == 200
    assert origin.seen[0].headers["traceparent"].endswith("-02")  # not kept; of random ids
    await running.stop("pune")  # which sends what waits
    assert collector.spans == []


async def test_the_last_spans_are_sent_at_the_end(
    start: Start, collector: Collector, http: aiohttp.ClientSession, running: Running
) -> None:
    pune = await start("pune")
    async with http.get(pune.member.public + SEGMENT) as answer:
        assert answer.status == 200
    await running.stop("pune")
    assert [one.name for one in collector.spans if one.kind == 2] == ["GET /{path}"]


async def test_a_collector_that_is_away_disturbs_nobody(
    start: Start, collector: Collector, http: aiohttp.ClientSession, running: Running
) -> None:
    pune = await start("pune")
    collector.held = asyncio.Event()  # it takes spans, and says nothing
    for _ in range(3):
        async with http.get(pune.member.public + SEGMENT) as answer:
            assert answer.status == 200
    begun = time.monotonic()
    await running.stop("pune")
    assert time.monotonic() - begun < 5
