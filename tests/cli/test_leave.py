"""How a node ends, as its kubelet sees it: signals and exit statuses."""

import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest

Start = Callable[[str], tuple[subprocess.Popen[str], str]]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def run(drain_s: str) -> tuple[subprocess.Popen[str], str]:
        free = [f"--{section}-bind=127.0.0.1:0" for section in ("gossip", "public", "admin")]
        popen = subprocess.Popen(
            [sys.executable, "-m", "edge", "run", *free, f"--node-drain-s={drain_s}"],
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(popen)
        assert popen.stderr
        for line in popen.stderr:
            if found := re.search(r"serves: .*admin (\S+),", line):
                return popen, found[1]
        raise AssertionError("it ended before it served")

    yield run
    for popen in started:
        popen.kill()
        popen.wait(10)
        assert popen.stderr
        popen.stderr.close()


def ready(admin: str) -> int:
    try:
        with urllib.request.urlopen(f"{admin}/readyz", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code


def test_a_signal_drains_leaves_and_ends_well(start: Start) -> None:
    popen, admin = start("0.5")
    assert ready(admin) == 200
    begun = time.monotonic()
    popen.send_signal(signal.SIGTERM)
    while ready(admin) == 200:
        assert time.monotonic() - begun < 0.4, "not ready at once, and all through the drain"
    assert popen.wait(10) == 0
    assert time.monotonic() - begun > 0.5


def test_a_second_signal_ends_at_once(start: Start) -> None:
    popen, admin = start("60")
    popen.send_signal(signal.SIGTERM)
    while ready(admin) == 200:
        pass
    popen.send_signal(signal.SIGTERM)
    assert popen.wait(2) == 130
