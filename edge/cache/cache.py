"""`EdgeCache`: answers from the store, fills from the origin once for all who wait, keeps serving when it is down."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote

from edge.cache.lifetime import lifetime
from edge.cache.objects import CachedObject, CacheRequest, CacheResponse, Lifetime
from edge.cache.respond import CORS, PREFLIGHT, plain, respond
from edge.cache.settings import CacheSettings
from edge.cache.store import Store
from edge.cache.upstream import Upstream, UpstreamError, UpstreamResponse

PATH_MAX = 2048
_FAILURES_MAX = 4096
_OVERHEAD_BYTES = 1024  # what an object costs beside its body
_DELIVERY = (
    "_HLS_msn=",
    "_HLS_part=",
    "_HLS_skip=",
)  # directives that change a playlist (RFC 8216bis §6.2.5)
_USE_ONCE = Lifetime(0.0)
_KEPT = ("Cache-Control", "Content-Type", "ETag", "Expires", "Last-Modified", "Content-Encoding", "Date")


@dataclass(slots=True)
class CacheCounters:
    """Totals since the start."""

    requests: int = 0
    hits: int = 0
    misses: int = 0
    collapsed: int = 0  # requests that waited for a fill that another one began
    revalidated: int = 0  # fills that the origin answered with 304
    stale_served: int = 0
    not_stored: int = 0
    refused: int = 0  # bad requests
    fills: int = 0
    filled_bytes: int = 0
    fill_errors: dict[str, int] = field(default_factory=dict)  # by reason, a fixed few


class FillFailure(NamedTuple):
    """No answer could be had: what a viewer is told, and why. All who wait for one fill share it."""

    status: int
    reason: str


class EdgeCache:
    """The cache of one node.

    Args:
        node_name: names this cache in Cache-Status.
        settings: bounds and lifetimes.
        upstream: where fills come from.
        clock: seconds, monotonic.
    """

    def __init__(
        self, node_name: str, settings: CacheSettings, upstream: Upstream, clock: Callable[[], float]
    ) -> None:
        self._name = node_name
        self._settings = settings
        self._upstream = upstream
        self._clock = clock
        self._store: Store[CachedObject] = Store(settings.memory_bytes, settings.objects_max)
        self._fills: dict[str, asyncio.Task[CachedObject | FillFailure]] = {}
        self._failures: OrderedDict[str, tuple[float, FillFailure]] = OrderedDict()
        self._hit = f'"{node_name}"; hit; ttl='
        self.counters = CacheCounters()

    @property
    def stored_bytes(self) -> int:
        """Bytes of all stored objects."""
        return self._store.size_bytes

    @property
    def stored_objects(self) -> int:
        """How many objects are stored."""
        return len(self._store)

    @property
    def recent_failure(self) -> bool:
        """Whether a fill failed within the last `failure_memory_s`."""
        return bool(self._failures) and next(reversed(self._failures.values()))[0] > self._clock()

    async def start(self) -> None:
        """Open the way to the origin."""
        await self._upstream.start()

    async def close(self) -> None:
        """Cancel fills, close connections."""
        for task in list(self._fills.values()):
            task.cancel()
        await asyncio.gather(*self._fills.values(), return_exceptions=True)
        await self._upstream.close()

    def lookup(self, request: CacheRequest) -> CacheResponse | None:
        """The answer to a GET or HEAD whose object is here and fresh; the fast way."""
        now = self._clock()
        stored = self._store.get(cache_key(request))
        if stored is None or (ttl := stored.ttl_s(now)) <= 0:
            return None
        self.counters.hits += 1
        return respond(request, stored, f"{self._hit}{ttl:.0f}", now)

    async def handle(self, request: CacheRequest) -> CacheResponse:
        """Answer one request."""
        self.counters.requests += 1
        if refusal := self._refusal(request):
            return refusal
        if hit := self.lookup(request):
            return hit
        key = cache_key(request)
        stored = self._store.get(key)
        now = self._clock()
        if stored and -stored.ttl_s(now) < stored.lifetime.stale_while_revalidate_s:
            self._fill(key, stored)
            return self._stale(request, stored, now)
        forward = "stale" if stored else "uri-miss"
        collapsed = key in self._fills
        self.counters.collapsed += collapsed
        self.counters.misses += not collapsed
        filled = await self._wait(key, stored)
        if isinstance(filled, FillFailure):
            return self._without_origin(request, key, filled)
        note = f'"{self._name}"; fwd={forward}; fwd-status={filled.status}'
        note += "; collapsed" if collapsed else "; stored" if filled.lifetime.fresh_s else ""
        return respond(request, filled, note, self._clock())

    def _refusal(self, request: CacheRequest) -> CacheResponse | None:
        """OPTIONS, and what is not to be answered at all."""
        if request.method == "OPTIONS":
            return plain(204, "", PREFLIGHT)
        self.counters.refused += 1
        if request.method not in ("GET", "HEAD"):
            return plain(405, "GET, HEAD or OPTIONS\n", {"Allow": "GET, HEAD, OPTIONS"})
        if len(request.path) > PATH_MAX:
            return plain(414, f"paths have at most {PATH_MAX} bytes\n")
        if not is_safe(request.path):
            return plain(400, "the path has empty, dot or control parts\n")
        if self._name in [each.strip() for each in request.headers.get("CDN-Loop", "").split(",")]:
            return plain(508, "this request has been here before (CDN-Loop)\n")
        self.counters.refused -= 1
        return None

    async def _wait(self, key: str, stored: CachedObject | None) -> CachedObject | FillFailure:
        """The outcome of the one fill of `key`. A viewer who goes away does not cancel it for the others."""
        known = self._failures.get(key)
        if known and known[0] > self._clock():
            return known[1]
        if key not in self._fills and len(self._fills) >= self._settings.fills_max:
            return FillFailure(503, "too many fills")
        return await asyncio.shield(self._fill(key, stored))

    def _fill(self, key: str, stored: CachedObject | None) -> asyncio.Task[CachedObject | FillFailure]:
        task = self._fills.get(key)
        if task is None:
            task = self._fills[key] = asyncio.create_task(self._fetch(key, stored))
            task.add_done_callback(lambda done: self._filled(key, done))
        return task

    def _filled(self, key: str, task: asyncio.Task[CachedObject | FillFailure]) -> None:
        del self._fills[key]
        if not task.cancelled() and isinstance(outcome := task.result(), FillFailure):
            self._failures[key] = (self._clock() + self._settings.failure_memory_s, outcome)
            self._failures.move_to_end(key)
            if len(self._failures) > _FAILURES_MAX:
                self._failures.popitem(last=False)

    async def _fetch(self, key: str, stored: CachedObject | None) -> CachedObject | FillFailure:
        counters = self.counters
        counters.fills += 1
        conditions = {"If-None-Match": stored.etag} if stored and stored.etag and stored.status == 200 else {}
        try:
            async with asyncio.timeout(self._settings.fill_timeout_s):
                answer = await self._upstream.fetch(key, conditions)
        except UpstreamError as error:
            return self._failed(error.reason)
        except TimeoutError:
            return self._failed("timeout")
        counters.filled_bytes += len(answer.body)
        if answer.status == 304 and stored:
            counters.revalidated += 1
            answer = UpstreamResponse(stored.status, answer.headers, stored.body)
            return self._keep(key, answer, stored)
        return self._keep(key, answer, None)

    def _failed(self, reason: str) -> FillFailure:
        errors = self.counters.fill_errors
        errors[reason] = errors.get(reason, 0) + 1
        return FillFailure(504 if reason == "timeout" else 502, reason)

    def _keep(self, key: str, answer: UpstreamResponse, before: CachedObject | None) -> CachedObject:
        """Store the origin's answer as far as it may be stored."""
        headers = {**CORS, "Accept-Ranges": "bytes"}
        for name in _KEPT:
            if value := answer.headers.get(name) or (before.headers.get(name) if before else None):
                headers[name] = value
        life = lifetime(key, answer.status, answer.headers, answer.body, self._settings)
        age = answer.headers.get("Age", "")
        if life is None:
            self.counters.not_stored += 1
            self._store.drop(key)
        made = CachedObject(
            key=key,
            status=answer.status,
            headers=headers,
            body=answer.body,
            etag=headers.get("ETag", ""),
            last_modified=headers.get("Last-Modified", ""),
            stored_at=self._clock(),
            initial_age_s=float(age) if age.isdigit() else 0.0,
            lifetime=life or _USE_ONCE,
        )
        if life is not None and not self._store.put(key, made, len(made.body) + _OVERHEAD_BYTES):
            self.counters.not_stored += 1
        return made

    def _without_origin(self, request: CacheRequest, key: str, failure: FillFailure) -> CacheResponse:
        """The origin gave nothing: what is here may still do."""
        now = self._clock()
        stored = self._store.get(key)
        if stored and -stored.ttl_s(now) < stored.lifetime.stale_if_error_s:
            return self._stale(request, stored, now)
        headers = {"Retry-After": "1", "Cache-Control": "no-store"}
        headers["Cache-Status"] = (
            f'"{self._name}"; fwd={"stale" if stored else "uri-miss"}; detail={failure.reason}'
        )
        return plain(failure.status, f"the origin gave no answer ({failure.reason})\n", headers)

    def _stale(self, request: CacheRequest, stored: CachedObject, now: float) -> CacheResponse:
        self.counters.stale_served += 1
        return respond(request, stored, f"{self._hit}{stored.ttl_s(now):.0f}", now)


def cache_key(request: CacheRequest) -> str:
    """Path and delivery directives. All else in a query is the viewer's own affair (CMCD) and no part of the object."""
    if "_HLS_" not in request.query:
        return request.path
    kept = sorted(pair for pair in request.query.split("&") if pair.startswith(_DELIVERY))
    return f"{request.path}?{'&'.join(kept)}" if kept else request.path


def is_safe(path: str) -> bool:
    """Whether a raw path names one object and nothing above it: no empty, dot or control parts, however written."""
    if not path.startswith("/"):
        return False
    plain_path = unquote(path)
    if any(ord(character) < 0x20 or character == "\\" for character in plain_path) or "\x7f" in plain_path:
        return False
    return all(part not in ("", ".", "..") for part in plain_path[1:].split("/"))
