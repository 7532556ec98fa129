"""Admission: whom the public port turns away while service is degraded, and what it tells players meanwhile."""

import random
from collections.abc import Callable

from aiohttp import web

from edge.cache.cache import EdgeCache
from edge.cache.lifetime import Kind, kind_of
from edge.cache.respond import CORS
from edge.cache.window import Content
from edge.decide.admission import retry_after_s
from edge.decide.measures import REFUSALS, Asked, Measures, refusal
from edge.state.traffic import Traffic


class Gate:
    """Acts on the measures of the moment.

    Args:
        name: this node's.
        capacity: viewers it is made for.
        cache: knows what is here, and what is live.
        traffic: knows who is watching.
        rng: spreads those who are refused over time.
    """

    def __init__(
        self,
        name: str,
        capacity: int,
        cache: EdgeCache,
        traffic: Traffic,
        rng: random.Random | None = None,
    ) -> None:
        self._name = name
        self.capacity = capacity  # what it can carry as it is at the moment (`edge.decide.safeload`)
        self.quality_kbps: int | None = None  # cap of the own zone, for want of throughput
        self.is_known: Callable[[str], bool] = lambda _: (
            False
        )  # whether a path is a multivariant playlist, where others decide, or was named by one
        self._rng = rng or random.Random()
        self._cache = cache
        self._traffic = traffic
        self.measures = Measures()
        self.refused = dict.fromkeys(REFUSALS, 0)

    def refusal(self, request: web.BaseRequest, path: str, viewer: str, now: float) -> web.Response | None:
        """The answer to one who is turned away; None where all may come in."""
        measures = self.measures
        if measures.admits_all or request.method not in ("GET", "HEAD"):
            return None
        asked = Asked(
            playlist=kind_of(path) is Kind.PLAYLIST,
            let_in=self.is_known(path),
            live=self._cache.content(path) is Content.LIVE,
            cached=self._cache.holds(path),
            known=self._traffic.knows(viewer, now),
            load=self._traffic.watching(now) / self.capacity if self.capacity else 0.0,
        )
        if not (reason := refusal(measures, asked)):
            return None
        self.refused[reason] += 1
        headers = {
            **CORS,
            "Retry-After": str(retry_after_s(measures.retry_after_s, self._rng)),
            "Cache-Control": "no-store",
            "Cache-Status": f'"{self._name}"; detail=degraded_{reason}',
        }
        return web.Response(status=503, text=f"{REFUSALS[reason]}\n", headers=headers)

    def mark(self, response: web.StreamResponse) -> None:
        """Ask the player to stay below the cap (CTA-5006: `mb`, the greatest suggested bitrate, kb/s)."""
        level, zone = self.measures.cap_kbps, self.quality_kbps
        if level is None and zone is None:
            return
        cap_kbps = min(one for one in (level, zone) if one is not None)
        response.headers["CMSD-Dynamic"] = f'"{self._name}";mb={cap_kbps}'
