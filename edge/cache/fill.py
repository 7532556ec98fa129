"""Single-flight fills: one request to the origin for all who wait, and none at all right after one has failed.

A fill is a task of its own with a time limit. A viewer who goes away stops waiting; the fill goes on for the others.
"""

import asyncio
import logging
import math
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from edge.cache.counters import CacheCounters
from edge.cache.flights import Filled, FillFailure, Flight, Flights, Outcome, hit_among
from edge.cache.growing import GrowingBody
from edge.cache.holding import Holding
from edge.cache.keys import BadTargetError, normal_path
from edge.cache.lifetime import LIVE_NEGATIVE_S, NEGATIVE_S, Kind, kind_of, lifetime, says_lifetime
from edge.cache.liveedge import LiveEdge
from edge.cache.making import conditions, initial_age_s, passed, read, viewer_headers
from edge.cache.objects import CachedObject, Lifetime
from edge.cache.purge import Purge, says_tags, tags_of
from edge.cache.receiving import NOT_HELD, UpstreamError, UpstreamResponse
from edge.cache.settings import CacheSettings
from edge.cache.streaming import Streams
from edge.cache.tiers import TieredStore
from edge.cache.upstream import Fills, fill_limit_s, is_blocking
from edge.cache.window import Content, LiveWindows

log = logging.getLogger(__name__)

_FAILURES_MAX = 4096
_USE_ONCE = Lifetime(0.0)


