"""A supervised child process: logged, restarted when it dies, never left behind."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path

from edge.model import ConfigError

_TAIL_LINES = 20
_LINE_MAX_BYTES = 64 * 1024
_LOG_LINE_MAX = 2000  # characters; the rest of a longer line is cut from the log
_REAP_S = 5.0  # after SIGKILL


def edge_command(*arguments: str) -> list[str]:
    """An `edge` command that ends when its standard input does, so that it never outlives this process."""
    return [sys.executable, "-m", "edge", *arguments, "--exit-with-parent"]


@dataclass(frozen=True, slots=True)
class Care:
    """How children are looked after."""

    directory: Path  # for their logs
    out: Callable[[str], None]  # hears when one dies and when it is back
    restart_after_s: float = 8.0  # about what a pod needs to come back
    stop_grace_s: float = 6.0  # from SIGTERM to SIGKILL
    log_max_bytes: int = 4 * 1024 * 1024  # then a new file is begun; one old one is kept


class Child:
    """A command as a child process.

    Args:
        name: for messages and the log's file name.
        command: program and arguments, without secrets.
        care: how it is looked after.
        on_line: hears each line of output first; what it does not take (False) goes to the log.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        care: Care,
        on_line: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.name = name
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self.restarts = 0
        self.lines_dropped = 0  # too long
        self._command = command
        self._care = care
        self._on_line = on_line
        self._stopping = asyncio.Event()
        self._wanted = asyncio.Event()  # not while it is held back
        self._wanted.set()
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs now, or ran last; 0 before the first."""
        return self._process.pid if self._process else 0

    @property
    def status(self) -> int | None:
        """Exit status of the last process, negative for a signal; None while it runs or before the first."""
        return self._process.returncode if self._process else None

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it, and keep it running until `stop`.

        Raises:
            ConfigError: the system starts no process.
        """
        try:
            process = await self._spawn()
        except OSError as error:
            problem = f"cannot be started: {error.strerror or error}"
            raise ConfigError(self.name, problem, "free memory or end some processes") from None
        self._keeper = asyncio.create_task(self._keep(process))

    async def stop(self) -> None:
        """Ask it to leave; kill it if it does not within the grace. What it says meanwhile is still logged."""
        self._stopping.set()
        self._wanted.set()
        if self._keeper is None:
            return
        self._signal(signal.SIGTERM)
        done, _ = await asyncio.wait([self._keeper], timeout=self._care.stop_grace_s)
        if not done:
            self.kill()
            await asyncio.wait([self._keeper], timeout=_REAP_S)
        self._keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._keeper

    def hold(self) -> None:
        """Ask it to leave, and start it no more until `release`."""
        self._wanted.clear()
        self._signal(signal.SIGTERM)

    def release(self) -> None:
        """Start it again, if it was held back."""
        self._wanted.set()

    def kill(self) -> None:
        """End it at once and for good."""
        self._stopping.set()
        self._wanted.set()
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _spawn(self) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=pipe,  # never written: its end tells the child that this process is gone
            stdout=pipe,
            stderr=asyncio.subprocess.STDOUT,
            limit=_LINE_MAX_BYTES,
            start_new_session=True,  # Ctrl-C is for us; we ask the children to leave in order
        )
        if self._stopping.is_set():  # stopped while it was being started
            self._signal(signal.SIGTERM)
        return self._process

    async def _keep(self, process: asyncio.subprocess.Process) -> None:
        log = RotatingFileHandler(
            self._care.directory / f"{self.name}.log",
            maxBytes=self._care.log_max_bytes,
            backupCount=1,
            encoding="utf-8",
        )
        with contextlib.closing(log):
            while True:
                await self._read_output(process, log)
                status = await process.wait()
                if self._stopping.is_set():
                    return
                again = await self._respawn(self._mourn(status))
                if again is None:
                    return
                process = again
                self.restarts += 1
                self._care.out(f"{self.name} is back (pid {self.pid})")

    def _mourn(self, status: int) -> float:
        """Tell that it ended; the seconds after which it is to come back."""
        if self._wanted.is_set():
            back = f"it comes back in {self._care.restart_after_s:.0f} s, as Kubernetes would do it"
            self._care.out(f"{self.name} died ({describe(status)}); {back}")
            return self._care.restart_after_s
        self._care.out(f"{self.name} is held back")
        return 0.0

    async def _respawn(self, after_s: float) -> asyncio.subprocess.Process | None:
        """The next process, in due time; none when stopped before that."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), after_s)
            await self._wanted.wait()
            if self._stopping.is_set():
                return None
            try:
                return await self._spawn()
            except OSError as error:
                self._care.out(f"{self.name} cannot be started: {error.strerror or error}; trying again")

    async def _read_output(self, process: asyncio.subprocess.Process, log: logging.Handler) -> None:
        assert process.stdout is not None
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # a line beyond the limit
                self.lines_dropped += 1
                continue
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            if not self._on_line(text):
                self.tail.append(text[:_LOG_LINE_MAX])
                log.handle(logging.makeLogRecord({"msg": text[:_LOG_LINE_MAX]}))


def describe(status: int) -> str:
    """An exit status in words: 'status 2', 'SIGKILL'."""
    if status >= 0:
        return f"status {status}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-status).name
    return f"signal {-status}"
