"""A cut of the demo, told by the page, `edge top`, the metrics and `edge events --follow`: when, and whether alike."""

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import orjson
import pytest
from playwright.async_api import Page
from prometheus_client.parser import text_string_to_metric_families

from edge.demo.cities import CITIES
from live_demo.cluster import Report
from live_demo.demo import Demo
from needs import needs
from waiting import until

pytestmark = [needs("chromium"), pytest.mark.timeout(180)]

APART_S = 2.0  # between the first that tells it and the last
SINCE_APART_S = 1.5  # the page counts whole seconds
TELLERS = ("page", "top", "metrics", "events")
LOST = frozenset(city.name for city in CITIES if city.region != "west")  # as mumbai, in the west, sees it
# Notes each new word about the cut, with the time.
_WATCH = """() => {
  window.told = [];
  let last = "";
  setInterval(() => {
    const banner = document.querySelector("#banner");
    const lost = [...document.querySelectorAll("#nodes tr[data-side=lost]")].map((row) => row.dataset.node);
    const said = [banner.dataset.cut ?? "", document.body.dataset.partition, ...lost].join(" ");
    if (said === last) return;
    last = said;
    const words = banner.textContent;
    window.told.push({ at: Date.now() / 1000, cut: banner.dataset.cut, lost, words });
  }, 50);
}"""


class Told(NamedTuple):
    """What one teller says at a moment; times are seconds since 1970."""

    at: float
    cut: str  # its id; empty where there is none
    since: float
    lost: frozenset[str]


NOTHING = Told(0.0, "", 0.0, frozenset())


@dataclass
class Teller:
    """All that one of the four said."""

    told: list[Told] = field(default_factory=list)

    @property
    def first(self) -> Told | None:
        """When it told of a cut at all."""
        return next((one for one in self.told if one.cut), None)

    @property
    def whole(self) -> Told | None:
        """When it told of all who are lost."""
        return next((one for one in self.told if one.cut and one.lost == LOST), None)


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Demo]:
    demo = Demo(tmp_path)
    yield demo
    demo.kill()