class Made(NamedTuple):
    """What an answer makes."""

    found: CachedObject
    storable: bool


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
        self._holding = Holding(settings, counters)
        self._streams = Streams(upstream, counters, settings.retry_share)
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

    async def fill(self, key: str, stale: CachedObject | None, loop: str = "", needed: float = 0) -> Outcome:
        """Wait for the one fill of `key`, at most `fill_timeout_s`; for a second one where the first is too old.

        It is too old if its answer carries a tag that was purged after it began and before this request came. A large
        body may still be on its way when this returns; where its size is not announced, `needed` bytes are here.
        """
        asked = self._flights.purges
        flight = self.begin(key, stale, loop)
        if isinstance(flight, FillFailure):
            return flight
        outcome = await flight.outcome(needed)
        if not flight.is_too_old(asked):
            return outcome
        # Whatever is joined now began after this request came, and what is stored may have been purged meanwhile.
        again = self.begin(key, self._store.get(key), loop)
        return again if isinstance(again, FillFailure) else await again.outcome(needed)

    async def fetch(self, key: str, stale: CachedObject | None) -> Outcome:
        """Wait for all that the one fill of `key` brings, for somebody who gives it to nobody."""
        flight = self.begin(key, stale)
        return flight if isinstance(flight, FillFailure) else await flight.whole()

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
        begun = self._clock()
        try:
            outcome = await self._fetch(flight, stale, loop)
            said = outcome.reason if isinstance(outcome, FillFailure) else outcome.origin_status
            log.debug("filled %s: %s", flight.key.partition("?")[0], said)
            ended_as = "failed" if isinstance(outcome, FillFailure) else flight.source
            self._counters.fill_ended(ended_as, self._clock() - begun)
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
        if failure.reason == NOT_HELD:  # who comes now may ask others
            return
        self._failures[key] = (self._clock() + self._settings.failure_memory_s, failure)
        self._failures.move_to_end(key)
        if len(self._failures) > _FAILURES_MAX:
            self._failures.popitem(last=False)

    async def _fetch(self, flight: Flight, stale: CachedObject | None, loop: str) -> Outcome:
        self._counters.fills += 1
        asked = conditions(stale)
        try:
            async with asyncio.timeout(fill_limit_s(flight.key, self._settings)):
                answer = await self._holding.wait(
                    flight.key,
                    self.windows.segment_s(flight.key),
                    lambda: self._ask(flight, asked, loop),
                )
                if isinstance(answer.body, GrowingBody):
                    return await self._stream(flight, answer, answer.body, loop)
        except UpstreamError as error:
            return self._failed(error.reason)
        except TimeoutError:
            return self._failed("timeout")
        self._counters.filled_bytes += len(answer.body)
        if answer.status != 304:
            return self._keep(flight, answer, self._made(flight.key, answer, None))
        if stale is None or not asked:
            return self._failed("not_asked_for")
        self._counters.revalidated += 1
        return self._keep(flight, answer, self._made(flight.key, answer, stale))

    async def _ask(self, flight: Flight, asked: Mapping[str, str], loop: str) -> UpstreamResponse:
        again = flight.source != ""
        answer = await self._upstream.fetch(flight.key, asked, loop)
        by_peer = answer.age_s is not None  # which nobody else tells
        waited = again or is_blocking(flight.key)
        flight.source = "waited" if waited else "peer" if by_peer else "origin"
        return answer

    async def _stream(
        self, flight: Flight, answer: UpstreamResponse, body: GrowingBody, loop: str
    ) -> Outcome:
        """Give the header, and the body as it comes, to those who wait; keep it once it is whole."""
        self._counters.streamed += 1
        try:
            made = self._made(flight.key, answer, None)
            current = self._flights.head(flight, made.found.tags)
            stored = current and made.storable
            flight.headed.set_result(Filled(made.found, answer.status, stored, passed(answer.headers)))
            await self._streams.arrive(flight.key, answer, body, loop)
            found = replace(made.found, body=body.finish())
        finally:
            self._counters.filled_bytes += body.have
            body.drop()
        return self._keep(flight, answer, Made(found, made.storable))

    def _failed(self, reason: str) -> FillFailure:
        self._counters.fill_failed(reason)
        return FillFailure(504 if reason.endswith("timeout") else 502, reason)

    def _made(self, key: str, answer: UpstreamResponse, before: CachedObject | None) -> Made:
        """The object that an answer makes; a 304 renews what was there `before` (RFC 9111 §4.3.4)."""
        status = before.status if before else answer.status
        body = before.body if before else answer.body
        if before and not says_lifetime(answer.headers):
            life: Lifetime | None = before.lifetime
        else:
            life = lifetime(key, status, answer.headers, read(body), self._settings)
            if life and status == 404:
                life = Lifetime(min(life.fresh_s, self._missing_s(key)))
        headers = viewer_headers(key, answer.headers, before, life)
        made = CachedObject(
            key=key,
            status=status,
            headers=headers,
            body=body,
            etag=headers.get("ETag", ""),
            last_modified=headers.get("Last-Modified", ""),
            stored_at=self._clock(),
            initial_age_s=initial_age_s(key, answer),
            lifetime=life or _USE_ONCE,
            tags=self._tags(answer.headers, before),
        )
        return Made(made, life is not None)

    def _missing_s(self, key: str) -> float:
        """How long it is known that something is not there: what is live will be there any moment."""
        if segment_s := self.windows.segment_s(key):
            return min(NEGATIVE_S, segment_s / 4)
        is_live = kind_of(key) is Kind.SEGMENT and self.windows.content(key) is Content.LIVE
        return LIVE_NEGATIVE_S if is_live else math.inf

    def _keep(self, flight: Flight, answer: UpstreamResponse, made: Made) -> Filled:
        """Store what an answer makes as far as it may be."""
        key, found = flight.key, made.found
        if answer.status == 200 and kind_of(key) is Kind.PLAYLIST:
            self.windows.learn(key, read(found.body))
            self._listed(self.windows.newest(key))
        if not self._land(flight, found.tags):  # what is stored may be newer: leave it alone
            return Filled(found, answer.status, stored=False, via=passed(answer.headers))
        stored = made.storable and self._store.put(found)
        if not stored:
            self._counters.not_stored += 1
            self._store.drop(key)
        elif newest := self.windows.newest(key):
            self._prefetch(newest)
        return Filled(found, answer.status, stored, passed(answer.headers))

    def _listed(self, key: str) -> None:
        """A playlist names this last: that it was not there is no longer true."""
        if (known := self._store.peek(key)) and known.status == 404:
            self._store.drop(key)
        self._holding.listed(key)

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
