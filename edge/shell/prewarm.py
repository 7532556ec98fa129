"""Fetches ahead of viewers: what is watched elsewhere and lacking here, and what was announced.

It is fetched by the cache as for a viewer, then by nginx where that serves hits, within a budget of bytes and of room.
Nobody is counted as a viewer for it. What is popular is besides remembered, for degraded service keeps it longer.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from edge.cache.backend import Backend
from edge.cache.cache import EdgeCache
from edge.cache.follow import led_to
from edge.cache.keys import BadTargetError, normal_path
from edge.cache.lifetime import Kind, kind_of
from edge.cache.objects import Prewarmed
from edge.config import Config
from edge.decide.measures import Measures
from edge.decide.popularity import Popularity, Retention
from edge.decide.prewarm import ByteBudget, Wish, wishes
from edge.shell.announcements import Announcements
from edge.shell.events import EventActor
from edge.shell.peers import Placed
from edge.state.traffic import Traffic
from edge.state.view import ClusterView

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
JOBS_MAX = 1024  # objects of what was announced that wait
_AGAIN_S = 30.0  # what cannot be had, or not be kept, is left alone this long
_TRIED_MAX = 1024
_DEPTH = 2  # from a multivariant playlist to its renditions, and from these to segments
_SHOWN = 20


@dataclass(slots=True)
class PrewarmCounters:
    """Totals since the start. Each is a metric, `edge_prewarm_<name>_total`."""

    fetched: int = 0  # objects
    fetched_bytes: int = 0
    failed: int = 0  # could not be had, or not be kept
    held: int = 0  # of what was announced: was here already
    used: int = 0  # of segments that were fetched: a viewer of this node asked for it later
    unused: int = 0  # left the cache before anybody did
    refused: dict[str, int] = field(
        default_factory=lambda: {"budget": 0, "store": 0, "queue": 0}
    )  # by reason


class Programme(Protocol):
    """What is scheduled: which paths are to be fetched when."""

    on_news: Callable[[], None]

    def due(self) -> list[str]:
        """Paths to fetch from now on."""
        ...

    def next_s(self) -> float | None:
        """Seconds until some are due."""
        ...

    def budget_factor(self) -> float:
        """How much of its usual budget this node has."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PrewarmParts:
    """What of the node is looked at and acted on."""

    view: Callable[[], ClusterView]
    popularity: Popularity
    cache: EdgeCache
    backend: Backend
    placed: Placed
    traffic: Traffic
    measures: Callable[[], Measures]
    events: EventActor


