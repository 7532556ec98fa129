"""A supervised child process: logged, restarted when it dies, never left behind."""

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

RESTART_AFTER_S = 8.0  # about what a pod needs to come back
STOP_GRACE_S = 6.0
_LOG_MAX_BYTES = 5 * 1024 * 1024
_TAIL_LINES = 20
_LINE_MAX_BYTES = 64 * 1024


class Child:
    """One `edge` command as a child process. It ends when its standard input does, so it never outlives this process.

    Args:
        name: for messages and the log's file name.
        arguments: of the `edge` command, without secrets.
        directory: where the log goes.
        out: hears when the child dies and returns.
        on_line: hears each line of standard output; none: they go to the log.
    """

    def __init__(
        self,
        name: str,
        arguments: list[str],
        directory: Path,
        out: Callable[[str], None],
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        self.name = name
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self.restarts = 0
        self._arguments = arguments
        self._log = directory / f"{name}.log"
        self._out = out
        self._on_line = on_line
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs now, or ran last; 0 before the first."""
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it, and keep it running until `stop`."""
        await self._spawn()
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Ask it to leave; kill it if it does not within `STOP_GRACE_S`."""
        if self._keeper:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_GRACE_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _spawn(self) -> None:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "edge", *self._arguments, "--exit-with-parent"),
            stdin=pipe,
            stdout=pipe,
            stderr=asyncio.subprocess.STDOUT,
            limit=_LINE_MAX_BYTES,
            start_new_session=True,  # Ctrl-C is for us; we ask the children to leave in order
        )

    async def _keep(self) -> None:
        while True:
            assert self._process is not None
            await self._read_output(self._process)
            status = await self._process.wait()
            self._out(f"{self.name} died (status {status}); it comes back in {RESTART_AFTER_S:.0f} s")
            await asyncio.sleep(RESTART_AFTER_S)
            await self._spawn()
            self.restarts += 1
            self._out(f"{self.name} is back (pid {self.pid})")

    async def _read_output(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        with self._log.open("a", encoding="utf-8") as log:
            while True:
                try:
                    line = await process.stdout.readline()
                except ValueError:  # a line beyond the limit
                    continue
                if not line:
                    return
                text = line.decode(errors="replace").rstrip()
                self.tail.append(text)
                if self._on_line:
                    self._on_line(text)
                elif log.tell() < _LOG_MAX_BYTES:
                    log.write(text + "\n")
                    log.flush()
