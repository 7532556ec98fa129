"""A running `edge demo`, as a user starts it."""

import asyncio
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from waiting import until


class Demo:
    """A running demo with few viewers."""

    def __init__(self, directory: Path, name: str = "demo") -> None:
        self._log = directory / f"{name}.log"
        with self._log.open("wb") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "edge", "demo", "--viewers=40", "--arrive-s=1"],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a terminal of its own: Ctrl-C goes to it alone
            )

    @property
    def said(self) -> str:
        """All of its output."""
        return self._log.read_text()

    async def up(self) -> str:
        """The page's address."""
        await until(lambda: "eight cities are up" in self.said or self.popen.poll() is not None, 60)
        found = re.search(r"live page +(http://\S+)", self.said)
        assert found, self.said
        return found[1]

    def family(self) -> list[psutil.Process]:
        """All its processes."""
        return psutil.Process(self.popen.pid).children(recursive=True)

    async def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Its exit status; nothing of it may be left."""
        family = self.family()
        self.popen.send_signal(number)
        status = await asyncio.to_thread(self.popen.wait, 20)
        gone, alive = psutil.wait_procs(family, timeout=5)
        assert not alive
        assert len(gone) == 10  # eight nodes, the origin, the viewers
        return status

    def kill(self) -> None:
        """End it without ceremony; its children notice."""
        self.popen.kill()
        self.popen.wait()
