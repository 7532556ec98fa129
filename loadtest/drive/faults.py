"""Faults of a scenario, done to the local processes when they are due; and which were left out, and why."""

import asyncio
import math
import signal
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from loadtest.drive.local import Cluster, Pod
from loadtest.scenario.faults import Fault, NodeKill, OriginOutage, Override, PurgeStorm, RollingUpdate

GRACE_S = 5.0  # after a fault in which failures still count as its
_BACK_S = 30.0  # in which a node is waited for
_TIMEOUT = aiohttp.ClientTimeout(total=5)
_ON_LOOPBACK = "links of loopback are neither cut nor made to lose packets"
_NOT_OURS = "nothing is done to a cluster that runs elsewhere"


@dataclass(slots=True)
class Window:
    """When a fault was there, seconds of the run."""

    kind: str
    what: str
    at_s: float
    end_s: float = math.inf
    failed: int = 0  # things that it was to do and could not

    def covers(self, due_s: float, ended_s: float) -> bool:
        """Whether a request that was under way in these seconds met it, or its aftermath."""
        return due_s <= self.end_s + GRACE_S and ended_s >= self.at_s


def kind_of(fault: Fault) -> str:
    """As the scenario's file has it."""
    return str(fault.__struct_config__.tag)


def left_out(faults: tuple[Fault, ...], cluster: Cluster | None) -> dict[int, str]:
    """Why faults are left out, by their place in the scenario."""
    found = {}
    for index, fault in enumerate(faults):
        if cluster is None:
            found[index] = _NOT_OURS
        elif not isinstance(fault, NodeKill | OriginOutage | Override | PurgeStorm | RollingUpdate):
            found[index] = _ON_LOOPBACK
        elif (zone := getattr(fault, "zone", "")) and zone not in [one.zone for one in cluster.pods]:
            found[index] = f"no node is in {zone}"
    return found


@dataclass(slots=True)
class Injector:
    """Does them.

    Args:
        cluster: to whom.
        speed: of the match; nodes drain and start as slowly as ever.
    """

    cluster: Cluster
    speed: float
    windows: list[Window] = field(default_factory=list)

    async def run(self, faults: list[Fault], began: float) -> None:
        """All of them, each when it is due after a time, monotonic seconds; never ends by itself before they do."""
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as http, asyncio.TaskGroup() as group:
            for fault in faults:
                group.create_task(self._one(http, fault, began))

    async def _one(self, http: aiohttp.ClientSession, fault: Fault, began: float) -> None:
        await asyncio.sleep(max(0.0, began + fault.at_s / self.speed - time.monotonic()))
        window = Window(kind_of(fault), getattr(fault, "zone", ""), time.monotonic() - began)
        self.windows.append(window)
        if isinstance(fault, NodeKill):
            await self._kill(http, fault, window)
        elif isinstance(fault, RollingUpdate):
            await self._roll(http, fault)
        elif isinstance(fault, PurgeStorm):
            await self._purge(http, fault, window)
        elif isinstance(fault, Override):
            await self._override(http, fault, window)
        elif isinstance(fault, OriginOutage):
            await self._outage(fault)
        window.end_s = time.monotonic() - began

    async def _kill(self, http: aiohttp.ClientSession, fault: NodeKill, window: Window) -> None:
        there = self._in(fault.zone)
        victims = there[: max(1, round(fault.share * len(there)))]
        window.what = ", ".join(one.name for one in victims)
        for one in victims:
            one.kill()
        await asyncio.sleep(fault.for_s / self.speed)
        for one in victims:
            await asyncio.to_thread(one.again, empty=False)
        for one in victims:
            await _back(http, one)

    async def _roll(self, http: aiohttp.ClientSession, fault: RollingUpdate) -> None:
        pods = self.cluster.pods
        for first in range(0, len(pods), fault.at_once):
            some = pods[first : first + fault.at_once]
            await asyncio.gather(*(asyncio.to_thread(one.drain) for one in some))
            await asyncio.sleep(fault.away_s / self.speed)
            for one in some:
                await asyncio.to_thread(one.again, empty=True)
            for one in some:
                await _back(http, one)

    async def _purge(self, http: aiohttp.ClientSession, fault: PurgeStorm, window: Window) -> None:
        begun, node = time.monotonic(), self._in(fault.zone)[0]
        count = max(1, round(fault.per_s * fault.for_s / self.speed))
        for number in range(count):
            await asyncio.sleep(max(0.0, begun + number / fault.per_s - time.monotonic()))
            window.failed += not await _posted(http, f"{node.admin}/v1/purge", {"prefix": "/live/"})

    async def _override(self, http: aiohttp.ClientSession, fault: Override, window: Window) -> None:
        node, for_s = (
            self._in(fault.zone)[0],
            max(1, round(fault.for_s / self.speed)),
        )  # whole seconds are taken
        asked = {"scope": "cluster", "level": fault.level, "for_s": for_s}
        window.failed += not await _posted(http, f"{node.admin}/v1/monsoon", asked)
        await asyncio.sleep(for_s)

    async def _outage(self, fault: OriginOutage) -> None:
        self.cluster.origin.signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(fault.for_s / self.speed)
        finally:
            self.cluster.origin.signal(signal.SIGCONT)

    def _in(self, zone: str) -> list[Pod]:
        return [one for one in self.cluster.pods if one.zone == zone]


async def _posted(http: aiohttp.ClientSession, url: str, asked: dict[str, Any]) -> bool:
    """Whether it was taken."""
    try:
        async with http.post(url, json=asked) as answer:
            return answer.ok
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


async def _back(http: aiohttp.ClientSession, pod: Pod) -> None:
    """Wait until a node is ready, but not for ever."""
    deadline = time.monotonic() + _BACK_S
    while time.monotonic() < deadline:
        try:
            async with http.get(f"{pod.admin}/readyz") as answer:
                if answer.ok:
                    return
        except (aiohttp.ClientError, TimeoutError, OSError):
            pass
        await asyncio.sleep(0.1)
