"""Viewers that this node sent to others in the last seconds, as far as it takes to tell whether they show up there.

Only distinct viewers count: a player may ask for its way again and again. What is kept of one is a checksum, for some
seconds, and of a crowd only some each second are kept: enough to see that nobody of it arrived.
"""

from collections import deque
from zlib import crc32

KEPT_S = 9  # less than the time that a viewer counts after his last request (`VIEWER_TTL_S`)
SHOWN_S = 2.0  # by then who was sent has come, and the load that shows it has been told
EACH_SECOND = 32  # viewers kept of each node


class Dispatched:
    """By node and second; bounded by the nodes, `KEPT_S` and `EACH_SECOND`."""

    def __init__(self) -> None:
        self._sent: dict[str, deque[tuple[int, dict[int, None]]]] = {}

    def add(self, node: str, viewer: str, now: float) -> None:
        """A viewer was sent to `node`; one who says nothing of himself is not told apart, and does not count."""
        if not viewer:
            return
        second = int(now)
        sent = self._sent.get(node)
        if sent is None:
            sent = self._sent[node] = deque(maxlen=KEPT_S + 1)
        if not sent or sent[-1][0] != second:
            sent.append((second, {}))
        viewers = sent[-1][1]
        if len(viewers) < EACH_SECOND:
            viewers[crc32(viewer.encode())] = None

    def nodes(self, now: float) -> list[str]:
        """To whom viewers were sent lately; others are forgotten."""
        for name in [one for one, sent in self._sent.items() if sent[-1][0] < now - KEPT_S]:
            del self._sent[name]
        return list(self._sent)

    def most(self, node: str, now: float) -> int:
        """How many viewers, at most, must show there by now: cheap to say."""
        return sum([len(viewers) for viewers in self._due(node, now)])

    def count(self, node: str, now: float) -> int:
        """How many must show there by now."""
        found: dict[int, None] = {}
        for viewers in self._due(node, now):
            found.update(viewers)
        return len(found)

    def _due(self, node: str, now: float) -> list[dict[int, None]]:
        first, last = now - KEPT_S, now - SHOWN_S
        return [
            viewers for second, viewers in self._sent.get(node, ()) if first <= second and second + 1 <= last
        ]
