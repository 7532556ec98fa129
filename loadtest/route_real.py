"""Routing between eight real processes: how even loads are, and who is sent to a node that died or drains."""

import asyncio
import random
import signal
import time
from typing import NamedTuple

import aiohttp

from loadtest import processes, serving
from loadtest.processes import NodeProcess

NODES, ZONES = 8, 2
CAPACITY = 100
OTHERS, EVENTS = 0.36, 0.24  # shares of the cluster's capacity
RAMP_S = 10.0
SESSION_S = 60.0
_EVERY_S = 3.0  # a viewer's requests
_EVENT = "/event/1000.m4s"
_ASKERS = 8
_WATCHED_S = 4.0


class Uneven(NamedTuple):
    """The greatest load over the mean, second by second."""

    ramp: tuple[float, ...]  # while the event's audience comes
    steady: tuple[float, ...]  # when it is there


class Sent(NamedTuple):
    """Viewers sent to a node after it died, or began to drain."""

    late: int  # after the time that is allowed
    last_s: float  # when the last one was
    asked: int  # how many asked meanwhile


def flash(seconds: int = 15) -> Uneven:
    """Others fill 36% of the cluster, then an event takes 40% of the traffic."""
    with (
        serving.bare() as origin,
        processes.cluster(origin, NODES, ZONES, node__capacity=str(CAPACITY)) as nodes,
    ):
        return asyncio.run(_flash(nodes, seconds))


async def _flash(nodes: list[NodeProcess], seconds: int) -> Uneven:
    async with processes.client() as http:
        await processes.whole(http, nodes)
        crowd = _Crowd(http, nodes)
        total = NODES * CAPACITY
        await crowd.come(total * OTHERS / RAMP_S, 0.0, RAMP_S)
        others_per_s, event_per_s = total * OTHERS / SESSION_S, total * EVENTS / RAMP_S
        share = event_per_s / (others_per_s + event_per_s)
        ramp = await crowd.come(others_per_s + event_per_s, share, RAMP_S)
        steady = await crowd.come(total * (OTHERS + EVENTS) / SESSION_S, EVENTS / (OTHERS + EVENTS), seconds)
        await crowd.leave()
    return Uneven(tuple(ramp), tuple(steady))


class _Crowd:
    """Viewers who come, stay where they are sent, and go."""

    def __init__(self, http: aiohttp.ClientSession, nodes: list[NodeProcess]) -> None:
        self._http = http
        self._nodes = nodes
        self._rng = random.Random(1)
        self._tasks = set[asyncio.Task[None]]()

    async def come(self, per_s: float, event_share: float, seconds: float) -> list[float]:
        """So many a second; the greatest load over the mean at the end of each second."""
        found, begun, count = list[float](), time.monotonic(), 0
        while (passed := time.monotonic() - begun) < seconds:
            while count < passed * per_s:
                count += 1
                path = (
                    _EVENT
                    if self._rng.random() < event_share
                    else f"/channel/{self._rng.randrange(1000)}/500.m4s"
                )
                task = asyncio.create_task(self._view(path))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            if passed >= len(found) + 1:
                loads = (await processes.loads(self._http, self._nodes[0])).values()
                found.append(max(loads) * len(loads) / max(1e-9, sum(loads)))
            await asyncio.sleep(0.01)
        return found

    async def leave(self) -> None:
        """All go."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _view(self, path: str) -> None:
        rng, sid = self._rng, f"{self._rng.getrandbits(64):x}"
        zone, stays_s = f"zone-{rng.randrange(ZONES)}", rng.expovariate(1 / SESSION_S)
        if url := await processes.ask(self._http, rng.choice(self._nodes), path, zone, sid):
            await processes.watch(self._http, url, _EVERY_S, stays_s)


def dying(how: signal.Signals, allowed_s: float, times: int = 2) -> Sent:
    """End nodes one after another while viewers ask all others."""
    settings = {"node__capacity": "1000000", "node__drain_s": str(_WATCHED_S)}
    with serving.bare() as origin, processes.cluster(origin, NODES, ZONES, **settings) as nodes:
        found = asyncio.run(_dying(nodes, how, allowed_s, times))
    return Sent(
        sum(one.late for one in found), max(one.last_s for one in found), sum(one.asked for one in found)
    )


async def _dying(nodes: list[NodeProcess], how: signal.Signals, allowed_s: float, times: int) -> list[Sent]:
    found, left = [], list(nodes)
    async with processes.client() as http:
        await processes.whole(http, nodes)
        await asyncio.sleep(2)
        for _ in range(times):
            victim = left.pop()
            sent = list[tuple[float, bool]]()
            stop = time.monotonic() + _WATCHED_S
            asking = [asyncio.create_task(_ask(http, left, victim, (stop, sent))) for _ in range(_ASKERS)]
            await asyncio.sleep(0.5)
            begun = time.monotonic()
            victim.end(how)
            await asyncio.gather(*asking)
            there = [when - begun for when, to_victim in sent if to_victim and when > begun]
            found.append(Sent(sum(when > allowed_s for when in there), max(there, default=0.0), len(sent)))
            await asyncio.sleep(2)
    return found


async def _ask(
    http: aiohttp.ClientSession,
    nodes: list[NodeProcess],
    victim: NodeProcess,
    until: tuple[float, list[tuple[float, bool]]],
) -> None:
    """Ask as one viewer after another until a time; note when each asked, and whether he was sent to the victim."""
    stop, sent = until
    while (now := time.monotonic()) < stop:
        rng = random.Random(now)
        sid, path = f"{rng.getrandbits(64):x}", f"/channel/{rng.randrange(1000)}/500.m4s"
        to = await processes.ask(http, rng.choice(nodes), path, victim.zone, sid)
        sent.append((now, to.startswith(f"{victim.public}/")))
        await asyncio.sleep(0.005)
