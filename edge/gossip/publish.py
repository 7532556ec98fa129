"""Load and popularity: this node's own, and what others report of themselves.

A report's version is the time of its making in steps of 50 ms: `generation · 20` and the steps since the process
started. It rises over changes and over restarts, needs no other word about the process it belongs to, and of many
reports made at about the same time all but the last digits are alike, which compression takes for nothing.
"""

from edge.gossip.core import Core
from edge.gossip.events import Events
from edge.gossip.outbox import MESSAGE_MAX_BYTES
from edge.model import REPORT_STEPS_PER_S, Load, TopSegments, first_version
from edge.state.reports import Report
from edge.wire.messages import LOADS_FRAME, TOPS_FRAME, LoadRow, Loads, TopRow, Tops, encode

_ROW_MAX_BYTES = MESSAGE_MAX_BYTES - len(b"".join(LOADS_FRAME))
assert len(LOADS_FRAME[0]) == len(TOPS_FRAME[0])


class Publisher:
    """Versions this node's reports and passes on newer ones of other nodes."""

    def __init__(self, core: Core, events: Events, now: float) -> None:
        self._core = core
        self.events = events
        self._started = now
        self._load_version = 0
        self._top_version = 0
        self._top_not_before = 0.0

    def load(self, load: Load, now: float) -> bool:
        """Tell `load` if it differs from what was told last, or if that was long ago; whether it was told."""
        core = self._core
        held = core.loads.get(core.name)
        applied = self.events.applied
        same = held and held.value == load and held.applied == applied
        if held and same and now - held.at < core.config.load_every_s:
            return False
        self._tell(load, now)
        return True

    def _tell(self, load: Load, now: float) -> None:
        core, applied = self._core, self.events.applied
        self._load_version = self._next(self._load_version, now)
        core.loads.put(core.name, Report(self._load_version, load, now, applied))
        row = encode(LoadRow(core.name, self._load_version, load, applied))
        core.broadcasts.regular.put(core.name, row, core.limit())
        core.tempo.own_change(now)

    def held_elsewhere(self, version: int, now: float) -> bool:
        """A peer holds this version of the own load: a past self that counted further is believed until overtaken.

        Whether the own load was told anew.
        """
        held = self._core.loads.get(self._core.name)
        overtake = version > self._load_version
        self._load_version = max(self._load_version, version)
        if held and overtake:
            self._tell(held.value, now)
        return held is not None and overtake

    def acknowledge(self, now: float) -> None:
        """Tell what was told last once more: the digest in it has changed."""
        if held := self._core.loads.get(self._core.name):
            self.load(held.value, now)

    def top(self, top: TopSegments, now: float) -> bool:
        """Tell the hottest segments if they changed, at most each `popularity_every_s`; whether they were told."""
        core = self._core
        held = core.tops.get(core.name)
        if now < self._top_not_before or (held and held.value == top):
            return False
        self._top_not_before = now + core.config.popularity_every_s
        self._top_version = self._next(self._top_version, now)
        row = encode(TopRow(core.name, self._top_version, top))
        while len(row) > _ROW_MAX_BYTES:  # very long paths: tell fewer
            top = top[:-1]
            row = encode(TopRow(core.name, self._top_version, top))
        core.tops.put(core.name, Report(self._top_version, top, now))
        core.broadcasts.bulk.put(core.name, row, core.limit())
        return True

    def loads(self, message: Loads, now: float) -> int:
        """Take in loads of other nodes; how many reports changed."""
        core, name, put = self._core, self._core.name, self._core.loads.put
        news, overtaken = [], 0
        for row in core.loads.news(message.rows):
            if row.node == name:
                overtaken += self.held_elsewhere(row.version, now)
            elif put(row.node, Report(row.version, row.load, now, row.applied)):
                news.append(row)
        if news:
            self.events.acknowledged(news)
            if not core.hushed:
                core.broadcasts.regular.put_all([(row.node, encode(row)) for row in news], core.limit())
        core.tempo.news(len(news), now)
        return len(news) + overtaken

    def tops(self, message: Tops, now: float) -> int:
        """Take in other nodes' hottest segments; how many were news."""
        core, news = self._core, 0
        for row in core.tops.news(message.rows):
            if row.node == core.name:
                self._top_version = max(self._top_version, row.version)
            elif core.tops.put(row.node, Report(row.version, row.top, now)):
                encoded = encode(row)
                if len(encoded) > _ROW_MAX_BYTES:
                    core.counters.oversize += 1
                elif not core.hushed:
                    core.broadcasts.bulk.put(row.node, encoded, core.limit())
                news += 1
        return news

    def _next(self, version: int, now: float) -> int:
        steps = int((now - self._started) * REPORT_STEPS_PER_S)
        return max(version + 1, first_version(self._core.me.incarnation) + steps)
