"""What `make monitoring` tells who has made a mistake; tests/live_demo has the rest."""

import asyncio
import socket
import sys
from pathlib import Path

import aiohttp
import pytest
import yaml

from edge.model import ConfigError
from monitoring.prometheus import Seen, Settings, configuration, port_for, rules, started

COMMAND = Path(__file__).resolve().parents[2] / ".ci/monitor.py"
SEEN = Seen("demo", {"pune": "http://127.0.0.1:7701", "delhi": "http://[::1]:7711"})


async def test_where_no_demo_runs_it_says_how_to_start_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        admin = f"http://127.0.0.1:{taken.getsockname()[1]}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(COMMAND), f"--admin={admin}", stderr=asyncio.subprocess.PIPE
    )
    _, errors = await asyncio.wait_for(process.communicate(), 50)
    assert process.returncode == 2
    assert errors.decode().startswith(f"edge: --admin: no node of a demo answers at {admin}; start one with")
    assert "Traceback" not in errors.decode()


async def test_where_prometheus_is_missing_it_says_how_to_install_it(
    http: aiohttp.ClientSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="prometheus: is not installed; on Debian and Ubuntu: apt-get inst"):
        async with started(http, SEEN, Settings(tmp_path)):
            pass


async def test_what_prometheus_said_last_is_told_when_it_does_not_start(
    http: aiohttp.ClientSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "prometheus"
    program.write_text("#!/bin/sh\necho out of everything\nexit 1\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"does not answer at .*\nout of everything"):
        async with started(http, SEEN, Settings(tmp_path, port_for(0))):
            pass


def test_a_port_that_somebody_has_is_told_if_it_was_asked_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"somebody has port {port}"):
            port_for(port)
    assert port_for(port) == port
    assert port_for(0) > 0


def test_nodes_are_scraped_with_the_labels_that_the_alerts_pick_by() -> None:
    [job] = configuration(SEEN, 1)["scrape_configs"]
    assert job["job_name"] == "edge"
    assert job["static_configs"] == [
        {"targets": ["[::1]:7711"], "labels": {"namespace": "demo", "pod": "delhi"}},
        {"targets": ["127.0.0.1:7701"], "labels": {"namespace": "demo", "pod": "pune"}},
    ]
    assert 'namespace="demo",job="edge"' in yaml.safe_dump(rules(), width=1000)
