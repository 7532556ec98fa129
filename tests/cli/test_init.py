"""`edge run` as process 1 of a PID namespace, which is what it is in a container."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil

from edge.cli.init import act_as_init
from needs import needs
from waiting import until

pytestmark = needs("nsenter", "unshare")

BINDS = [f"--{which}-bind=127.0.0.1:0" for which in ("gossip", "public", "admin")]
AS_USER = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
# Does what `edge run` does, but stands still where it would import the node.
SLOW_START = """
import sys, time
from edge.cli import main
class Slow:
    def find_spec(self, name, path, target=None):
        if name == "edge.cli.node":
            print("importing", file=sys.stderr, flush=True)
            time.sleep(30)
sys.meta_path.insert(0, Slow())
main(["run"])
"""


@asynccontextmanager
async def process_1(
    *arguments: str, says: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, psutil.Process]]:
    """Python with `arguments` as process 1, once it says so: who started it, which ends as it does, and itself."""
    command = ["unshare", *AS_USER, "--pid", "--fork", "--kill-child", sys.executable, *arguments]
    starter = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(20):
            assert starter.stderr
            heard = ""
            while not re.search(says, heard):
                line = await starter.stderr.readline()
                assert line, heard
                heard += line.decode()
        yield starter, psutil.Process(starter.pid).children()[0]
    finally:
        if starter.returncode is None:
            starter.kill()
            await starter.wait()


async def test_it_leaves_when_it_is_told_to() -> None:
    async with process_1("-m", "edge", "run", "--node-name=a", *BINDS, says="serves") as (starter, node):
        node.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(starter.wait(), 10) == 0


async def test_it_ends_when_it_is_told_to_before_it_is_up() -> None:
    async with process_1("-c", SLOW_START, says="importing") as (starter, node):
        node.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(starter.wait(), 5) == 128 + signal.SIGTERM


async def test_orphans_do_not_stay_as_zombies() -> None:
    async with process_1("-m", "edge", "run", "--node-name=a", *BINDS, says="serves") as (_, node):
        enter = ["nsenter", *(["--user", "--preserve-credentials"] if AS_USER else []), "--pid"]
        orphan = ["sh", "-c", "sleep 1 & sleep 0.2"]  # as `kubectl exec` may leave one
        entered = await asyncio.create_subprocess_exec(*enter, f"--target={node.pid}", *orphan)
        assert await asyncio.wait_for(entered.wait(), 5) == 0
        (adopted,) = await until(node.children)
        assert adopted.name() == "sleep"
        await until(lambda: not node.children(), within_s=5)
        assert not psutil.pid_exists(adopted.pid)


def test_what_is_not_process_1_keeps_the_signals_it_was_given() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGCHLD)]
    act_as_init()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGCHLD)] == before
