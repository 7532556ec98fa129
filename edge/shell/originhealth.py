"""How the origin does, judged by the fills of the last seconds."""

from collections import deque
from typing import NamedTuple

from edge.cache.cache import EdgeCache
from edge.cache.receiving import is_amiss

WINDOW_S = 6.0
FILLS_MIN = 2  # one that is late is no failing origin
_LOOKS_MAX = 64
_PEER_STALE = "peer_stale"  # another node met a failing origin


class _Look(NamedTuple):
    at: float
    ended: int  # fills since the start
    failed: int  # of them, by the origin's fault


class OriginHealth:
    """Share of recent fills that failed.

    Args:
        cache: counts its fills.
    """

    def __init__(self, cache: EdgeCache) -> None:
        self._cache = cache
        self._looks: deque[_Look] = deque(maxlen=_LOOKS_MAX)

    def failing(self, now: float) -> float:
        """0–1, over the last `WINDOW_S`; 0 where there were hardly any fills."""
        counters = self._cache.counters
        failed = sum(
            count
            for reason, count in counters.fill_errors.items()
            if is_amiss(reason) or reason == _PEER_STALE
        )
        look = _Look(now, counters.fills - self._cache.fills_in_flight, failed)
        while len(self._looks) > 1 and self._looks[1].at <= now - WINDOW_S:
            self._looks.popleft()
        self._looks.append(look)
        ended = look.ended - self._looks[0].ended
        if ended < FILLS_MIN:
            return 0.0
        return min(1.0, (look.failed - self._looks[0].failed) / ended)