class Prewarmer:
    """Prewarming of one node.

    Args:
        parts: the node's.
        config: budgets, what is worth it, and what is announced by settings.

    Raises:
        ConfigError: an entry of `prewarm.events` cannot be read.
    """

    def __init__(self, parts: PrewarmParts, config: Config) -> None:
        self._parts = parts
        self._config = config.prewarm
        self._inside = config.cache.peer_fill
        self._room_bytes = config.prewarm.store_share * config.cache.memory_bytes
        self._budget = ByteBudget(config.prewarm.kbps * 1000 / 8)
        self._retention = Retention(config.monsoon.stale_s)
        self.announcements = Announcements(parts.view, parts.events, config.prewarm.events)
        self.announcements.on_news = self._wake
        self._programme: Programme | None = None
        self._jobs: deque[tuple[Wish, int]] = deque()  # with how far to follow it
        self._wishes: deque[Wish] = deque()
        self._planned_for: Measures | None = None
        self._blocked = ""
        self._unused: dict[str, int] = {}  # segments that were fetched and nobody asked for: bytes
        self._tried: dict[str, float] = {}  # what failed: until when it is left alone
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stir = asyncio.Event()
        self._closed = False
        self.counters = PrewarmCounters()

    @property
    def unused_bytes(self) -> int:
        """Of what was fetched and is here, but nobody has asked for."""
        return sum(self._unused.values())

    async def run(self) -> None:
        """Look each second, and begin what was announced in time, until cancelled."""
        try:
            while True:
                self.look()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pause_s()):
                        await self._stir.wait()
                        self._stir.clear()
        finally:
            self._closed = True
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def look(self) -> None:
        """Plan by what is known at this moment, and begin what may be."""
        now, measures = time.monotonic(), self._parts.measures()
        self._retain(now, measures)
        self._account()
        scheduled = self._programme.due() if self._programme else []
        for path in dict.fromkeys((*self.announcements.due(), *scheduled)):
            self._put(path, _DEPTH)
        if self._programme:
            self._budget.scale(self._programme.budget_factor())
        if self._blocked:
            self.counters.refused[self._blocked] += len(self._wishes)
        self._wishes = deque(self._lacking(now, measures))
        self._planned_for = measures
        self._begin()

    def status(self) -> dict[str, Any]:
        """What is trending, what was announced, and what came of it, for people."""
        parts, counters = self._parts, self.counters
        trends = parts.popularity.at(time.monotonic()).trends[:_SHOWN]
        return {
            "self": parts.view().self_name,
            "trending": [
                {
                    "path": one.path,
                    "rate": round(one.rate, 1),
                    "score": round(one.score, 1),
                    "zones": {zone: round(rate, 1) for zone, rate in one.zones},
                    "nodes": len(one.nodes),
                    "held": parts.backend.holds(one.path),
                }
                for one in trends
            ],
            "announced": self.announcements.told(),
            "counters": {name: getattr(counters, name) for name in PrewarmCounters.__slots__},
            "unused_bytes": self.unused_bytes,
            "retained": len(self._retention),
        }

    def follow(self, programme: Programme) -> None:
        """Fetch what is scheduled, too."""
        self._programme = programme
        programme.on_news = self._wake

    def _wake(self) -> None:
        self._stir.set()

    def _pause_s(self) -> float:
        """Until the next look: what was announced begins in time."""
        waits = (self.announcements.next_s(), self._programme.next_s() if self._programme else None)
        return min([LOOK_EVERY_S, *(each for each in waits if each is not None)])

    def _retain(self, now: float, measures: Measures) -> None:
        self._retention.note(self._parts.popularity.at(now), now)
        self._parts.cache.retain(self._retention if measures.retain_popular else ())

    def _account(self) -> None:
        """What viewers have asked for needs no room of this budget any more, nor what has left."""
        for path in list(self._unused):
            if self._parts.traffic.asked(path):
                self.counters.used += 1
            elif not self._parts.backend.holds(path):
                self.counters.unused += 1
            else:
                continue
            del self._unused[path]

    def _put(self, path: str, depth: int) -> None:
        if len(self._jobs) >= JOBS_MAX:
            self.counters.refused["queue"] += 1
        else:
            self._jobs.append((Wish(path, "announced"), depth))

    def _lacking(self, now: float, measures: Measures) -> list[Wish]:
        """What is trending, and neither here nor hopeless."""
        if not self._config.enabled:
            return []
        for path in [one for one, until in self._tried.items() if until <= now]:
            del self._tried[path]
        parts, found = self._parts, []
        trends = parts.popularity.at(now).trends
        for wish in wishes(trends, parts.view(), measures, self._config.rate_min):
            with suppress(BadTargetError):
                path = normal_path(wish.path)
                usable = self._inside or not wish.holders
                if (
                    usable
                    and path not in self._tried
                    and path not in self._tasks
                    and not parts.backend.holds(path)
                ):
                    found.append(Wish(path, wish.reason, wish.holders))
        return found

    def _begin(self) -> None:
        """Begin as much as budgets allow; what was announced goes first, but waits while the origin is to be spared."""
        measures, now = self._parts.measures(), time.monotonic()
        if measures is not self._planned_for:
            self._wishes.clear()
        jobs = self._jobs if measures.cross_zone_fills else None
        while (jobs or self._wishes) and not self._closed:
            self._blocked = self._why_not(now)
            if self._blocked or len(self._tasks) >= self._config.concurrency:
                return
            wish, depth = jobs.popleft() if jobs else (self._wishes.popleft(), 0)
            if wish.path not in self._tasks:
                self._tasks[wish.path] = task = asyncio.create_task(self._fetch(wish, depth))
                task.add_done_callback(partial(self._ended, wish.path))
        self._blocked = ""

    def _why_not(self, now: float) -> str:
        """What forbids to begin anything; empty where nothing does."""
        if not self._budget.has_some(now):
            return "budget"
        return "store" if self.unused_bytes >= self._room_bytes else ""

    def _ended(self, path: str, task: asyncio.Task[None]) -> None:
        del self._tasks[path]
        if task.cancelled():
            return
        if error := task.exception():
            log.error("prewarming %s failed", path, exc_info=error)
        self._begin()

    async def _fetch(self, wish: Wish, depth: int) -> None:
        with self._parts.placed.only_from(wish.path, wish.holders):
            got = await self._parts.cache.prewarm(wish.path)
        self._count(wish.path, got)
        if got.found is None or got.found.status != 200:
            return
        if depth and isinstance(got.found.body, bytes):
            for path in led_to(wish.path, got.found.body):
                self._put(path, depth - 1)
        if kind_of(wish.path) is not Kind.PLAYLIST and not got.reason:
            await self._parts.backend.warm(wish.path)

    def _count(self, path: str, got: Prewarmed) -> None:
        counters = self.counters
        counters.fetched_bytes += got.filled_bytes
        self._budget.spend(got.filled_bytes)
        if got.found is None or got.reason or got.found.status != 200:
            counters.failed += 1
            if len(self._tried) >= _TRIED_MAX:
                self._tried.clear()
            self._tried[path] = time.monotonic() + _AGAIN_S
        elif got.filled_bytes:
            counters.fetched += 1
            if kind_of(path) is Kind.SEGMENT:  # of others it is not known whether viewers ask for them
                self._unused[path] = got.filled_bytes
        else:
            counters.held += 1
