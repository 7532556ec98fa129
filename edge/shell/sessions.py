"""New sessions and running ones: who is let in, who is sent elsewhere, and which rungs they may watch.

A session begins with a multivariant playlist or an MPD, which nginx never answers by itself. Where this node has no
room for one, another node gets it; where none has any, it is refused. A media playlist or a segment is asked for by
somebody who was let in somewhere: want of room never costs him anything.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web
from msgspec.structs import replace

from edge.cache.lifetime import Kind, kind_of
from edge.cache.multivariant import Ladders, below, filtered, is_multivariant, rungs
from edge.cache.objects import CacheResponse
from edge.cache.respond import CORS, plain
from edge.cache.window import Content
from edge.config import AdmissionConfig
from edge.decide.admission import (
    Priority,
    Session,
    admits,
    elsewhere,
    limit_of,
    retry_after_s,
    room_of,
    with_room,
)
from edge.decide.routing import RouteAnswer, RouteQuery, Router
from edge.shell.gate import Gate
from edge.shell.quality import Where
from edge.shell.routes import query_moved
from edge.state.traffic import Traffic
from edge.state.view import ClusterView

REFUSALS = {
    "full": "no node has room for one more; please come back later",
    "capped": "this rung is not served at the moment; a lower one is",
}
PLAYLISTS = (".m3u8", ".mpd")  # all else begins no session and is no rung
_PRIORITIES = {Content.LIVE: Priority.LIVE, Content.DVR: Priority.DVR, Content.VOD: Priority.VOD}
_OF_NOW = {"Cache-Control": "no-store"}
_OF_THE_OTHER = frozenset(
    {"etag", "last-modified", "accept-ranges", "cache-control"}
)  # of the whole playlist
HLS = "application/vnd.apple.mpegurl"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionParts:
    """What of the node admission works with."""

    gate: Gate
    traffic: Traffic
    router: Router
    content: Callable[[str], Content]  # what a raw path is
    viewer_of: Callable[[web.BaseRequest], str]
    place_of: Callable[[web.BaseRequest], Where]
    cap_kbps: Callable[[Where], int | None] = lambda _: None  # for viewers of a place, besides monsoon mode's


class Sessions:
    """Admission and the cap of one node.

    Args:
        parts: the node's.
        config: bounds.
        rng: spreads those who are refused over time.
    """

    def __init__(self, parts: SessionParts, config: AdmissionConfig, rng: random.Random) -> None:
        self._parts = parts
        self._config = config
        self._rng = rng
        # Among nodes with room, by whether this one is among them, and load up to which they have some.
        self._roomy: dict[tuple[bool, float], Router] = {}
        self.ladders = Ladders()
        self.refused = dict.fromkeys(REFUSALS, 0)
        self.sent_on = 0  # new sessions that began elsewhere, for want of room here
        self.filtered = 0  # multivariant playlists with rungs left out

    def refusal(self, request: web.BaseRequest, path: str) -> web.Response | None:
        """The answer to one who asks for the media playlist of a rung that is capped; None where he may have it."""
        if not (step := self.ladders.step(path)) or step.lowest:
            return None
        cap_kbps = self.cap(request)
        if cap_kbps is None or step.kbps <= cap_kbps:
            return None
        self.refused["capped"] += 1
        headers = {**CORS, **_OF_NOW, "X-Accel-Expires": "0"}  # nginx is not to keep it
        return web.Response(status=404, text=f"{REFUSALS['capped']}\n", headers=headers)

    def shaped(self, request: web.BaseRequest, path: str, found: CacheResponse) -> CacheResponse:
        """What a viewer gets instead of an answer that begins a session; the answer itself where it begins none.

        A player may have the playlist from an earlier session: then a 304 begins one.
        """
        body = found.body if found.status == 200 else self.ladders.body(path) if found.status == 304 else b""
        if is_multivariant(body):
            self.ladders.learn(path, body)
            return self._unadmitted(request, path) or self._capped(request, found, body)
        if path.endswith(".mpd") and found.status in (200, 304):
            return self._unadmitted(request, path) or found
        return found

    def cap(self, request: web.BaseRequest) -> int | None:
        """The greatest bitrate for whoever asks, kilobits a second; None: any."""
        parts = self._parts
        of_place, of_level = parts.cap_kbps(parts.place_of(request)), parts.gate.measures.cap_kbps
        if of_place is None or of_level is None:
            return of_level if of_place is None else of_place
        return min(of_place, of_level)

    def settled(self, asked: RouteQuery, chosen: RouteAnswer) -> RouteAnswer | CacheResponse:
        """Where a session is to begin for which routing has chosen a node, or its refusal where none has room for it.

        Who says where he has been until now begins none.
        """
        if not (self._config.enabled and asked.new) or asked.previous:
            return chosen
        table = self._parts.router.table(time.monotonic())
        node = table.view.node(chosen.node)
        limit = limit_of(self._priority(asked.path), self._config.safe_load)
        if node is None or room_of(node, table.counts.get(chosen.node, 0), limit):
            return chosen
        return self._with_room(asked, limit, here=True) or self.full()

    def full(self) -> CacheResponse:
        """The answer to a new session for which no node has room."""
        self.refused["full"] += 1
        headers = {
            "Access-Control-Expose-Headers": f"{CORS['Access-Control-Expose-Headers']}, Retry-After",
            "Retry-After": str(retry_after_s(self._config.retry_after_s, self._rng)),
            **_OF_NOW,
        }
        return plain(503, f"{REFUSALS['full']}\n", headers)

    def _unadmitted(self, request: web.BaseRequest, path: str) -> CacheResponse | None:
        """The way elsewhere, or a refusal; None for one who is let in, who counts as a viewer from now on."""
        parts, now = self._parts, time.monotonic()
        if not self._config.enabled or request.method != "GET":
            return None
        viewer, priority, level = parts.viewer_of(request), self._priority(path), parts.gate.measures.level
        session = Session(known=parts.traffic.knows(viewer, now), priority=priority)
        limit = limit_of(priority, self._config.safe_load, level)
        if admits(session, parts.traffic.watching(now), parts.gate.capacity, limit):
            parts.traffic.admit(viewer, now)
            return None
        return self._elsewhere(request, path, limit) or self.full()

    def _elsewhere(self, request: web.BaseRequest, path: str, limit: float) -> CacheResponse | None:
        """The way to a node that has room, but for one who was sent on already."""
        parts, query = self._parts, query_moved(request.rel_url.raw_query_string)
        if query is None:
            return None
        asked = RouteQuery(path, parts.place_of(request).zone, viewer=parts.viewer_of(request))
        if (chosen := self._with_room(asked, limit, here=False)) is None:
            return None
        self.sent_on += 1
        headers = {
            "Location": f"{chosen.url}{path}?{query}",
            "Edge-Route": f"{chosen.node}; this node is full; {chosen.reason}",
            **_OF_NOW,
        }
        return plain(302, "", headers)

    def _with_room(self, asked: RouteQuery, limit: float, *, here: bool) -> RouteAnswer | None:
        """A node with room for a new session as far as it is known here; `here`: this one may be it."""
        router, among = self._parts.router, with_room if here else elsewhere

        def part(view: ClusterView) -> ClusterView:
            return among(view, router.table(time.monotonic()).counts, limit)

        found = self._roomy.get((here, limit))
        if found is None:  # one for each priority and level
            found = self._roomy[here, limit] = router.within(part)
        return found.route(asked, time.monotonic())

    def _capped(self, request: web.BaseRequest, found: CacheResponse, body: bytes) -> CacheResponse:
        """The multivariant playlist without the rungs above the cap, if there is one and it has such."""
        cap_kbps = self.cap(request)
        if cap_kbps is None or "Content-Encoding" in found.headers:
            return found
        text = body.decode(errors="surrogateescape")
        less = filtered(text, below(rungs(text), cap_kbps))
        if less == text:
            return found
        self.filtered += 1
        headers = {name: value for name, value in found.headers.items() if name.lower() not in _OF_THE_OTHER}
        headers = {"Content-Type": HLS} | headers | {"Cache-Control": "no-store"}
        return replace(found, status=200, headers=headers, body=less.encode(errors="surrogateescape"))

    def _priority(self, path: str) -> Priority:
        """By the rungs of a multivariant playlist, as far as they are known."""
        rung = self.ladders.first(path) if kind_of(path) is Kind.PLAYLIST else ""
        return _PRIORITIES[self._parts.content(rung or path)]
