"""A soak of half a minute on real nodes; and nothing outlives who started it."""

import asyncio
import csv
import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from waiting import until

pytestmark = pytest.mark.timeout(120)
NODES = 3


def command(minutes: str, out: Path) -> list[str]:
    told = [f"--nodes={NODES}", "--viewers=6", "--every-s=1", f"--out={out}"]
    return [sys.executable, "-m", "loadtest", "soak", minutes, *told]


def test_a_short_soak_samples_all_and_judges_none(tmp_path: Path) -> None:
    done = subprocess.run(command("0.5", tmp_path), capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "too short to judge" in done.stdout
    made = json.loads((tmp_path / "report.json").read_text())
    assert made["done"]["kill"] >= 1
    assert made["done"]["purge"] >= 4
    assert made["done"]["monsoon"] >= 2
    assert made["refused"] == {}
    assert made["viewers"]["segments"] > 20
    with (tmp_path / "samples.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["node"] for row in rows} == {"mumbai", "delhi", "bangalore", "origin"}
    assert min(int(row["own_bytes"]) for row in rows) > 10_000_000
    assert max(int(row["life"]) for row in rows if row["node"] == "bangalore") >= 1
    assert max(float(row["edge_cache_stored_bytes"] or 0) for row in rows) > 0
    assert max(float(row["edge_gossip_durable_events"] or 0) for row in rows) > 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_nothing_outlives_a_soak(how: signal.Signals, tmp_path: Path) -> None:
    starter = await asyncio.create_subprocess_exec(*command("5", tmp_path), stdout=subprocess.DEVNULL)
    started = psutil.Process(starter.pid)
    try:
        await until(lambda: len(started.children(recursive=True)) == NODES + 1, within_s=20)
        below = started.children(recursive=True)
        await until((tmp_path / "samples.csv").exists, within_s=40)
    finally:
        starter.send_signal(how)
    await asyncio.wait_for(starter.wait(), 30)
    await until(lambda: all(is_gone(one) for one in below), within_s=20)


def is_gone(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)  # whose reaper takes its time
    except psutil.NoSuchProcess:
        return True
