"""A drive from beginning to end: nodes, faults, workers, and the report of what they saw."""

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp

from edge.model import ConfigError
from loadtest import processes, serving
from loadtest.drive import local, report
from loadtest.drive.arrivals import Demand, demand, share
from loadtest.drive.crew import Crew
from loadtest.drive.faults import Injector, Window, kind_of, left_out
from loadtest.drive.local import Cluster
from loadtest.drive.meeting import Alone, Meeting
from loadtest.drive.series import Second, Seconds
from loadtest.drive.tally import Done, Tick
from loadtest.drive.worker import Part
from loadtest.scenario.faults import RollingUpdate
from loadtest.scenario.schema import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What may be set about a drive."""

    scenario: Scenario
    nodes: int = 0  # to start here; 0: none
    backend: str = "embedded"
    urls: tuple[str, ...] = ()  # entry points of a cluster
    path: str = local.PATH
    viewers: int = 500  # at the peak, of all machines
    speed: float = 1.0
    max_rate: int = 5000  # requests a second, of this machine
    workers: int = 2
    index: int = 0  # of the machines
    of: int = 1
    seed: int = 1
    route: bool = True

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return self.scenario.for_s / self.speed

    @property
    def asked(self) -> int:
        """Viewers of this machine at the peak."""
        return len(share(self.viewers, self.index, self.of))


async def drive(
    setting: Setting, show: Callable[[int, Second], None], meeting: Meeting | None = None
) -> dict[str, Any]:
    """Run it; `show` hears of each second, `meeting` says when to begin. What was started ends in any case.

    Raises:
        ConfigError: nodes cannot be started, or do not find each other.
    """
    with ExitStack() as stack:
        cluster = None
        if setting.nodes:
            drains = [one.drain_s for one in setting.scenario.fault if isinstance(one, RollingUpdate)]
            size = (setting.nodes, setting.backend, setting.viewers)
            cluster = stack.enter_context(local.cluster(*size, max(drains, default=local.DRAIN_S)))
        return await _driven(setting, cluster, show, meeting or Alone())


async def _up(cluster: Cluster, path: str) -> None:
    """Wait until all nodes know each other, and serve."""
    try:
        async with processes.client() as http:
            await processes.whole(http, cluster.pods)
        for one in cluster.pods:
            await asyncio.to_thread(serving.warmed, one.public, path)
    except (TimeoutError, aiohttp.ClientError) as error:
        raise ConfigError("--local", str(error), "take fewer nodes, or a machine with more cores") from None


async def _driven(
    setting: Setting, cluster: Cluster | None, show: Callable[[int, Second], None], meeting: Meeting
) -> dict[str, Any]:
    wanted = demand(setting.scenario, setting.viewers, setting.speed)
    seconds = Seconds(setting.workers)

    def on_tick(tick: Tick) -> None:
        before = seconds.last
        seconds.add(tick)
        if seconds.last is not before:
            show(tick.second + 1, seconds.last)

    crew = Crew([_part(setting, wanted, cluster, number) for number in range(setting.workers)], on_tick)
    skipped = left_out(setting.scenario.fault, cluster)
    injector = Injector(cluster, setting.speed) if cluster else None
    injecting, ended = None, tuple[BaseException | None, ...]()
    try:
        if cluster:
            await _up(cluster, setting.path)  # while the workers start
        await crew.ready()
        in_s, began_s = await meeting.begin()
        began = time.monotonic() + in_s
        crew.begin(in_s)
        if injector:
            faults = [one for index, one in enumerate(setting.scenario.fault) if index not in skipped]
            injecting = asyncio.create_task(injector.run(faults, began))
        done = await crew.all()
    finally:
        crew.end()
        if injecting:
            injecting.cancel()
            ended = tuple(await asyncio.gather(injecting, return_exceptions=True))
    for outcome in ended:
        if isinstance(outcome, Exception):  # a bug in a fault
            raise outcome
    told = _told(setting, cluster, injector) | {"began_s": began_s}
    each = [wanted.at(second + 1) * setting.asked / setting.viewers for second in range(len(seconds.rows))]
    return report.finished(told | {"series": seconds.series(each)} | _totals(done, injector))


def _totals(done: list[Done], injector: Injector | None) -> dict[str, Any]:
    return report.totals(done, injector.windows if injector else ())


def _part(setting: Setting, wanted: Demand, cluster: Cluster | None, number: int) -> Part:
    entries = tuple(one.public for one in cluster.pods) if cluster else setting.urls
    mine = share(setting.viewers, setting.index, setting.of)
    return Part(
        demand=wanted,
        places=mine[number :: setting.workers],
        seed=setting.seed,
        path=setting.path,
        entries=entries,
        zones=cluster.zones if cluster else (),
        ranks=tuple(one.share for one in setting.scenario.audience.rung),
        route=setting.route,
        rate=max(1, setting.max_rate // setting.workers),
    )


def _told(setting: Setting, cluster: Cluster | None, injector: Injector | None) -> dict[str, Any]:
    """What was asked for, and what was done to the nodes."""
    scenario, skipped = setting.scenario, left_out(setting.scenario.fault, cluster)
    nodes = {one.name: one.public for one in cluster.pods} if cluster else {}
    target = {"local": setting.nodes, "backend": setting.backend if cluster else None}
    return {
        "kind": "drive",
        "scenario": scenario.name,
        "title": scenario.title,
        "made": datetime.now(UTC).date().isoformat(),
        "seed": setting.seed,
        "viewers": setting.viewers,
        "asked": setting.asked,
        "indices": [setting.index],
        "of": setting.of,
        "workers": setting.workers,
        "max_rate": setting.max_rate,
        "target": target | {"urls": list(setting.urls), "path": setting.path, "nodes": nodes},
        "seconds": setting.seconds,
        "speed": setting.speed,
        "faults": [_fault(one, setting.seconds) for one in injector.windows] if injector else [],
        "left_out": [
            {
                "kind": kind_of(scenario.fault[index]),
                "at_s": scenario.fault[index].at_s / setting.speed,
                "why": why,
            }
            for index, why in skipped.items()
        ],
    }


def _fault(window: Window, seconds: float) -> dict[str, Any]:
    times = {"at_s": round(window.at_s, 3), "end_s": round(min(window.end_s, seconds), 3)}
    return {"kind": window.kind, "what": window.what, **times, "failed": window.failed}
