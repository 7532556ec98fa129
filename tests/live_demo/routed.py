"""Viewers who come one by one, ask any node for the way, and watch where they were sent."""

import asyncio
import math
import random
import time
from collections.abc import Sequence

import aiohttp
from yarl import URL

SETTLED, SETTLED_S = 1500, 8.0  # so many come first and stay, within that time
PER_S = 40.0  # later so many a second
STAYS_S = 15.0  # who comes later
ASKS_EVERY_S = 8.0  # a viewer counts for ten
CHANNELS = 200
_WATCHED = "/live/main.m3u8"  # what all of them really fetch


class Routed:
    """Tells when and where each was sent.

    Args:
        http: shared by all.
        nodes: public URLs, by name.
        asked: names of those that are asked for the way.
    """

    def __init__(self, http: aiohttp.ClientSession, nodes: dict[str, str], asked: Sequence[str]) -> None:
        self.sent: list[tuple[float, str]] = []
        self.failed = 0
        self._http = http
        self._nodes = nodes
        self._asked = asked
        self._rng = random.Random(1)
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Let them come, until this is cancelled."""
        begun, number = time.monotonic(), 0
        try:
            while True:
                number += 1
                late = number - SETTLED
                task = asyncio.create_task(self._watch(STAYS_S if late > 0 else math.inf))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                due_s = SETTLED_S + late / PER_S if late > 0 else SETTLED_S * number / SETTLED
                await asyncio.sleep(max(0.0, begun + due_s - time.monotonic()))
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def since(self, begin: float) -> list[str]:
        """Where all were sent from then on, in order."""
        return [name for at, name in self.sent if at >= begin]

    async def _watch(self, stays_s: float) -> None:
        rng, end = self._rng, time.monotonic() + stays_s
        speaks = f"CMCD=sid%3D%22{rng.getrandbits(64):x}%22"
        at, channel = rng.choice(self._asked), rng.randrange(CHANNELS)
        try:
            name = await self._get(at, f"/v1/route?path=/channel/{channel}/main.m3u8&zone=here&{speaks}")
            self.sent.append((time.monotonic(), name))
            while name and time.monotonic() < end:
                await self._get(name, f"{_WATCHED}?{speaks}")
                await asyncio.sleep(rng.uniform(0.9, 1.1) * ASKS_EVERY_S)
            self.failed += not name
        except (aiohttp.ClientError, TimeoutError):
            self.failed += 1

    async def _get(self, name: str, path: str) -> str:
        """Where an answer sends; empty if nowhere."""
        url = URL(self._nodes[name] + path, encoded=True)
        async with self._http.get(url, allow_redirects=False) as answer:
            await answer.read()
            return answer.headers.get("Edge-Route", "").partition(";")[0]
