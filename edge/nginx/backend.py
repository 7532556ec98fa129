"""`NginxBackend`: nginx serves hits, the node's own cache fills, and purges act on both."""

import asyncio
import logging
import os
import secrets
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from edge.cache.backend import Figures
from edge.cache.cache import EdgeCache
from edge.cache.disk.workers import BusyError
from edge.cache.keys import BadTargetError, normal_path
from edge.cache.purge import Purge
from edge.cache.tiers import Tier
from edge.config import NginxConfig
from edge.decide.measures import Measures
from edge.nginx import files, flags, opening
from edge.nginx.copies import Copies
from edge.nginx.front import Front
from edge.nginx.landing import Landings, NginxFiles
from edge.nginx.log import Heard, LogTail
from edge.nginx.names import Folder
from edge.nginx.pace import Pace
from edge.nginx.purger import Purger
from edge.nginx.scan import Scanner
from edge.nginx.status import StubStatus
from edge.nginx.steering import SteeringCopies
from edge.nginx.warming import Warmer
from edge.state.traffic import Traffic

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
CLOSE_S = 2.0  # for purges that are under way when the process ends
_ALIVE_EVERY_S = 60.0
_SCAN_EVERY_S = 300.0
_CROWDED_EVERY_S = 10.0
_EVERYTHING = Purge("prefix", "/")
_FULL = "is on a volume that is nearly full: nginx is given nothing more to store"


class NginxParts(NamedTuple):
    """What of the node the backend works with."""

    cache: EdgeCache
    traffic: Traffic
    measures: Callable[[], Measures]  # of the moment
    clock: Callable[[], float]  # of them all


