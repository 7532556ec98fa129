"""A whole node with a disk: its settings, its metrics, and what a purge over HTTP promises."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from cache.disk_world import Gate, tier
from cache.pretend_origin import SEGMENT, PretendOrigin
from edge.cache.disk.journal import read
from running import Running
from waiting import until

OTHER = "/live/v240/8.m4s"


@pytest.fixture
async def running(origin: PretendOrigin) -> AsyncIterator[Running]:
    for path in (SEGMENT, OTHER):
        origin.serve(path, b"media", {"Content-Type": "video/mp4", "Cache-Control": "max-age=3600"})
    made = Running(origin.url)
    yield made
    await made.end()


def disk(folder: Path) -> dict[str, str]:
    return {"cache__disk_path": str(folder), "cache__disk_max_bytes": "2000000", "node__drain_s": "0"}


async def test_a_restarted_node_serves_from_its_disk_and_says_so(
    running: Running, http: aiohttp.ClientSession, origin: PretendOrigin, tmp_path: Path
) -> None:
    node = await running.start("pune", **disk(tmp_path))
    for path in (SEGMENT, OTHER):
        async with http.get(node.member.public + path) as answer:
            assert await answer.read() == b"media"
    async with http.post(node.member.admin + "/v1/purge", json={"url": OTHER}) as answer:
        assert answer.status == 202
    assert node.cache.recorded
    await running.stop("pune")
    node = await running.start("pune", **disk(tmp_path))
    async with http.get(node.member.public + SEGMENT) as answer:
        assert answer.headers["Cache-Status"].startswith('"pune"; hit')
    async with http.get(node.member.public + OTHER) as answer:
        assert answer.headers["Cache-Status"].startswith('"pune"; fwd=uri-miss')
    assert origin.counts == {SEGMENT: 1, OTHER: 2}
    async with http.get(node.member.admin + "/metrics") as metrics:
        text = await metrics.text()
    for line in (
        'edge_cache_tier_objects{tier="memory"} 2.0',
        'edge_cache_tier_objects{tier="disk"} 2.0',
        'edge_cache_tier_max_bytes{tier="disk"} 2e+06',
        'edge_cache_tier_evictions_total{tier="disk"} 0.0',
        "edge_cache_disk_hits_total 1.0",
        "edge_cache_disk_restored_total 1.0",
    ):
        assert line in text


async def test_a_purge_is_acknowledged_once_it_is_on_record(
    running: Running, http: aiohttp.ClientSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = await running.start("pune", **disk(tmp_path))
    gate = Gate(monkeypatch, tier(node.cache)._opened.journal, "append")
    async with http.get(node.member.public + SEGMENT) as answer:
        assert await answer.read() == b"media"
    told = node.events.purge({"url": SEGMENT})
    await gate.reached()
    assert (told["reached"], node.cache.stored_objects) == ([], 0)  # it counts already
    gate.open()
    await until(lambda: node.events.all()[0]["reached"] == ["pune"])
    contents = read(tmp_path / "journal")
    assert contents
    assert [(one.what, one.value) for one in contents.records] == [("url", SEGMENT)]


async def test_a_folder_that_cannot_be_had_keeps_a_node_from_starting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    binds = [f"--{which}-bind=127.0.0.1:0" for which in ("gossip", "public", "admin")]
    command = ["-m", "edge", "run", *binds, f"--cache-disk-path={tmp_path / 'file'}"]
    started = await asyncio.create_subprocess_exec(sys.executable, *command, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(20):
        _, errors = await started.communicate()
    assert started.returncode == 2
    (line,) = errors.decode().splitlines()
    assert re.search(r"cache\.disk_path: .*/file cannot be used: .*; name a folder", line)
