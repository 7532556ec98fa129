"""nginx's own figures (stub_status), and whether it is there at all."""

import asyncio
import re

import aiohttp

PATH = "/status"
EVERY_S = 1.0
_TIMEOUT_S = 1.0
_ACTIVE = re.compile(r"Active connections:\s*(\d+)")
_TOTALS = re.compile(r"^\s*(\d+)\s+(\d+)\s+(\d+)\s*$", re.MULTILINE)


class StubStatus:
    """Asks nginx every second.

    Args:
        address: host:port at which it tells.
    """

    def __init__(self, address: str) -> None:
        self._url = f"http://{address}{PATH}"
        self.up = False
        self.connections = 0  # open ones, the one that asks included
        self.requests = 0  # since nginx started

    async def run(self) -> None:
        """Ask until cancelled."""
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                await self._ask(session)
                await asyncio.sleep(EVERY_S)

    async def _ask(self, session: aiohttp.ClientSession) -> None:
        try:
            async with session.get(self._url) as answer:
                text = await answer.text(errors="replace")
        except (aiohttp.ClientError, TimeoutError):
            self.up, self.connections = False, 0
            return
        active, totals = _ACTIVE.search(text), _TOTALS.search(text)
        self.up = bool(active and totals)
        if active and totals:
            self.connections, self.requests = int(active[1]), int(totals[3])
