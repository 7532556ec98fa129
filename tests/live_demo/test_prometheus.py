"""A real Prometheus scrapes the demo: every panel of every dashboard has data, and every alert can be asked."""

import asyncio
import itertools
import math
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from edge.demo.cities import CITIES
from edge.model import Address
from helm.alerts import alerts
from live_demo.demo import Demo
from monitoring.boards import BOARDS, filled
from monitoring.prometheus import Prometheus, Seen, Settings, port_for, seen_by, started
from needs import needs
from waiting import until

pytestmark = [needs("prometheus"), pytest.mark.timeout(180)]

ROOT = Path(__file__).resolve().parents[2]
NAMES = {city.name for city in CITIES}
SCRAPES = 12  # of every node, before anything is asked
PATIENCE = 20  # looks, for a demo that is short of processor
# Queries that have no data in a demo in which nothing goes wrong, by panel and legend.
SEEN_AFTER_FAULTS = {("Datagrams dropped", "{{reason}}"), ("Failures by reason", "fill: {{reason}}")}
ONLY_WITH_A_FAULT = {
    ("Datagrams dropped", "{{reason}}"): "there is a line for each reason that occurs; none does",
    ("Failures by reason", "fill: {{reason}}"): "reasons appear with the first failure: stop the origin",
    ("Failures by reason", "other node: {{reason}}"): "as above; kill a node",
    **{
        (
            "Fills from other nodes take",
            f"{share} within",
        ): "a zone of the demo has one node; all ask the origin"
        for share in ("half", "95%", "99%")
    },
    ("Faults", "{{reason}}"): "no member lies",
    ("Strange datagrams", "{{reason}}"): "nobody else sends any",
    ("Refused at admin ports", "{{reason}}"): "nobody is refused",
    ("nginx, by what its cache did", "{{reason}}"): "the demo's nodes serve by themselves, without nginx",
}


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Demo]:
    made = Demo(tmp_path)
    try:
        yield made
        assert await made.end() == 0
    finally:
        if made.popen.poll() is None:
            made.kill()


def finite(series: Sequence[dict[str, Any]]) -> list[float]:
    return [value for one in series if math.isfinite(value := float(one["value"][1]))]


async def scraped(prometheus: Prometheus, times: int) -> None:
    """Wait until every node has been scraped so often."""
    async with asyncio.timeout(60):
        while len(await prometheus.ask(f"count_over_time(edge_node_info[2m]) >= {times}")) < len(CITIES):
            await asyncio.sleep(0.5)


async def without_data(prometheus: Prometheus) -> dict[tuple[str, str], str]:
    """The queries that gave no number, by panel and legend."""
    found = {}
    values = {"cluster": "demo", "zone": ".*", "node": "pune", "__rate_interval": "15s"}
    for board in BOARDS:
        made = board.json()
        for panel in made["panels"]:
            for target in panel["targets"]:
                expression = filled(target["expr"], **values)
                if not finite(await prometheus.ask(expression)):
                    found[panel["title"], target["legendFormat"]] = f"{board.title}: {expression}"
        for mark in made["annotations"]["list"]:
            await prometheus.ask(mark["expr"])
    return found


async def unexpected(prometheus: Prometheus) -> dict[tuple[str, str], str]:
    """The queries that should give a number and give none after a while."""
    missing: dict[tuple[str, str], str] = {}
    for _ in range(PATIENCE):
        missing = await without_data(prometheus)
        if missing.keys() <= ONLY_WITH_A_FAULT.keys():
            return {}
        await asyncio.sleep(1)
    return {key: text for key, text in missing.items() if key not in ONLY_WITH_A_FAULT}


async def picked(prometheus: Prometheus) -> dict[str, set[str]]:
    """What the variables offer."""
    found = {}
    for one in BOARDS[-1].json()["templating"]["list"]:
        if one["type"] == "query":
            query, label = one["definition"].removeprefix("label_values(").removesuffix(")").split(", ")
            series = await prometheus.ask(filled(query, cluster="demo", zone=".*"))
            found[one["name"]] = {each["metric"][label] for each in series}
    return found


