"""Single-flight fills: one request to the origin for all who wait, and none at all right after one has failed.

A fill is a task of its own with a time limit. A viewer who goes away stops waiting; the fill goes on for the others.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping

from edge.cache.counters import CacheCounters
from edge.cache.disk.body import FileBody
from edge.cache.flights import Filled, FillFailure, Flight, Flights, Outcome, hit_among
from edge.cache.keys import BadTargetError, normal_path
from edge.cache.lifetime import Kind, age_of, kind_of, lifetime, says_lifetime, viewer_control
from edge.cache.liveedge import LiveEdge
from edge.cache.objects import CachedObject, Lifetime
from edge.cache.purge import Purge, says_tags, tags_of
from edge.cache.respond import CORS
from edge.cache.settings import CacheSettings
from edge.cache.tiers import TieredStore
from edge.cache.upstream import Fills, UpstreamError, UpstreamResponse
from edge.cache.window import LiveWindows

_FAILURES_MAX = 4096
_PASSED_MAX = 512
_USE_ONCE = Lifetime(0.0)
_KEPT = (
    *("Cache-Control", "CMSD-Static", "Content-Encoding", "Content-Language", "Content-Type"),
    *("Date", "ETag", "Expires", "Last-Modified", "Location"),
)


class Filler:
    """Brings objects from the origin into the store.

    Args:
        settings: bounds and lifetimes.
        upstream: where they come from.
        store: where objects go.
        counters: what happened.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        settings: CacheSettings,
        upstream: Fills,
        store: TieredStore,
        counters: CacheCounters,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._upstream = upstream
        self._store = store
        self._counters = counters
        self._clock = clock
        self._flights = Flights()
        self.windows = LiveWindows()
        self.edge = LiveEdge()
        self._failures: OrderedDict[str, tuple[float, FillFailure]] = OrderedDict()
        self._closed = False

    @property
    def recent_failure(self) -> bool:
        """Whether a fill failed within the last `failure_memory_s`."""
        return bool(self._failures) and next(reversed(self._failures.values()))[0] > self._clock()

    @property
    def flights(self) -> int:
        """How many fills are under way."""
        return len(self._flights)

    def in_flight(self, key: str) -> bool:
        """Whether a fill of `key` is under way that a request of now may wait for."""
        return self._flights.joinable(key) is not None

    def begin(self, key: str, stale: CachedObject | None, loop: str = "") -> Flight | FillFailure:
        """The fill of `key` that is under way, or a new one; a failure where none may be begun.

        Args:
            key: what to ask the origin for.
            stale: what is stored; a validator of it makes the request conditional.
            loop: the CDN-Loop field of the request that needs it.
        """
        if flight := self._flights.joinable(key):
            return flight
        known = self._failures.get(key)
        if known and known[0] > self._clock():
            return known[1]
        if self._closed or len(self._flights) >= self._settings.fills_max:
            reason = "closing" if self._closed else "too_many_fills"
            self._counters.fill_failed(reason)
            return FillFailure(503, reason)
        flight = self._flights.begin(key)
        flight.task = asyncio.create_task(self._run(flight, stale, loop))
        return flight

    async def fill(self, key: str, stale: CachedObject | None, loop: str = "") -> Outcome:
        """Wait for the one fill of `key`, at most `fill_timeout_s`; for a second one where the first is too old.

        It is too old if its answer carries a tag that was purged after it began and before this request came.
        """
        asked = self._flights.purges
        flight = self.begin(key, stale, loop)
        outcome = await _outcome(flight)
        if isinstance(flight, FillFailure) or not flight.is_too_old(asked):
            return outcome
        # Whatever is joined now began after this request came, and what is stored may have been purged meanwhile.
        return await _outcome(self.begin(key, self._store.get(key), loop))

    def purge(self, purge: Purge, hit: Mapping[str, object]) -> None:
        """Forget failures, and keep what the origin gave before from those who ask from now on.

        Args:
            purge: what was purged.
            hit: the keys of the stored objects that it hit; a purge by tag knows no others.
        """
        self._flights.purge(purge, hit)
        for key in hit_among(self._failures, purge, hit):
            del self._failures[key]

    async def close(self) -> None:
        """Cancel all fills; who waits gets a 503."""
        self._closed = True
        tasks = self._flights.tasks
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, flight: Flight, stale: CachedObject | None, loop: str) -> Outcome:
        """One fill. From its answer to its end nothing is awaited, so that no purge and no request comes between."""
        try:
            outcome = await self._fetch(flight, stale, loop)
            if isinstance(outcome, FillFailure) and self._land(flight, ()):
                self._remember(flight.key, outcome)
            return outcome
        finally:
            self._flights.end(flight)

    def _land(self, flight: Flight, tags: Collection[str]) -> bool:
        """Whether what a fill brought may be used beyond those who wait for it."""
        current = self._flights.land(flight, tags)
        self._counters.fills_overtaken += not current
        return current

    def _remember(self, key: str, failure: FillFailure) -> None:
        self._failures[key] = (self._clock() + self._settings.failure_memory_s, failure)
        self._failures.move_to_end(key)
        if len(self._failures) > _FAILURES_MAX:
            self._failures.popitem(last=False)

    async def _fetch(self, flight: Flight, stale: CachedObject | None, loop: str) -> Outcome:
        self._counters.fills += 1
        conditions = _conditions(stale)
        try:
            async with asyncio.timeout(self._settings.fill_timeout_s):
                answer = await self._upstream.fetch(flight.key, conditions, loop)
        except UpstreamError as error:
            return self._failed(error.reason)
        except TimeoutError:
            return self._failed("timeout")
        self._counters.filled_bytes += len(answer.body)
        if answer.status != 304:
            return self._keep(flight, answer, None)
        if stale is None or not conditions:
            return self._failed("not_asked_for")
        self._counters.revalidated += 1
        return self._keep(flight, answer, stale)

    def _failed(self, reason: str) -> FillFailure:
        self._counters.fill_failed(reason)
        return FillFailure(504 if reason == "timeout" else 502, reason)

    def _keep(self, flight: Flight, answer: UpstreamResponse, before: CachedObject | None) -> Filled:
        """Store the origin's answer as far as it may be; a 304 renews what was there `before` (RFC 9111 §4.3.4)."""
        key = flight.key
        status = before.status if before else answer.status
        body = before.body if before else answer.body
        if before and not says_lifetime(answer.headers):
            life: Lifetime | None = before.lifetime
        else:
            life = lifetime(key, status, answer.headers, _read(body), self._settings)
        if before is None and status == 200 and kind_of(key) is Kind.PLAYLIST:
            self.windows.learn(key, answer.body)
        headers = _viewer_headers(key, answer.headers, before, life)
        made = CachedObject(
            key=key,
            status=status,
            headers=headers,
            body=body,
            etag=headers.get("ETag", ""),
            last_modified=headers.get("Last-Modified", ""),
            stored_at=self._clock(),
            initial_age_s=age_of(answer.headers) if answer.age_s is None else answer.age_s,
            lifetime=life or _USE_ONCE,
            tags=self._tags(answer.headers, before),
        )
        if not self._land(flight, made.tags):  # what is stored may be newer: leave it alone
            return Filled(made, answer.status, stored=False, via=_passed(answer.headers))
        stored = life is not None and self._store.put(made)
        if not stored:
            self._counters.not_stored += 1
            self._store.drop(key)
        elif newest := self.windows.newest(key):
            self._prefetch(newest)
        return Filled(made, answer.status, stored, _passed(answer.headers))

    def _prefetch(self, target: str) -> None:
        """Fetch what a live playlist names last, where it is watched and not here."""
        try:
            key = normal_path(target)
        except BadTargetError:
            return
        if self.edge.wants(key, self._clock()) and not self._store.holds(key) and not self.in_flight(key):
            self._counters.prefetched += 1
            self.begin(key, None)

    async def settled(self, key: str) -> None:
        """Wait a moment for what the live playlist of this key names last."""
        flight = self._flights.joinable(self.windows.newest(key))
        if flight:
            await asyncio.wait((flight.task,), timeout=self._settings.edge_wait_s)

    def _tags(self, headers: Mapping[str, str], before: CachedObject | None) -> tuple[str, ...]:
        if before and not says_tags(headers):
            return before.tags
        tags = tags_of(headers)
        self._counters.tags_ignored += tags.ignored
        return tags.kept


