import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from edge.demo.processes import Care, Child, describe, edge_command
from edge.model import ConfigError

PATIENT = "import sys; print('up', flush=True); sys.stdin.read()"
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""
POLITE = """
import signal, sys, time
def leave(*_):
    print("goodbye", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("up", flush=True)
time.sleep(60)
"""

Start = Callable[..., "Watched"]


class Watched:
    """A child, with its lines and the supervisor's messages as queues to wait on."""

    def __init__(self, code: str, directory: Path, **care: float) -> None:
        self.lines: asyncio.Queue[str] = asyncio.Queue()
        self.said: asyncio.Queue[str] = asyncio.Queue()
        self.log = directory / "child.log"
        keeping = Care(directory, self.said.put_nowait, **{"restart_after_s": 0.05, **care})  # type: ignore[arg-type]
        self.child = Child("child", [sys.executable, "-c", code], keeping, self._hear)

    def _hear(self, line: str) -> bool:
        self.lines.put_nowait(line)
        return line.startswith("taken")

    async def line(self) -> str:
        return await asyncio.wait_for(self.lines.get(), 10)

    async def message(self) -> str:
        return await asyncio.wait_for(self.said.get(), 10)


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    started: list[Watched] = []

    def begin(code: str, **care: float) -> Watched:
        started.append(Watched(code, tmp_path, **care))
        return started[-1]

    yield begin
    for one in started:
        one.child.kill()
        await one.child.stop()


async def test_a_child_that_dies_is_started_again_and_both_are_told(start: Start) -> None:
    watched = start(PATIENT)
    await watched.child.start()
    assert await watched.line() == "up"
    first = watched.child.pid

    os.kill(first, 9)

    assert await watched.message() == "child died (SIGKILL); it comes back in 0 s, as Kubernetes would do it"
    assert await watched.line() == "up"
    assert await watched.message() == f"child is back (pid {watched.child.pid})"
    assert watched.child.pid != first
    assert watched.child.restarts == 1


async def test_stop_leaves_no_process_and_starts_none_again(start: Start) -> None:
    watched = start(PATIENT)
    await watched.child.start()
    await watched.line()
    await watched.child.stop()

    assert not watched.child.running
    assert not psutil.pid_exists(watched.child.pid)
    assert watched.said.empty()
    assert watched.child.restarts == 0


async def test_what_a_child_says_while_it_leaves_is_logged(start: Start) -> None:
    watched = start(POLITE)
    await watched.child.start()
    await watched.line()
    await watched.child.stop()

    assert watched.log.read_text(encoding="utf-8") == "up\ngoodbye\n"
    assert watched.child.status == 0


async def test_a_child_that_will_not_leave_is_killed_after_the_grace(start: Start) -> None:
    watched = start(STUBBORN, stop_grace_s=0.2)
    await watched.child.start()
    await watched.line()
    await watched.child.stop()

    assert watched.child.status == -9


async def test_stop_while_a_dead_child_waits_for_its_return_is_prompt(start: Start) -> None:
    watched = start("print('up')", restart_after_s=60)
    await watched.child.start()
    await watched.message()

    await asyncio.wait_for(watched.child.stop(), 2)
    assert not watched.child.running


async def test_a_child_sees_the_end_of_its_input_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import asyncio, pathlib, sys\n"
        "from edge.demo.processes import Care, Child\n"
        "async def main():\n"
        f"    care = Care(pathlib.Path({str(tmp_path)!r}), print)\n"
        f"    child = Child('child', [sys.executable, '-c', {PATIENT!r}], care)\n"
        "    await child.start()\n"
        "    print(child.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child = psutil.Process(int(await asyncio.wait_for(parent.stdout.readline(), 10)))

    parent.kill()
    await parent.wait()

    await asyncio.to_thread(psutil.wait_procs, [child], timeout=5)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


async def test_lines_that_the_listener_takes_are_not_logged(start: Start) -> None:
    watched = start(f"print('taken: a report'); print('a word for the log', flush=True); {PATIENT}")
    await watched.child.start()
    while await watched.line() != "up":
        pass
    assert list(watched.child.tail) == ["a word for the log", "up"]
    await watched.child.stop()
    assert watched.log.read_text(encoding="utf-8") == "a word for the log\nup\n"


async def test_the_log_and_the_tail_are_bounded_and_a_huge_line_is_counted(start: Start) -> None:
    flood = "for n in range(2000): print('line', n)\nprint('x' * 300_000, flush=True)\n" + PATIENT
    watched = start(flood, log_max_bytes=4096)
    await watched.child.start()
    while await watched.line() != "up":
        pass

    assert watched.child.lines_dropped >= 1
    assert len(watched.child.tail) == 20
    logs = list(watched.log.parent.glob("child.log*"))
    assert sum(log.stat().st_size for log in logs) <= 2 * 4096


async def test_a_program_that_is_not_there_is_the_users_to_mend(tmp_path: Path) -> None:
    child = Child("pune", [str(tmp_path / "nothing")], Care(tmp_path, print))
    with pytest.raises(ConfigError, match="pune: cannot be started: No such file"):
        await child.start()
    await child.stop()


def test_an_edge_command_ends_with_its_parent() -> None:
    command = edge_command("origin", "--bind", "127.0.0.1:0")
    assert command == [sys.executable, "-m", "edge", "origin", "--bind", "127.0.0.1:0", "--exit-with-parent"]


@pytest.mark.parametrize(
    ("status", "words"),
    [(0, "status 0"), (2, "status 2"), (-9, "SIGKILL"), (-15, "SIGTERM"), (-99, "signal 99")],
)
def test_an_exit_status_in_words(status: int, words: str) -> None:
    assert describe(status) == words


async def test_a_child_that_is_held_back_stays_away_until_it_is_released(start: Start) -> None:
    watched = start(POLITE, restart_after_s=0)
    await watched.child.start()
    await watched.line()

    watched.child.hold()
    assert await watched.message() == "child is held back"
    assert not watched.child.running
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(watched.said.get(), 0.3)

    watched.child.release()
    assert await watched.message() == f"child is back (pid {watched.child.pid})"
    assert watched.child.running


async def test_one_that_is_held_back_while_it_waits_for_its_return_does_not_return(start: Start) -> None:
    watched = start(PATIENT, restart_after_s=0.2)
    await watched.child.start()
    await watched.line()
    os.kill(watched.child.pid, 9)
    await watched.message()

    watched.child.hold()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(watched.said.get(), 0.5)
    watched.child.release()
    assert await watched.message() == f"child is back (pid {watched.child.pid})"


async def test_stop_ends_one_that_is_held_back(start: Start) -> None:
    watched = start(POLITE)
    await watched.child.start()
    await watched.line()
    watched.child.hold()
    await watched.message()

    await asyncio.wait_for(watched.child.stop(), 2)

    assert not watched.child.running
    assert watched.child.restarts == 0
