"""Which purges an answer of another node may have missed: that node may hear of a purge later than this one.

What was made before a purge that hits it counts as purged, whoever holds it. Without this a node that has purged could
take the old object from one that has not, and keep it.
"""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from edge.cache.purge import Purge, hits

LOG_MAX = 4096
_DOUBT_S = 60.0  # what the clocks of two nodes may differ


class _Entry(NamedTuple):
    done_at: float
    reaches: float  # what was made before is hit
    purge: Purge


class PurgeLog:
    """The purges that this node has done, the last `LOG_MAX`. Times are of the cache's clock."""

    def __init__(self) -> None:
        self._entries: deque[_Entry] = deque()
        self._unlogged = float("-inf")  # when the latest was done that had to leave

    def note(self, purge: Purge, now: float, issued_s: float = 0.0) -> None:
        """A purge was done now.

        Args:
            purge: what was purged.
            now: the time.
            issued_s: how long ago it was asked for, as clocks tell. What is told again to a node that was away, or has
                started, does not hit what was made long after it.
        """
        if len(self._entries) >= LOG_MAX:
            self._unlogged = self._entries.popleft().done_at
        self._entries.append(_Entry(now, min(now, now - issued_s + _DOUBT_S), purge))

    def hits(self, key: str, tags: Iterable[str], made_at: float) -> bool:
        """Whether an object that was made then has to count as purged."""
        if made_at <= self._unlogged:
            return True
        kept = tuple(tags)
        for entry in reversed(self._entries):
            if entry.done_at < made_at:
                return False
            if made_at <= entry.reaches and hits(entry.purge, key, kept):
                return True
        return False
