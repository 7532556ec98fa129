"""Small runs of the measurement on real sockets."""

import asyncio
import shutil
import signal
import subprocess
import sys

import psutil
import pytest

from edge.model import ConfigError
from loadtest import serf, sockets
from loadtest.sockets import SocketRun
from needs import needs
from waiting import until

HEADERS = 28  # bytes of IP and UDP


@needs("setpriv", "unshare")
def test_a_small_run_gives_plausible_figures() -> None:
    found = sockets.run(SocketRun(nodes=6, processes=2, seconds=2.0))
    assert 8 <= found.changes <= 16  # six nodes, two seconds, once a second
    assert 0.3 < found.age_p95_s <= found.age_p99_s < 3  # a second between changes, and the way here
    assert 0.001 < found.to_95_s <= found.to_all_s < 1
    assert 5 < found.datagrams_per_node_s < 200
    assert HEADERS + 33 < found.bytes_per_node_s / found.datagrams_per_node_s <= HEADERS + 1400
    assert 0 < found.cpu_per_node < 0.3


@needs("setpriv", "unshare")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
async def test_nothing_outlives_who_started_the_run(how: signal.Signals) -> None:
    heeded = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # a shell's job may ignore it
    code = f"{heeded}; from loadtest.sockets import *; run(SocketRun(nodes=4, processes=2, seconds=60))"
    starter = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=subprocess.DEVNULL)
    started = psutil.Process(starter.pid)
    try:  # unshare, the conductor and two processes of nodes
        await until(lambda: len(started.children(recursive=True)) >= 4, within_s=15)
        below = started.children(recursive=True)
    finally:
        starter.send_signal(how)
    await asyncio.wait_for(starter.wait(), 10)
    await until(lambda: all(is_gone(one) for one in below))


def is_gone(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)  # whose reaper takes its time
    except psutil.NoSuchProcess:
        return True


def test_a_program_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ConfigError, match="serf: is no program on this machine; apt-get install serf"):
        serf.run(3, 1.0)