class NginxBackend:
    """nginx in front of this process.

    Args:
        parts: the node's.
        config: what it shares with nginx.
        url: of nginx, http(s)://host:port, as this machine reaches it.
    """

    def __init__(self, parts: NginxParts, config: NginxConfig, url: str) -> None:
        self._parts = parts
        self._config = config
        self._folder = Folder(Path(config.folder))
        session = secrets.token_hex(8)
        copies, landings = self._copies, self._landings = Copies(config.objects_max), Landings()
        self._scanned = asyncio.Event()
        held = NginxFiles(self._folder, copies, landings, session, self._scanned)
        self._purger = Purger(held, parts.clock)
        self._scanner = Scanner(self._folder, copies, landings, session)
        nobody = self.nobody = f"edge-{secrets.token_hex(8)}"  # the User-Agent of own requests to nginx
        self._warmer = Warmer(url, nobody, copies)
        self._log = LogTail(self._folder.log, Heard(parts.traffic, parts.clock, parts.cache.asked, nobody))
        self._flags = flags.Flags(self._folder)
        self._status = StubStatus(config.status_bind)
        self._pace = Pace(config, parts.clock)
        self.front = Front(parts.cache, held, self._warmer, self._pace, parts.clock)
        self.steering = SteeringCopies(held, self._purger.add, parts.clock)
        self._was_full = False
        self._lock = -1
        self._doubt = ""
        self._evicted = self._halves = 0
        self._work: list[asyncio.Task[None]] = []

    def on_said(self, told: Callable[[str, tuple[str, ...], str], None]) -> None:
        """Call `told` of what players say of themselves to nginx: CMCD's argument, its four fields, and the address."""
        self._log.said = told

    @property
    def recorded(self) -> bool:
        """Whether no purge so far can be undone, by a restart or by what nginx has still to store."""
        return self._scanned.is_set() and self._purger.done and self._parts.cache.recorded

    @property
    def trouble(self) -> str:
        """Why no viewers should come."""
        return "" if self._status.up else "nginx does not answer"

    async def start(self) -> None:
        """Open the folder and begin to work; the scan of what nginx holds goes on beside.

        Raises:
            ConfigError: the folder cannot be used, or another process uses it.
        """
        self._lock, self._doubt = await asyncio.to_thread(opening.opened, self._folder)
        await self._measure()
        self._log.open()
        await self._parts.cache.start()
        self._warmer.start()
        for work in (self._scan(), self._purger.run(), self._log.run(), self._status.run(), self._look()):
            self._work.append(_begun(work))
        if self._doubt:
            log.warning("%s is emptied: %s", self._folder.cache, self._doubt)
            self._purger.add(_EVERYTHING, 0.0)
            self._purger.when_done(self._trust)

    async def close(self) -> None:
        """End, after the purges that are under way; nginx goes on with what it has."""
        done = asyncio.Event()
        self._purger.when_done(done.set)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await done.wait()
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        await self._warmer.close()
        await self._purger.close()
        self._scanner.close()
        await self._parts.cache.close()
        self._log.close()
        if self._lock >= 0:
            os.close(self._lock)

    def purge(self, purge: Purge, ident: str = "", issued_s: float = 0.0) -> int:
        """Begin a purge of the node's cache, which counts at once, and of nginx's; how many objects it hits."""
        own = self._parts.cache.purge(purge, ident, issued_s)
        return max(own, self._purger.add(purge, issued_s))  # most are here and there

    def when_recorded(self, told: Callable[[], None]) -> None:
        """Call `told` once every purge so far is done and on record."""
        self._purger.when_done(lambda: self._parts.cache.when_recorded(told))

    def holds(self, path: str) -> bool:
        """Whether nginx or the node's cache have something under a raw path."""
        try:
            found = self._copies.holds_path(normal_path(path))
        except BadTargetError:
            return False
        return found or self._parts.cache.holds(path)

    async def warm(self, path: str) -> None:
        """Have nginx fetch a normal path from this process, unless it has it or the volume is full."""
        if not self._pace.full:
            await self._warmer.warm(path)

    def figures(self) -> Figures:
        """What both hold, and what is counted of nginx."""
        copies, tail, purger, front = self._copies, self._log, self._purger, self.front
        own = Tier("nginx", copies.size_bytes, self._config.max_bytes, len(copies), self._evicted)
        return Figures(
            tiers=[*self._parts.cache.tiers, own],
            totals={
                "nginx_answers_stored": front.counters.stored,
                "nginx_halves_removed": self._halves,
                "nginx_landings_lost": self._landings.lost,
                "nginx_log_junk": tail.junk,
                "nginx_log_lines": tail.lines,
                "nginx_log_skipped_bytes": tail.skipped_bytes,
                "nginx_purge_errors": purger.errors,
                "nginx_warmed": self._warmer.warmed,
                "nginx_warm_errors": self._warmer.failed,
                "nginx_purged_files": purger.removed + purger.expired,
                "nginx_steering_stored": self.steering.stored,
                "nginx_steering_purges": self.steering.purges,
            },
            reasons={"nginx_answers_passed": front.counters.passed, "nginx_served": tail.statuses},
            gauges={
                **self._parts.cache.figures().gauges,
                "nginx_up": float(self._status.up),
                "nginx_connections": self._status.connections,
                "nginx_disk_full": float(self._pace.full),
            },
        )

    async def _scan(self) -> None:
        """At start, and then to learn what nginx has removed; an error is no end."""
        last = float("-inf")
        while True:
            now = self._parts.clock()
            if now >= last + (_CROWDED_EVERY_S if self._copies.crowded else _SCAN_EVERY_S):
                last = now
                try:
                    found = await self._scanner.scan(now)
                except OSError as error:
                    log.warning("%s cannot be read: %s", self._folder.cache, error.strerror)
                else:
                    self._evicted += found.vanished
                    self._halves += found.halves
                    if not self._scanned.is_set():
                        log.info("nginx holds %d objects in %s", len(self._copies), self._folder.cache)
                    self._scanned.set()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self) -> None:
        """Flags, the volume, files without entries, and a sign of life."""
        alive = float("-inf")
        while True:
            try:
                measures = self._parts.measures()
                self._flags.show(flags.RECORDED, measures.shed_recorded)
                self._flags.show(flags.CACHED_ONLY, measures.cached_only)
                await self._measure()
                await self._purger.remove(self._copies.taken())
                if not self._doubt and self._parts.clock() >= alive + _ALIVE_EVERY_S:
                    alive = self._parts.clock()
                    opening.note_alive(self._folder)
            except OSError as error:
                log.warning("%s cannot be used: %s", self._folder.root, error.strerror)
            except BusyError:
                return
            await asyncio.sleep(LOOK_EVERY_S)

    async def _measure(self) -> None:
        """Look at the volume; a line of the log when it is full, and when it is no more."""
        self._pace.look(await asyncio.to_thread(files.volume, self._folder))
        if self._pace.full is not self._was_full:
            self._was_full = self._pace.full
            log.warning("%s %s", self._folder.root, _FULL if self._was_full else "has room again")

    def _trust(self) -> None:
        self._doubt = ""


def _begun(work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    task = asyncio.create_task(work)
    task.add_done_callback(_complain)
    return task


def _complain(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("a part of the work on nginx ended", exc_info=error)
