"""`EdgeCache`: answers from the store, fills from the origin once for all who wait, keeps serving when it is down."""

import asyncio
import time
from collections.abc import Callable, Container

from msgspec.structs import replace

from edge.cache.backend import Figures
from edge.cache.counters import CacheCounters
from edge.cache.fill import Filler
from edge.cache.flights import FillFailure, Outcome
from edge.cache.growing import GrowingSpan
from edge.cache.holding import soon_s
from edge.cache.keys import BadTargetError, cache_key, normal_path
from edge.cache.lifetime import Kind, kind_of
from edge.cache.objects import CachedObject, CacheRequest, CacheResponse, Prewarmed
from edge.cache.purge import Purge
from edge.cache.purgelog import PurgeLog
from edge.cache.respond import PREFLIGHT, bytes_needed, for_peer, plain, respond
from edge.cache.settings import CacheSettings, Leniency
from edge.cache.tiers import Tier, TieredStore
from edge.cache.upstream import Fills, names_of_loop
from edge.cache.window import Content

LOOP_MAX_BYTES = 1024  # a longer CDN-Loop has passed more caches than any sane set-up has


class EdgeCache:
    """The cache of one node.

    Args:
        node_name: names this cache in Cache-Status.
        settings: bounds and lifetimes.
        upstream: where fills come from.
        clock: seconds, monotonic.
        wall: seconds since 1970; what is on disk outlives the clock.
    """

    def __init__(
        self,
        node_name: str,
        settings: CacheSettings,
        upstream: Fills,
        clock: Callable[[], float],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._name = node_name
        self._upstream = upstream
        self._clock = clock
        self.counters = CacheCounters()
        self.purges = PurgeLog()
        self._store = TieredStore(settings, self.counters, clock, wall)
        self._filler = Filler(settings, upstream, self._store, self.counters, clock)
        self._hit = f'"{node_name}"; hit; ttl='
        self.leniency = Leniency()  # another one counts from the next request on
        self._retained: Container[str] = ()

    @property
    def stored_bytes(self) -> int:
        """Bytes of all objects in memory."""
        return self._store.memory.size_bytes

    @property
    def stored_objects(self) -> int:
        """How many objects are in memory."""
        return len(self._store.memory)

    @property
    def evictions(self) -> int:
        """How many objects had to leave memory for others since the start."""
        return self._store.memory.evictions

    @property
    def tiers(self) -> list[Tier]:
        """What memory and disk hold; without a disk only the first."""
        return self._store.tiers

    def figures(self) -> Figures:
        """What it holds; what it counts is in `counters`."""
        return Figures(self.tiers, gauges={"cache_disk_full": float(self._store.disk_full)})

    @property
    def trouble(self) -> str:
        """Nothing keeps viewers away: what it serves from is in this process."""
        return ""

    @property
    def recent_failure(self) -> bool:
        """Whether a fill failed within the last `failure_memory_s`."""
        return self._filler.recent_failure

    @property
    def fills_in_flight(self) -> int:
        """How many fills are under way."""
        return self._filler.flights

    def holds(self, path: str) -> bool:
        """Whether memory or disk have something under a raw path, fresh or not; no use of it is counted."""
        try:
            key = normal_path(path)
        except BadTargetError:
            return False
        return self._store.holds(key)

    def content(self, path: str) -> Content:
        """Whether what a raw path names is live, DVR or VOD, as far as playlists have told."""
        return self._filler.windows.content(path)

    def asked(self, path: str) -> None:
        """A viewer was given a raw path, by whatever is in front of this cache."""
        self._filler.edge.asked(path, self._clock())

    def newest(self, key: str) -> str:
        """The path that the live playlist of `key` names last, where viewers take such segments; else empty."""
        newest = self._filler.windows.newest(key)
        return newest if newest and self._filler.edge.wants(newest, self._clock()) else ""

    def segment_s(self, key: str) -> float:
        """The duration of a segment, where what `key` names is not there yet but will be soon; else 0."""
        return self._filler.windows.segment_s(key)

    async def start(self) -> None:
        """Open the disk and the way to the origin.

        Raises:
            ConfigError: the disk's folder cannot be used, or another process uses it.
        """
        await self._store.start()
        await self._upstream.start()

    async def close(self) -> None:
        """Cancel fills, close connections, leave the disk."""
        await self._filler.close()
        await self._upstream.close()
        await self._store.close()

    def purge(self, purge: Purge, ident: str = "", issued_s: float = 0.0) -> int:
        """Remove what `purge` hits, or mark it stale where it is soft; how many stored objects were hit.

        It counts from this moment on; `recorded` says when a restart cannot undo it either. What a fill that is under
        way brings is given to those who wait for it and to nobody who asks from now on, as far as the purge hits it.
        Failures to fill are forgotten with the objects.

        Args:
            purge: what to look for.
            ident: of the event that asks for it. An event that is told again after a restart is then known from the
                disk, and not done again: what came after it stays.
            issued_s: how long ago it was asked for.
        """
        now = self._clock()
        self.purges.note(purge, now, issued_s)
        hit = self._store.purge(purge, now, ident)
        self._filler.purge(purge, hit)
        self.counters.purges += 1
        self.counters.purged_objects += len(hit)
        return len(hit)

    @property
    def recorded(self) -> bool:
        """Whether no purge so far can be undone by a restart; always so without a disk."""
        return self._store.recorded

    def when_recorded(self, told: Callable[[], None]) -> None:
        """Call `told` once no purge so far can be undone by a restart; at once where that is so."""
        self._store.when_recorded(told)

    def retain(self, keys: Container[str]) -> None:
        """From now on objects of these keys are the last to leave, and are used longer where the leniency says so."""
        self._retained = keys
        self._store.retain(keys)

    async def prewarm(self, key: str) -> Prewarmed:
        """Bring in what a normal path names, unless it is here and fresh: a fill like a viewer's, but nobody's."""
        stored = self._store.peek(key) or await self._store.load(key)
        if stored and stored.ttl_s(self._clock()) > 0:
            return Prewarmed(stored)
        outcome = await self._filler.fetch(key, stored)
        if isinstance(outcome, FillFailure):
            return Prewarmed(None, reason=outcome.reason)
        return Prewarmed(outcome.found, len(outcome.found.body), "" if outcome.stored else "not_stored")

    async def warm(self, path: str) -> None:
        """Nothing to do: what is here is served from here."""

    def lookup(self, request: CacheRequest) -> CacheResponse | None:
        """The answer to a GET or HEAD whose object is here and fresh; the fast way, counted as a request and a hit.

        Keys are normalised before anything is stored under them, so a raw path that finds something is a good one.
        """
        if request.method not in ("GET", "HEAD") or "_HLS_" in request.query:
            return None
        if not request.peer:
            self._filler.edge.asked(request.path, self._clock())
        return self._fresh(request, self._store.get(request.path))

    async def handle(self, request: CacheRequest) -> CacheResponse:
        """Answer one request."""
        if hit := self.lookup(request):
            return hit
        if request.method == "OPTIONS":
            return self._own(request, plain(204, "", PREFLIGHT))
        if request.method not in ("GET", "HEAD"):
            allow = {"Allow": "GET, HEAD, OPTIONS"}
            return self._refused(request, plain(405, "wants GET, HEAD or OPTIONS\n", allow))
        try:
            key = cache_key(request)
        except BadTargetError as error:
            return self._refused(request, plain(error.status, f"{error}\n"))
        stored = self._store.get(key) if key != request.path else self._store.peek(key)
        from_disk = stored is None and (stored := await self._store.load(key)) is not None
        if hit := self._fresh(request, stored):
            self.counters.disk_hits += from_disk
            return hit
        loop = request.headers.get("CDN-Loop", "")
        if not (loop.isascii() and loop.isprintable()):
            return self._refused(request, plain(400, "CDN-Loop holds printable ASCII\n"))
        if len(loop) > LOOP_MAX_BYTES or self._name in names_of_loop(loop):
            return self._refused(request, plain(508, "this request goes in a circle (CDN-Loop)\n"))
        return await self._beyond_store(request, stored, key, loop)

    def _fresh(self, request: CacheRequest, stored: CachedObject | None) -> CacheResponse | None:
        now = self._clock()
        if stored is None or (ttl := stored.ttl_s(now)) <= 0:
            return None
        self.counters.hits += 1
        return self._own(request, self._made(request, stored, f"{self._hit}{int(ttl)}"))

    async def _beyond_store(
        self, request: CacheRequest, stored: CachedObject | None, key: str, loop: str
    ) -> CacheResponse:
        """Nothing fresh is here: serve stale while asking, or ask and wait."""
        if request.peer and (refused := self._unfit_for_peer(request, key, loop)):
            return self._own(request, plain(504, refused))
        overdue_s = -stored.ttl_s(self._clock()) if stored else 0.0
        if stored and self._extended(stored):
            return self._stale(request, stored, f"{self._hit}{-int(overdue_s)}")
        if stored and overdue_s < stored.lifetime.stale_while_revalidate_s:
            self._filler.begin(key, stored, loop)
            return self._stale(request, stored, f"{self._hit}{-int(overdue_s)}")
        forward = f'"{self._name}"; fwd={"stale" if stored else "uri-miss"}'
        collapsed = self._filler.in_flight(key)
        self.counters.collapsed += collapsed
        self.counters.misses += not collapsed
        outcome = await self._outcome(key, stored, loop, bytes_needed(request))
        if isinstance(outcome, FillFailure):
            return await self._without_origin(request, key, outcome, f"{forward}; detail={outcome.reason}")
        await self._filler.settled(key)
        forward += f"; fwd-status={outcome.origin_status}"
        forward += "; stored" if outcome.stored else ""
        forward += "; collapsed" if collapsed else ""
        forward = f"{outcome.via}, {forward}" if outcome.via else forward
        return self._own(request, self._made(request, outcome.found, forward))

    def _unfit_for_peer(self, request: CacheRequest, key: str, loop: str) -> str:
        """Why another node has to ask elsewhere; "" where it may wait. What it says of the object is noted."""
        if "only-if-cached" in request.headers.get("Cache-Control", ""):  # RFC 9111 §5.2.1.7
            return "not held here\n"
        if segment_s := soon_s(request.headers):
            self._filler.windows.hint(key, segment_s)
        if not self._filler.in_flight(key) or not (asked := self._upstream.asked(key)):
            return ""
        *earlier, last = names_of_loop(loop) or [""]
        # Where two wait for each other both see it, and one of them has to give way.
        circle = asked in earlier or (asked == last and self._name > asked)
        return "this node waits for one that waits for it\n" if circle else ""

    async def _outcome(self, key: str, stored: CachedObject | None, loop: str, needed: float) -> Outcome:
        """What a fill brings; where something stale will do, it is waited for with little patience."""
        patience_s = self.leniency.patience_s if stored and self._will_do(stored) else None
        try:
            async with asyncio.timeout(patience_s):
                return await self._filler.fill(key, stored, loop, needed)
        except TimeoutError:  # the fill goes on, and the next one finds what it brings
            return FillFailure(504, "slow")

    def _extended(self, stored: CachedObject) -> bool:
        """Whether an object that is over counts as fresh for now. Playlists change, and a soft purge is an order."""
        factor, life, now = self.leniency.ttl_factor, stored.lifetime, self._clock()
        if stored.key in self._retained:
            factor *= self.leniency.popular_factor
        if factor <= 1 or life.stale_if_error_s <= 0 or now >= stored.stale_from:
            return False
        return stored.age_s(now) < factor * life.fresh_s and kind_of(stored.key) is not Kind.PLAYLIST

    def _will_do(self, stored: CachedObject) -> bool:
        """Whether an object may be served if the origin gives nothing (RFC 5861)."""
        allowed_s = stored.lifetime.stale_if_error_s
        if allowed_s > 0:
            allowed_s = max(allowed_s, self.leniency.stale_s)
        return -stored.ttl_s(self._clock()) < allowed_s

    async def _without_origin(
        self, request: CacheRequest, key: str, failure: FillFailure, status: str
    ) -> CacheResponse:
        """The origin gave nothing: what is here may still do (RFC 5861).

        What was here before the fill does not count: a purge may have removed it meanwhile.
        """
        stored = self._store.peek(key) or await self._store.load(key)
        if stored and self._will_do(stored):
            return self._stale(request, stored, status)
        headers = {"Retry-After": "1", "Cache-Control": "no-store", "Cache-Status": status}
        text = f"the origin gave no answer ({failure.reason})\n"
        return self._own(request, plain(failure.status, text, headers))

    def _stale(self, request: CacheRequest, stored: CachedObject, status: str) -> CacheResponse:
        self.counters.stale_served += 1
        return self._own(request, self._made(request, stored, status))

    def _made(self, request: CacheRequest, stored: CachedObject, status: str) -> CacheResponse:
        now = self._clock()
        response = respond(request, stored, status, now)
        if request.peer:
            self.counters.peer_requests += 1
            return replace(response, headers={**response.headers, **for_peer(stored, now)})
        if request.front:
            return replace(response, made_of=stored)
        return response

    def _refused(self, request: CacheRequest, response: CacheResponse) -> CacheResponse:
        self.counters.refused += 1
        return self._own(request, response)

    def _own(self, request: CacheRequest, response: CacheResponse) -> CacheResponse:
        """Count what leaves; every answer passes here once."""
        self.counters.requests += 1
        if request.method != "HEAD":
            if isinstance(response.body, GrowingSpan):
                response.body.tell(self._served)
            else:
                self.counters.served_bytes += len(response.body)
        return response

    def _served(self, size_bytes: int) -> None:
        self.counters.served_bytes += size_bytes