async def _outcome(flight: Flight | FillFailure) -> Outcome:
    """Wait for a fill; leaves it alone when the one who waits is cancelled."""
    if isinstance(flight, FillFailure):
        return flight
    await asyncio.wait((flight.task,))
    return FillFailure(503, "closing") if flight.task.cancelled() else flight.task.result()


def _passed(headers: Mapping[str, str]) -> str:
    field = headers.get("Cache-Status", "")
    return field if len(field) <= _PASSED_MAX else ""


def _read(body: bytes | FileBody) -> bytes:
    """What of a body tells a lifetime: playlists do, and those that stay on disk are no playlists."""
    return body if isinstance(body, bytes) else b""


def _conditions(stale: CachedObject | None) -> dict[str, str]:
    """What asks the origin for a change only."""
    if stale is None or stale.status != 200:
        return {}
    if stale.etag:
        return {"If-None-Match": stale.etag}
    return {"If-Modified-Since": stale.last_modified} if stale.last_modified else {}


def _viewer_headers(
    key: str, given: Mapping[str, str], before: CachedObject | None, life: Lifetime | None
) -> dict[str, str]:
    """What every answer made of the object carries."""
    headers = {**CORS, "Accept-Ranges": "bytes"}
    for name in _KEPT:
        if value := given.get(name) or (before.headers.get(name) if before else None):
            headers[name] = value
    if life is not None and (control := viewer_control(key, headers.get("Cache-Control", ""), life)):
        headers["Cache-Control"] = control
    return headers
