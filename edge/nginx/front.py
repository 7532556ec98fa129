"""Between aiohttp and the node's cache where nginx asks: answers that nginx may store, and those it may not."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from edge.cache.cache import EdgeCache
from edge.cache.lifetime import Kind, kind_of
from edge.cache.objects import CachedObject, CacheRequest, CacheResponse
from edge.cache.web import Shape, as_it_is, payload, sendable, viewer_of
from edge.nginx.answers import Moment, fields_against, fields_for, why_not
from edge.nginx.copies import Copy
from edge.nginx.head import Fill
from edge.nginx.landing import Landing, NginxFiles
from edge.nginx.names import ASKED, VIEWER, file_name
from edge.nginx.pace import Pace
from edge.nginx.warming import Warmer

_KIBI = 1024


@dataclass(slots=True)
class FrontCounters:
    """Answers given to nginx since the start."""

    stored: int = 0  # that nginx may store
    passed: dict[str, int] = field(default_factory=dict)  # that it may not, by reason


class Front:
    """Answers nginx.

    Args:
        cache: fills.
        held: what nginx holds, and what is on its way there.
        warmer: has nginx fetch what is about to be asked for.
        pace: how much nginx may be given to store.
        clock: the cache's.
    """

    def __init__(
        self,
        cache: EdgeCache,
        held: NginxFiles,
        warmer: Warmer,
        pace: Pace,
        clock: Callable[[], float],
    ) -> None:
        self._cache = cache
        self._copies = held.copies
        self._landings = held.landings
        self._session = held.session
        self._clock = clock
        self._warm = warmer.warm
        self._nobody = warmer.agent  # asks for what viewers are about to ask for
        self._pace = pace
        self.shape: Shape = as_it_is  # makes of a playlist what its viewer is to get
        self.counters = FrontCounters()

    @staticmethod
    def viewer_of(request: web.BaseRequest) -> str:
        """Who asked nginx."""
        return viewer_of(request, request.headers.get(VIEWER))

    @staticmethod
    def stores(request: web.BaseRequest) -> bool:
        """Whether nginx wants to store the answer, and counts the request by its log; others it only passes on."""
        return ASKED in request.headers

    async def answer(
        self, request: web.BaseRequest, path: str, mark: Callable[[web.Response], None]
    ) -> web.StreamResponse:
        """Answer, and stay until all of it is sent: a purge that comes meanwhile hits what nginx makes of it.

        Args:
            request: nginx's.
            path: raw.
            mark: adds what is of this moment only, where nginx does not keep the answer for long.
        """
        serial, began = self._landings.begin(), self._clock()
        asked = CacheRequest(
            request.method, path, request.rel_url.raw_query_string, request.headers, front=True
        )
        found = await self.shape(request, path, await sendable(request, await self._cache.handle(asked)))
        if found.made_of and (newest := self._cache.newest(found.made_of.key)):
            await self._warm(newest)
        landing, headers = self._told(found, request, serial, began)
        response = web.Response(status=found.status, body=payload(found.body), headers=headers)
        if landing is None or kind_of(path) is Kind.PLAYLIST:
            mark(response)
        try:
            await response.prepare(request)
            await response.write_eof()
        except (
            ConnectionError
        ):  # nginx has gone, or the body broke off: nginx stores nothing of half an answer
            if request.transport:
                request.transport.abort()
        finally:
            if landing:
                self._sent(landing, found)
        return response

    def _told(
        self, found: CacheResponse, request: web.BaseRequest, serial: int, began: float
    ) -> tuple[Landing | None, dict[str, str]]:
        now, made = self._clock(), found.made_of
        reason = why_not(found, request.headers.get(ASKED, ""), now)
        if made and not reason and self._cache.purges.hits(made.key, made.tags, began):
            reason = "purged"
        if made and not reason:
            urgent = kind_of(made.key) is Kind.PLAYLIST or request.headers.get("User-Agent") == self._nobody
            reason = self._pace.why_not(_size(made), self._copies.size_bytes, urgent=urgent)
        if made is None or reason:
            self.counters.passed[reason] = self.counters.passed.get(reason, 0) + 1
            return None, fields_against(found.headers)
        self.counters.stored += 1
        wall = time.time()
        fill = Fill(self._session, serial, wall - made.age_s(now))
        landing = Landing(made.key, file_name(made.key), made.tags, serial, fill.made, _size(made))
        self._landings.expect(landing, now)
        self._copies.put(made.key, _copy(landing, fill), _size(made))
        return landing, fields_for(found, made, fill, Moment(now, wall))

    def _sent(self, landing: Landing, found: CacheResponse) -> None:
        self._landings.sent(landing, self._clock())
        if found.made_of and (more := _size(found.made_of) - landing.size_bytes) > 0:
            self._pace.give(more, self._copies.size_bytes)  # of a body whose size nobody had told


def _copy(landing: Landing, fill: Fill) -> Copy:
    return Copy(landing.name, landing.tags, fill.serial, fill.made)


def _size(made: CachedObject) -> int:
    return len(made.body) + _KIBI  # and about what stands before it
