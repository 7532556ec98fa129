"""`edge demo`, as `make run` starts it."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import psutil
import pytest

from live_demo.demo import Demo

pytestmark = pytest.mark.timeout(120)


def edge(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge", *arguments], capture_output=True, text=True, timeout=20, check=False
    )


async def test_eight_cities_are_up_and_listed_and_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    try:
        page = await demo.up()
        listed = await asyncio.to_thread(edge, "members", "--admin", page)
        assert listed.returncode == 0, listed.stderr
        assert "8 of 8 alive, as mumbai sees cluster demo" in listed.stdout
        assert all(len(line) <= 80 for line in listed.stdout.splitlines())
        assert listed.stdout.count(" alive ") == 8
        machine = await asyncio.to_thread(edge, "members", "--admin", page, "--output", "json")
        assert [one["status"] for one in orjson.loads(machine.stdout)["members"]] == ["alive"] * 8
        view = await asyncio.to_thread(edge, "view", "--admin", page, "--output", "json")
        assert orjson.loads(view.stdout)["totals"]["alive"] == 8
        for_people = await asyncio.to_thread(edge, "view", "--admin", page)
        assert "HOT SEGMENT" in for_people.stdout
        assert await demo.end() == 0
        assert demo.said.endswith("all processes have ended\n")
        assert "Traceback" not in demo.said
    finally:
        demo.popen.kill()
        demo.popen.wait()


async def test_two_demos_at_once_take_different_ports_and_a_second_run_works(tmp_path: Path) -> None:
    first, second = Demo(tmp_path, "first"), Demo(tmp_path, "second")
    try:
        pages = {await first.up(), await second.up()}
        assert len(pages) == 2
        assert await first.end() == 0
        assert await second.end(signal.SIGTERM) == 0
        third = Demo(tmp_path, "third")
        assert await third.up()
        assert await third.end() == 0
    finally:
        for one in (first, second):
            one.popen.kill()
            one.popen.wait()


async def test_no_child_outlives_a_demo_that_is_killed(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    await demo.up()
    family = demo.family()
    demo.popen.kill()
    demo.popen.wait()
    _, alive = await asyncio.to_thread(psutil.wait_procs, family, 10)
    assert not alive
