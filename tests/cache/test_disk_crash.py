"""A process that is killed at any moment, and a volume that is really full: real processes, real file systems."""

import asyncio
import json
import os
import sys
from pathlib import Path

from needs import needs

TESTS = Path(__file__).resolve().parents[1]
AS_USER = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]


async def output_of(*command: str) -> str:
    """What a program prints; its errors fail the test."""
    environment = {**os.environ, "PYTHONPATH": f"{TESTS}:{TESTS.parent}"}
    started = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(50):
            out, errors = await started.communicate()
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()
    assert started.returncode == 0, errors.decode()
    return out.decode()


async def test_kill_9_loses_nothing_tears_nothing_and_brings_nothing_back(tmp_path: Path) -> None:
    kills = 20
    printed = await output_of(sys.executable, f"{TESTS}/cache/crash.py", str(tmp_path), str(kills), "7")
    summary = json.loads(printed.splitlines()[-1])
    assert summary["lives"] == kills
    assert summary["found"] > kills
    assert summary["finished"] > kills
    assert summary["slowest_start_s"] < 20  # figures are for the benchmarks; this one is no hang


@needs("mount", "unshare")
async def test_on_a_volume_that_is_full(tmp_path: Path) -> None:
    script = f"{TESTS}/cache/full_disk.py"
    printed = await output_of("unshare", *AS_USER, "--mount", sys.executable, script, str(tmp_path))
    assert printed.split() == ["no_request_fails", "purges_hold", "it_starts_without_room"]
