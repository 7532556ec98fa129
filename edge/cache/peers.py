"""Fills by way of other nodes: whom `edge.decide.placement` names is asked in turn, the origin among them.

What one node gives another is what it gives a viewer, and besides what viewers do not see: the exact age, the lifetime
as the origin meant it (CDN-Cache-Control, RFC 9213), and the tags by which it can be purged.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from edge.cache.cache import EdgeCache
from edge.cache.counters import CacheCounters
from edge.cache.growing import GrowingBody
from edge.cache.holding import SOON
from edge.cache.purge import tags_of
from edge.cache.purgelog import PurgeLog
from edge.cache.receiving import NOT_HELD, NOT_TAKEN, UpstreamError, UpstreamResponse
from edge.cache.settings import CacheSettings
from edge.cache.upstream import Upstream, is_blocking, names_of_loop
from edge.decide.placement import NOWHERE, Source
from edge.wire.passport import HEADER

Choose = Callable[[str, Sequence[str]], Iterable[Source]]  # path, names of nodes passed → whom to ask
Clock = Callable[[], float]
Stamp = Callable[[str], str]  # name of the node that is asked → the field that shows who asks

_SHUNNED_MAX = 1024


class PeerFills:
    """The owner first, then others, as they are chosen for each path.

    Args:
        upstream: asks servers, the origin above all.
        settings: timeouts.
        choose: whom to ask.
        stamp: makes requests known to other nodes.
    """

    def __init__(self, upstream: Upstream, settings: CacheSettings, choose: Choose, stamp: Stamp) -> None:
        self._upstream = upstream
        self._settings = settings
        self._choose = choose
        self._stamp = stamp
        self._shunned: dict[str, float] = {}  # nodes that could not be connected to: until when
        self._clock: Clock = time.monotonic
        self._counters = CacheCounters()
        self._purges = PurgeLog()
        self._soon_s: Callable[[str], float] = lambda _: 0.0
        self._asked: dict[str, str] = {}  # nodes that are being asked, by target

    def attach(self, cache: EdgeCache, clock: Clock) -> None:
        """Fill `cache`: count in its counters, heed its purges, tell others what it knows to be there soon."""
        self._soon_s = cache.segment_s
        self._counters, self._purges, self._clock = cache.counters, cache.purges, clock

    async def start(self) -> None:
        """Open the connection pool."""
        await self._upstream.start()

    async def close(self) -> None:
        """Close all connections."""
        await self._upstream.close()

    async def fetch(self, target: str, conditions: Mapping[str, str], loop: str = "") -> UpstreamResponse:
        """Ask one after another for `target`; arguments and errors are those of `Upstream.fetch`."""
        failure: UpstreamError | None = None
        for source in self._choose(target.partition("?")[0], names_of_loop(loop)):
            try:
                if source is NOWHERE:
                    raise UpstreamError(NOT_HELD)
                if not source.node:
                    return await self._upstream.fetch(target, conditions, loop)
                if self._shunned.get(source.node, 0.0) <= self._clock():
                    return await self._waited_for(source, target, conditions, loop)
            except UpstreamError as error:
                if not source.node or failure is None:
                    failure = error  # what the origin said tells more than what others said of it
        raise failure or UpstreamError("nobody_to_ask")

    def asked(self, target: str) -> str:
        """The node that is being asked for `target` at this moment."""
        return self._asked.get(target, "")

    async def _waited_for(
        self, source: Source, target: str, conditions: Mapping[str, str], loop: str
    ) -> UpstreamResponse:
        self._asked[target] = source.node
        try:
            return await self._ask(source, target, conditions, loop)
        finally:
            self._asked.pop(target, None)

    async def _ask(
        self, source: Source, target: str, conditions: Mapping[str, str], loop: str
    ) -> UpstreamResponse:
        fields = {**conditions, HEADER: self._stamp(source.node)}
        if source.held_only:
            fields["Cache-Control"] = "only-if-cached"
        if segment_s := self._soon_s(target):
            fields[SOON] = f"{segment_s:g}"
        try:
            limit_s = (
                self._settings.blocking_timeout_s if is_blocking(target) else self._settings.peer_timeout_s
            )
            async with asyncio.timeout(limit_s):
                answer = await self._upstream.fetch_from(source.url, target, fields, loop)
            try:
                age_s = self._usable_age(target, answer)
            except UpstreamError:
                if isinstance(answer.body, GrowingBody):
                    answer.body.drop()
                raise
        except TimeoutError:
            raise self._failed(source, "timeout") from None
        except UpstreamError as error:
            raise self._failed(source, error.reason) from None
        self._counters.peer_fills += 1
        if isinstance(answer.body, GrowingBody) and answer.body.reading:
            answer.body.reading.add_done_callback(self._broke_off)
        if "detail=" in answer.headers.get(
            "Cache-Status", ""
        ):  # it had nothing newer: the origin fails, here too
            self._counters.fill_failed("peer_stale")
        return UpstreamResponse(answer.status, answer.headers, answer.body, age_s)

    def _usable_age(self, target: str, answer: UpstreamResponse) -> float:
        age_s = _age(answer.headers.get(HEADER, ""))
        if self._purges.hits(target, tags_of(answer.headers).kept, self._clock() - age_s):
            raise UpstreamError("purged")
        return age_s

    def _broke_off(self, reading: asyncio.Task[None]) -> None:
        if not reading.cancelled() and isinstance(error := reading.exception(), UpstreamError):
            self._counters.peer_failed(error.reason)

    def _failed(self, source: Source, reason: str) -> UpstreamError:
        if reason in NOT_TAKEN:
            if len(self._shunned) >= _SHUNNED_MAX:
                self._shunned.clear()
            self._shunned[source.node] = self._clock() + self._settings.peer_pause_s
        if not source.held_only:
            self._counters.peer_failed(reason)
        return UpstreamError(reason)


def _age(field: str) -> float:
    """The exact age that another node told.

    Raises:
        UpstreamError: it told none: it did not take this node for one of the cluster, and hides what counts.
    """
    try:
        age_s = float(field)
    except ValueError:
        raise UpstreamError("stranger") from None
    if not 0 <= age_s < math.inf:
        raise UpstreamError("stranger")
    return age_s
