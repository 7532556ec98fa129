"""A node as processes of its own, of either backend, that are killed and started again in one folder."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from asking import Answer, Viewer
from nginx.site import Site, cached_files, free_ports
from waiting import until

START_S = 20.0


class Lives:
    """One node after another, killed with SIGKILL, nginx and all its workers with it.

    Args:
        backend: embedded, with a disk, or nginx.
        folder: what outlives them.
        origin: its URL.
        http: of the viewers.
    """

    def __init__(self, backend: str, folder: Path, origin: str, http: aiohttp.ClientSession) -> None:
        self.site = Site(folder / "shared", origin, http) if backend == "nginx" else None
        public, admin = free_ports(2)
        own = {"node__name": "pune", "node__drain_s": "0", "cache__origin": origin}
        own |= {"public__bind": f"127.0.0.1:{public}", "cache__disk_path": str(folder / "disk")}
        given = self.site.settings if self.site else own
        self.url = self.site.url if self.site else f"http://127.0.0.1:{public}"
        self._settings = {**given, "gossip__bind": "127.0.0.1:0", "admin__bind": f"127.0.0.1:{admin}"}
        self._ready_url = f"http://127.0.0.1:{admin}/readyz"
        self._folder = folder
        self._http = http

    @asynccontextmanager
    async def life(self) -> AsyncIterator[float]:
        """One of them, from when it is ready, and killed at the end; how long the start took, in seconds.

        Without the time in which it waited for a processor, which says more of the machine than of it.
        """
        begun = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "edge", "run", *self._flags()), env=self._environment()
        )
        try:
            if self.site:
                await self.site.start_nginx()
            async with asyncio.timeout(START_S):
                while not await self._ready():
                    await asyncio.sleep(0.01)
            yield time.monotonic() - begun - _waited_s(process.pid)
        finally:
            process.kill()
            if self.site:
                await self.site.kill_nginx()
            async with asyncio.timeout(10):
                await process.wait()

    async def get(self, path: str) -> Answer:
        """What a viewer gets."""
        return await Viewer(self._http, self.url).get(path)

    def stored(self) -> int:
        """How many files are whole and under their names."""
        if self.site:
            return sum("." not in one.name for one in cached_files(self.site.folder))
        return sum(one.is_file() for one in (self._folder / "disk/objects").rglob("*"))

    async def storing(self) -> None:
        """Wait until one more is."""
        before = self.stored()
        await until(lambda: self.stored() > before)

    def half_stored(self) -> int:
        """How many files are not."""
        if self.site:
            return sum("." in one.name for one in cached_files(self.site.folder))
        return len(list((self._folder / "disk/tmp").iterdir()))

    def _flags(self) -> list[str]:
        return [
            f"--{name.replace('_', '-').replace('--', '-')}={value}" for name, value in self._settings.items()
        ]

    def _environment(self) -> dict[str, str]:
        """Compiled once, as in the image: else each start would compile all modules."""
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return {**kept, "PYTHONPYCACHEPREFIX": str(self._folder / "compiled")}

    async def _ready(self) -> bool:
        try:
            async with self._http.get(self._ready_url) as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False


def _waited_s(pid: int) -> float:
    """How long a process was ready to run and did not (Linux: Documentation/scheduler/sched-stats.rst)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
