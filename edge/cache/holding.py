"""Segments that are not there yet, but will be soon: the request stays open until they are, for a short while.

The origin is asked again a few times meanwhile, and at once when a playlist names the segment. Who asks another node
tells it so, for that one need not have the playlist: the owner waits, for all, and refuses for a moment only.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from edge.cache.counters import CacheCounters
from edge.cache.receiving import UpstreamResponse
from edge.cache.settings import CacheSettings

# Field of requests between nodes: the duration of a segment, seconds, where what is asked for will be there soon.
SOON = "Edge-Soon"
_TRIES = 4  # after the first answer
_SEGMENT_MAX_S = 60.0


def soon_s(headers: Mapping[str, str]) -> float:
    """The duration of a segment, where another node says that what it asks for will be there soon; else 0."""
    field = headers.get(SOON, "")
    try:
        found = float(field) if field else 0.0
    except ValueError:
        return 0.0
    return found if 0 < found <= _SEGMENT_MAX_S else 0.0


class Holding:
    """What is waited for.

    Args:
        settings: how long, and how many.
        counters: what happened.
    """

    def __init__(self, settings: CacheSettings, counters: CacheCounters) -> None:
        self._settings = settings
        self._counters = counters
        self._held: dict[str, asyncio.Event] = {}

    def listed(self, key: str) -> None:
        """A playlist names it: it is there."""
        if key in self._held:
            self._held[key].set()

    async def wait(
        self, key: str, segment_s: float, ask: Callable[[], Awaitable[UpstreamResponse]]
    ) -> UpstreamResponse:
        """The answer of `ask`; where that is a 404, of the last of a few more tries within half a segment.

        Args:
            key: what is asked for.
            segment_s: the duration of a segment, seconds; 0: it is not waited for.
            ask: asks the origin.

        Raises:
            UpstreamError: as `ask`.
        """
        patience_s = min(segment_s / 2, self._settings.hold_max_s, self._settings.fill_timeout_s / 2)
        loop = asyncio.get_running_loop()
        until = loop.time() + patience_s  # an owner that has waited before its answer has used it up
        answer = await ask()
        left_s = until - loop.time()
        if answer.status != 404 or left_s <= 0 or patience_s <= 0:
            return answer
        if key in self._held or len(self._held) >= self._settings.holds_max:
            return answer
        self._counters.held += 1
        listed = self._held[key] = asyncio.Event()
        try:
            for _ in range(_TRIES):
                with suppress(TimeoutError):
                    async with asyncio.timeout(left_s / _TRIES):
                        await listed.wait()
                listed.clear()
                answer = await ask()
                if answer.status != 404:
                    return answer
        finally:
            del self._held[key]
        self._counters.held_in_vain += 1
        return answer