def test_what_may_lack_data_is_there() -> None:
    panels = [panel for board in BOARDS for panel in board.json()["panels"]]
    queries = {(panel["title"], one["legendFormat"]) for panel in panels for one in panel["targets"]}
    assert SEEN_AFTER_FAULTS <= ONLY_WITH_A_FAULT.keys() <= queries


async def test_every_panel_has_data_and_every_alert_is_asked(demo: Demo, tmp_path: Path) -> None:
    page = await demo.up()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
        seen = await seen_by(http, page)
        assert seen.admins.keys() == NAMES
        settings = Settings(tmp_path, port_for(0), every_s=1)
        async with started(http, seen, settings) as (prometheus, _):
            await scraped(prometheus, SCRAPES)
            assert await picked(prometheus) == {"cluster": {"demo"}, "zone": NAMES, "node": NAMES}
            async with asked_and_told(http, seen):
                assert not await unexpected(prometheus)
            await all_alerts_are_asked(prometheus)
            await faults_are_seen(prometheus, demo)


@asynccontextmanager
async def asked_and_told(http: aiohttp.ClientSession, seen: Seen) -> AsyncIterator[None]:
    """Meanwhile viewers ask each node where to go, and one node makes events, as there are in a match."""

    admin = next(iter(seen.admins.values()))

    async def go_on() -> None:
        for number in itertools.count():
            async with http.post(f"{admin}/v1/events", json={"key": f"ball-{number}", "ttl_s": 60}) as told:
                assert told.status == 202, await told.text()
            async with http.get(f"{admin}/v1/view") as view:
                publics = [one["public"] for one in (await view.json())["members"]]
            for public in publics:
                question = f"{public}/v1/route?path=/live/main.m3u8"
                async with http.get(question, allow_redirects=False) as sent:
                    assert sent.status == 302, await sent.text()
            await asyncio.sleep(1)

    going = asyncio.create_task(go_on())
    try:
        yield
    finally:
        if going.done():
            going.result()  # why it has ended
        going.cancel()


async def faults_are_seen(prometheus: Prometheus, demo: Demo) -> None:
    """Junk for a node, and an origin that hangs: two queries of the list have data then."""
    commands = {one: one.cmdline() for one in demo.family()}
    [origin] = [one for one, command in commands.items() if "origin" in command]
    flag = "--gossip-bind="  # behind the relay, which would not pass the junk on
    bound = next(word for command in commands.values() for word in command if word.startswith(flag))
    gossip = Address.parse(bound.removeprefix(flag), flag)
    origin.suspend()
    try:
        async with asyncio.timeout(60):
            while (await without_data(prometheus)).keys() & SEEN_AFTER_FAULTS:
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                    sock.sendto(b"junk", gossip)
                await asyncio.sleep(1)
    finally:
        origin.resume()


async def all_alerts_are_asked(prometheus: Prometheus) -> None:
    rules = await prometheus.rules()
    async with asyncio.timeout(30):
        while any(one["health"] == "unknown" for one in rules):
            await asyncio.sleep(0.5)
            rules = await prometheus.rules()
    assert {one["name"] for one in rules} == {one["alert"] for one in alerts()}
    for one in rules:
        assert one["health"] == "ok", one.get("lastError")
        assert one["state"] != "firing", f"{one['name']} fires in a demo in which nothing goes wrong"
        await prometheus.ask(one["query"])


async def test_make_monitoring_says_where_to_look_and_ends_with_ctrl_c(demo: Demo, tmp_path: Path) -> None:
    page, log = await demo.up(), tmp_path / "monitoring.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ROOT / ".ci/monitor.py"),
            f"--admin={page}",
            "--every-s=1",
            stdout=out,
            stderr=out,
        )
    try:
        await until(lambda: "Ctrl-C ends it" in log.read_text() or process.returncode is not None, 40)
        found = re.search(r"Prometheus +(http://\S+)", log.read_text())
        assert found, log.read_text()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
            await scraped(Prometheus(http, found[1]), 1)
            process.send_signal(signal.SIGINT)
            assert await asyncio.wait_for(process.wait(), 20) == 0
            with pytest.raises(aiohttp.ClientConnectionError):
                await http.get(f"{found[1]}/-/ready")
        assert log.read_text().endswith("Prometheus has ended\n")
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
