"""The admin port of a real node against its own description: whatever is asked, it answers as it says.

`SCHEMATHESIS_S=600 SCHEMATHESIS_SEED=7 make test ARGS=tests/test_schemathesis.py` looks for longer, and elsewhere.
"""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from running import Running

SECONDS = int(os.environ.get("SCHEMATHESIS_S", "4"))
SEED = int(os.environ.get("SCHEMATHESIS_SEED", "1"))
START_S = 30  # of the program, on a busy machine
TOKEN = "an-operator-s-long-token"
# A value may fit its schema, and yet be of no use at this moment: a zone without members, a time that is over.
LEFT_OUT = "positive_data_acceptance"


@pytest.mark.timeout(SECONDS + 2 * START_S)
async def test_it_answers_as_it_says(
    running: Running, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    limits = {"admin__writes_per_s": "10000", "admin__writes_burst": "100000"}
    node = await running.start("pune", admin__token_file=str(tmp_path / "token"), **limits)
    options = [f"--max-time={SECONDS}", f"--seed={SEED}", "--request-timeout=5", "--max-failures=20"]
    options += ["--phases=coverage,fuzzing", f"--exclude-checks={LEFT_OUT}", "--exclude-path-regex=stream"]
    options += ["-H", f"Authorization: Bearer {TOKEN}", "--suppress-health-check=all", "--warnings=off"]
    url = f"{node.member.admin}/v1/openapi.json"
    asking = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", url, *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=tmp_path,
    )
    try:
        told, _ = await asyncio.wait_for(asking.communicate(), SECONDS + START_S)
    finally:
        if asking.returncode is None:
            asking.kill()
            await asking.wait()
    assert asking.returncode == 0, told.decode()
    answers = node._admin.warden.counters.answers
    assert answers["2xx"] > 5, f"{answers}\n{told.decode()}"
    assert not [one.getMessage() for one in caplog.records if one.exc_info]
