"""How old the news of other members is when it first comes here.

A report's version and an event's date tell when it was made, by the clock of its maker; how far that is ahead of this
node's the probes measure. Whom this node has not probed yet is left out, and so is what comes by a bulk sync, or was
made before this process started: all that is old for another reason than a slow way.
"""

from edge.gossip.core import Core
from edge.model import REPORT_STEPS_PER_S, Durable
from edge.state.events import TICK_BITS
from edge.state.histogram import Histogram
from edge.wire.messages import LoadRow

_AHEAD_MAX_S = 0.5  # from the future: what a clock may be wrong by that probes have measured


class Ages:
    """Counts what was news.

    Args:
        core: shared state.
        now: the time.
    """

    def __init__(self, core: Core, now: float) -> None:
        self._core = core
        self._started_s = now + core.wall_offset_s
        self._turn = 0

    def loads(self, rows: list[LoadRow], now: float) -> None:
        """Loads of one message that were not known yet: one of them counts, another time one at another place.

        All of them, thousands a second, would be a tenth of what it costs to take them in.
        """
        core = self._core
        self._turn += 1
        row = rows[self._turn % len(rows)]
        peer = core.members.get(row.node)
        if core.hushed or peer is None or peer.offset_s is None:
            return
        age_s = now + core.wall_offset_s - row.version / REPORT_STEPS_PER_S + peer.offset_s
        _count(core.counters.regular_age, age_s)

    def event(self, event: Durable, now: float) -> None:
        """An event that was accepted elsewhere."""
        core, made_s = self._core, (event.at >> TICK_BITS) / 1000
        peer = core.members.get(event.origin)
        if core.hushed or peer is None or peer.offset_s is None or made_s - peer.offset_s < self._started_s:
            return
        _count(core.counters.urgent_age, now + core.wall_offset_s - made_s + peer.offset_s)


def _count(into: Histogram, age_s: float) -> None:
    if age_s >= -_AHEAD_MAX_S:
        into.add(max(0.0, age_s))
