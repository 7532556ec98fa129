"""A process that is killed at any moment, and a volume that is really full: real processes, real file systems."""

import json
import os
import sys
from pathlib import Path

from needs import needs
from programs import TESTS, output_of

AS_USER = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]


async def test_kill_9_loses_nothing_tears_nothing_and_brings_nothing_back(tmp_path: Path) -> None:
    kills = 20  # 200 in tests/conformance, which has the time
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
