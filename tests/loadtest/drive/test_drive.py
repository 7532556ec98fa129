"""Real viewers, real nodes, a few seconds: they watch, one node dies, and the report says so."""

import json
import re
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from edge.model import ConfigError
from loadtest.drive.command import drive_command
from loadtest.drive.faults import left_out
from loadtest.scenario.load import load

ROOT = Path(__file__).resolve().parents[3]
SHORT = """\
title = "four seconds"
for_s = 40

[fleet]
nodes = 3
capacity = 100

[audience]
peak = 1000
session_s = 30
rung = [{ name = "240p", kbps = 300, share = 0.5 }, { name = "540p", kbps = 900, share = 0.5 }]

[[event]]
kind = "crowd"
at_s = 0
share = 1.0
over_s = 10

[[fault]]
kind = "purge-storm"
at_s = 5
for_s = 1
zone = "mumbai"

[[fault]]
kind = "cut"
at_s = 10
for_s = 10
zones = ["delhi"]

[[source]]
what = "nothing"
where = "nowhere"

[[expect]]
figure = "hit-ratio"
op = ">="
value = 0.9
"""


def test_viewers_watch_real_nodes(tmp_path: Path) -> None:
    scenario = tmp_path / "short.toml"
    scenario.write_text(SHORT)
    told = [
        "--local",
        "3",
        "--viewers",
        "20",
        "--speed",
        "10",
        "--workers",
        "2",
        "--out",
        str(tmp_path / "out"),
    ]
    done = CliRunner().invoke(drive_command, [str(scenario), *told])
    assert done.exit_code == 0, done.output
    made = json.loads((tmp_path / "out" / "report.json").read_text())
    assert made["failed_outside"] == 0, made["errors"]
    assert max(made["series"]["viewers"]) == 20
    assert made["latency_ms"]["segment"]["count"] > 20
    assert sum(made["rungs"].values()) > 20
    assert len(made["nodes"]) == 3
    assert [one["kind"] for one in made["faults"]] == ["purge-storm"]
    assert [one["kind"] for one in made["left_out"]] == ["cut"]
    assert made["faults"][0]["failed"] == 0


def test_mistakes_are_told() -> None:
    for arguments, said in (
        (["toss-to-toss"], "has nothing to ask"),
        (["toss-to-toss", "--local", "2", "--url", "http://h"], "one of them"),
        (["toss-to-toss", "--url", "h:80"], "no entry point"),
        (["toss-to-toss", "--local", "2", "--index", "2", "--of", "2"], "--index"),
        (["toss-to-toss", "--local", "2", "--path", "live"], "begin with /"),
    ):
        done = CliRunner().invoke(drive_command, arguments)
        assert isinstance(done.exception, ConfigError)
        assert said in str(done.exception)


def test_nothing_is_done_to_a_cluster_elsewhere() -> None:
    faults = load("toss-to-toss").fault
    assert list(left_out(faults, None)) == [0]


_LOADED = """
import sys
from importlib.metadata import packages_distributions
import loadtest.drive.command
known = packages_distributions()
print(*sorted({one for name in sys.modules for one in known.get(name.partition(".")[0], ())}))
"""


def test_a_machine_that_drives_needs_no_more_than_its_image_has() -> None:
    locked = set[str]()
    for name in ("requirements.lock", "loadtest/requirements.lock"):
        locked |= set(re.findall(r"^([a-z0-9-]+)==", (ROOT / name).read_text("utf-8"), re.MULTILINE))
    done = subprocess.run(
        [sys.executable, "-c", _LOADED], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    loaded = {name.lower().replace("_", "-") for name in done.stdout.split()} - {"edge-coordinator"}
    assert {"aiohttp", "hdrhistogram"} <= loaded <= locked
