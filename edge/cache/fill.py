"""Single-flight fills: one request to the origin for all who wait, and none at all right after one has failed.

A fill is a task of its own with a time limit. A viewer who goes away stops waiting; the fill goes on for the others.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import NamedTuple

from edge.cache.counters import CacheCounters
from edge.cache.lifetime import age_of, lifetime, says_lifetime, viewer_control
from edge.cache.objects import CachedObject, Lifetime
from edge.cache.respond import CORS
from edge.cache.settings import CacheSettings
from edge.cache.store import Store
from edge.cache.upstream import Upstream, UpstreamError, UpstreamResponse

_FAILURES_MAX = 4096
_OVERHEAD_BYTES = 1024  # what an object costs beside its key and body
_USE_ONCE = Lifetime(0.0)
_KEPT = (
    *("Cache-Control", "CMSD-Static", "Content-Encoding", "Content-Language", "Content-Type"),
    *("Date", "ETag", "Expires", "Last-Modified", "Location"),
)


class Filled(NamedTuple):
    """A fill that brought something."""

    found: CachedObject
    origin_status: int
    stored: bool


class FillFailure(NamedTuple):
    """A fill that brought nothing: what a viewer is told, and why. All who wait for one fill share it."""

    status: int
    reason: str


Outcome = Filled | FillFailure


class Filler:
    """Brings objects from the origin into the store.

    Args:
        settings: bounds and lifetimes.
        upstream: the origin.
        store: where objects go.
        counters: what happened.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        settings: CacheSettings,
        upstream: Upstream,
        store: Store[CachedObject],
        counters: CacheCounters,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._upstream = upstream
        self._store = store
        self._counters = counters
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[Outcome]] = {}
        self._failures: OrderedDict[str, tuple[float, FillFailure]] = OrderedDict()
        self._closed = False

    @property
    def recent_failure(self) -> bool:
        """Whether a fill failed within the last `failure_memory_s`."""
        return bool(self._failures) and next(reversed(self._failures.values()))[0] > self._clock()

    def in_flight(self, key: str) -> bool:
        """Whether a fill of `key` is under way."""
        return key in self._tasks

    def begin(
        self, key: str, stale: CachedObject | None, loop: str = ""
    ) -> asyncio.Task[Outcome] | FillFailure:
        """The fill of `key` that is under way, or a new one; a failure where none may be begun.

        Args:
            key: what to ask the origin for.
            stale: what is stored; a validator of it makes the request conditional.
            loop: the CDN-Loop field of the request that needs it.
        """
        if task := self._tasks.get(key):
            return task
        known = self._failures.get(key)
        if known and known[0] > self._clock():
            return known[1]
        if self._closed or len(self._tasks) >= self._settings.fills_max:
            reason = "closing" if self._closed else "too_many_fills"
            self._counters.fill_failed(reason)
            return FillFailure(503, reason)
        task = self._tasks[key] = asyncio.create_task(self._fetch(key, stale, loop))
        task.add_done_callback(lambda done: self._ended(key, done))
        return task

    async def fill(self, key: str, stale: CachedObject | None, loop: str = "") -> Outcome:
        """Wait for the one fill of `key`, at most `fill_timeout_s`."""
        task = self.begin(key, stale, loop)
        if isinstance(task, FillFailure):
            return task
        await asyncio.wait((task,))  # leaves the task alone when the one who waits is cancelled
        return FillFailure(503, "closing") if task.cancelled() else task.result()

    async def close(self) -> None:
        """Cancel all fills; who waits gets a 503."""
        self._closed = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, key: str, task: asyncio.Task[Outcome]) -> None:
        del self._tasks[key]
        if task.cancelled() or task.exception():
            return
        outcome = task.result()
        if isinstance(outcome, FillFailure):
            self._failures[key] = (self._clock() + self._settings.failure_memory_s, outcome)
            self._failures.move_to_end(key)
            if len(self._failures) > _FAILURES_MAX:
                self._failures.popitem(last=False)

    async def _fetch(self, key: str, stale: CachedObject | None, loop: str) -> Outcome:
        self._counters.fills += 1
        conditions = _conditions(stale)
        try:
            async with asyncio.timeout(self._settings.fill_timeout_s):
                answer = await self._upstream.fetch(key, conditions, loop)
        except UpstreamError as error:
            return self._failed(error.reason)
        except TimeoutError:
            return self._failed("timeout")
        self._counters.filled_bytes += len(answer.body)
        if answer.status != 304:
            return self._keep(key, answer, None)
        if stale is None or not conditions:
            return self._failed("not_asked_for")
        self._counters.revalidated += 1
        return self._keep(key, answer, stale)

    def _failed(self, reason: str) -> FillFailure:
        self._counters.fill_failed(reason)
        return FillFailure(504 if reason == "timeout" else 502, reason)

    def _keep(self, key: str, answer: UpstreamResponse, before: CachedObject | None) -> Filled:
        """Store the origin's answer as far as it may be; a 304 renews what was there `before` (RFC 9111 §4.3.4)."""
        status, body = (before.status, before.body) if before else (answer.status, answer.body)
        if before and not says_lifetime(answer.headers):
            life: Lifetime | None = before.lifetime
        else:
            life = lifetime(key, status, answer.headers, body, self._settings)
        headers = _viewer_headers(key, answer.headers, before, life)
        made = CachedObject(
            key=key,
            status=status,
            headers=headers,
            body=body,
            etag=headers.get("ETag", ""),
            last_modified=headers.get("Last-Modified", ""),
            stored_at=self._clock(),
            initial_age_s=age_of(answer.headers),
            lifetime=life or _USE_ONCE,
        )
        stored = life is not None and self._store.put(key, made, len(key) + len(body) + _OVERHEAD_BYTES)
        if not stored:
            self._counters.not_stored += 1
            self._store.drop(key)
        return Filled(made, answer.status, stored)


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