@asynccontextmanager
async def lines(*arguments: str) -> AsyncIterator[asyncio.StreamReader]:
    """What an `edge` command prints."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "edge", *arguments, stdout=pipe, limit=2**20
    )
    try:
        assert process.stdout
        yield process.stdout
    finally:
        process.terminate()
        await process.wait()


async def hear_top(admin: str, into: Teller) -> None:
    async with lines("top", "--output=json", "--every=0.25", f"--admin={admin}") as out:
        while line := await out.readline():
            at, cut = time.time(), (orjson.loads(line).get("head") or {}).get("cut")
            if cut:
                into.told.append(Told(at, cut["id"], at - cut["age_s"], frozenset(cut["lost"])))
            elif not into.told:
                into.told.append(NOTHING)


async def hear_events(admin: str, into: Teller) -> None:
    """Who is lost: whom the cut names, and who is suspect since, but for those that answered."""
    lost: set[str] = set()
    cut, since = "", 0.0
    async with lines("events", "--follow", "--output=json", f"--admin={admin}") as out:
        while line := await out.readline():
            at, told = time.time(), orjson.loads(line)
            kind, node = told["kind"], told.get("node", "")
            if found := re.match(r"partition (\S+): .* lost so far: (.*)", told.get("text", "")):
                cut, since = found[1], told["time"]
                lost.update(found[2].split(", "))
            elif kind in {"suspect", "unreachable"}:
                lost.add(node)
            elif kind == "alive":
                lost.discard(node)
            into.told.append(Told(at, cut, since, frozenset(lost)))


async def hear_metrics(admin: str, into: Teller) -> None:
    """In the demo every city is a zone, so the zones say who."""
    async with aiohttp.ClientSession() as http:
        while True:
            async with http.get(f"{admin}/metrics") as answer:
                text = await answer.text()
            at, values, zones = time.time(), dict[str, float](), set[str]()
            for family in text_string_to_metric_families(text):
                if family.name == "edge_partition_zone_lost":
                    zones = {one.labels["zone"] for one in family.samples}
                elif family.name.startswith("edge_partition"):
                    values[family.name] = family.samples[0].value
            if number := int(values["edge_partition_number"]):
                since = values["edge_partition_since_timestamp_seconds"]
                assert values["edge_partition_lost"] == len(zones)
                into.told.append(Told(at, f"mumbai-{number}", since, frozenset(zones)))
            elif not into.told:
                into.told.append(NOTHING)
            await asyncio.sleep(0.2)


async def hear_page(page: Page, into: Teller) -> None:
    while True:
        told: list[dict[str, Any]] = await page.evaluate("window.told")
        into.told = [
            Told(one["at"], one["cut"] or "", one["at"] - since_s(one["words"]), frozenset(one["lost"]))
            for one in told
        ]
        await asyncio.sleep(0.2)


def since_s(words: str) -> float:
    found = re.search(r"Partition since (?:(\d+) min )?(\d+) s", words)
    return 60 * int(found[1] or 0) + int(found[2]) if found else 0.0


async def heard_by_all(tellers: dict[str, Teller], work: list[asyncio.Task[None]]) -> None:
    async with asyncio.timeout(60):
        while not all(one.whole for one in tellers.values()):
            for task in work:
                assert not task.done(), task.exception()
            await asyncio.sleep(0.1)


async def control(admin: str) -> str:
    async with aiohttp.ClientSession() as http, http.get(f"{admin}/v1/view") as answer:
        view = await answer.json()
    [own] = [one for one in view["members"] if one["name"] == view["self"]]
    return f"{own['tags']['faults']}/v1/faults"


async def cut_west(url: str) -> float:
    """When it was cut."""
    async with aiohttp.ClientSession() as http:
        at = time.time()
        async with http.post(url, json={"kind": "region", "name": "west", "on": True}) as answer:
            assert answer.status == 200
    return at


async def test_a_cut_is_told_alike_by_all_four_within_two_seconds(
    demo: Demo, page: Page, report: Report
) -> None:
    admin = await demo.up()
    await page.route("**/live/**", lambda route: route.abort())  # the picture costs more than all the rest
    await page.goto(admin)
    await page.wait_for_selector('body[data-connection=live][data-partition=""]')
    await page.evaluate(_WATCH)
    tellers = {name: Teller() for name in TELLERS}
    jobs: list[tuple[Callable[..., Awaitable[None]], Any, str]] = [
        (hear_page, page, "page"),
        (hear_top, admin, "top"),
        (hear_metrics, admin, "metrics"),
        (hear_events, admin, "events"),
    ]
    work = [asyncio.ensure_future(hear(source, tellers[name])) for hear, source, name in jobs]
    try:
        url = await control(admin)
        await until(lambda: all(one.told for one in tellers.values()), 30)
        cut = await cut_west(url)
        await heard_by_all(tellers, work)
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
    judge(tellers, cut, report)


def judge(tellers: dict[str, Teller], cut: float, report: Report) -> None:
    first = {name: one.first for name, one in tellers.items()}
    whole = {name: one.whole for name, one in tellers.items()}
    assert first["metrics"]
    declared = first["metrics"].since
    report(f"declared {declared - cut:.2f} s after the cut")
    for name in TELLERS:
        begun, done = first[name], whole[name]
        assert begun
        assert done
        report(
            f"{name:8} tells of it {begun.at - declared:5.2f} s after that ({begun.at - cut:5.2f} s after the cut), "
            f"of all who are lost {done.at - declared:5.2f} s ({done.at - cut:5.2f} s)"
        )
        assert begun.at - declared < APART_S, name
        assert begun.cut == done.cut == "mumbai-1", name
        assert abs(done.since - declared) < SINCE_APART_S, name
    for what in (first, whole):
        times = [one.at for one in what.values() if one]
        assert max(times) - min(times) < APART_S
