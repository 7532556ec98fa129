"""What happens all the time while nodes are watched: purges, events, a node that dies and comes back, modes."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from loadtest.drive.local import Cluster, Pod

PURGE_EVERY_S = 4.0
EVENT_EVERY_S = 5.0
WARM_EVERY_S = 0.15  # so that logs of purges and orders are full when the judging begins
KILL_EVERY_S = 180.0
MODE_EVERY_S = 240.0
TURNS_MIN = 3  # of each, however short the soak
AWAY_S = 15.0  # a killed node
_MODE_FOR_S = 60
_TTL_S = 120  # durable events have come to their number within the warm-up
_SEGMENTS = 10_000
_KINDS = ("url", "url", "url", "tag", "prefix")


@dataclass(slots=True)
class Trouble:
    """Makes it.

    Args:
        cluster: to whom; the last node is the one that dies.
        http: to ask with.
        rng: chance.
    """

    cluster: Cluster
    http: aiohttp.ClientSession
    rng: random.Random
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def victim(self) -> Pod:
        """The node that dies."""
        return self.cluster.pods[-1]

    async def run(self, length_s: float, warm_up_s: float) -> None:
        """Until it is cancelled.

        In the warm-up come as many orders as else in hours: what a node keeps of them has a bound, and is to be full.
        """
        most_s = length_s / (TURNS_MIN + 1)
        async with asyncio.TaskGroup() as group:
            for every_s, act in (
                (PURGE_EVERY_S, self._purge),
                (EVENT_EVERY_S, self._event),
                (KILL_EVERY_S, self._kill),
                (MODE_EVERY_S, self._mode),
            ):
                group.create_task(_again(min(every_s, most_s), act))
            group.create_task(self._warm_up(warm_up_s))

    async def _warm_up(self, for_s: float) -> None:
        """Orders one by one, that purge next to nothing; the caches are to be full, too."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(for_s):
                while True:
                    asked = {"url": f"/live/v240/{self.rng.randrange(_SEGMENTS)}.m4s", "ttl_s": _TTL_S}
                    await self._post("purge", asked)
                    await asyncio.sleep(WARM_EVERY_S)

    async def _purge(self) -> None:
        kind = self.rng.choice(_KINDS)
        what = {
            "url": f"/live/v240/{self.rng.randrange(_SEGMENTS)}.m4s",
            "tag": f"tag-{self.rng.randrange(_SEGMENTS)}",
            "prefix": f"/live/{self.rng.choice(('v240', 'v360', 'a-en'))}/",
        }[kind]
        asked = {kind: what, "soft": self.rng.random() < 0.5, "ttl_s": _TTL_S}
        await self._post("purge", asked)

    async def _event(self) -> None:
        key = f"over-{self.rng.randrange(_SEGMENTS)}"
        await self._post("events", {"key": key, "body": "four", "ttl_s": _TTL_S})

    async def _mode(self) -> None:
        asked = {"scope": "cluster", "level": self.rng.randint(1, 4), "for_s": _MODE_FOR_S}
        await self._post("monsoon", asked)

    async def _kill(self) -> None:
        self.victim.kill()
        self.done["kill"] += 1
        await asyncio.sleep(AWAY_S)
        self.victim.again(
            empty=False
        )  # in no thread, which would outlive a cancellation and start it after the end

    async def _post(self, where: str, asked: dict[str, Any]) -> None:
        """To a node that does not die."""
        node = self.rng.choice(self.cluster.pods[:-1])
        try:
            async with self.http.post(f"{node.admin}/v1/{where}", json=asked) as answer:
                (self.done if answer.ok else self.refused)[where] += 1
        except (aiohttp.ClientError, TimeoutError, OSError):
            self.refused[where] += 1


async def _again(every_s: float, act: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(every_s)
        await act()
