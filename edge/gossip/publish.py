"""Load and popularity: this node's own, and what others report of themselves.

A report's version is the time of its making in steps of 50 ms: `generation · 20` and the steps since the second in
which the process started. It rises over changes and over restarts, needs no other word about the process it belongs
to, and of many reports made at about the same time all but the last digits are alike, which compression takes for
nothing. Who hears a report knows by it how old it is (`edge.gossip.ages`).
"""

from edge.gossip.ages import Ages
from edge.gossip.broadcast import Queue
from edge.gossip.core import Core
from edge.gossip.events import Events
from edge.gossip.outbox import MESSAGE_MAX_BYTES
from edge.model import REPORT_STEPS_PER_S, Load, Quality, TopSegments, first_version, generation_of
from edge.state.reports import Report
from edge.wire.messages import (
    LOADS_FRAME,
    TOPS_FRAME,
    LoadRow,
    Loads,
    QualityRow,
    TopRow,
    Tops,
    encode,
    encode_row,
)

QUALITY_EVERY_S = 2.0  # trouble that comes or goes is told this often, and caps at once
QUALITY_AGAIN_S = 10.0  # all else about quality: it is no news, but who joined meanwhile hears of it
_TROUBLE = 10  # per mille of stalls, more or fewer
_ROW_MAX_BYTES = MESSAGE_MAX_BYTES - len(b"".join(LOADS_FRAME))
assert len(LOADS_FRAME[0]) == len(TOPS_FRAME[0])


class Publisher:
    """Versions this node's reports and passes on newer ones of other nodes."""

    def __init__(self, core: Core, events: Events, now: float) -> None:
        self._core = core
        self.events = events
        self._ages = Ages(core, now)
        self._second = now - _into_the_second(core, now)  # in which this process started
        self._load_version = 0
        self._top_version = 0
        self._quality_version = 0
        self._told_keys = core.keys.row(core.name)
        self._top_not_before = 0.0

    def load(self, load: Load, now: float) -> bool:
        """Tell `load` if it differs from what was told last, or if that was long ago; whether it was told."""
        core = self._core
        held = core.loads.get(core.name)
        applied = self.events.applied
        same = (
            held
            and held.value == load
            and held.applied == applied
            and self._told_keys == core.keys.row(core.name)
        )
        if held and same and now - held.at < core.config.load_every_s:
            return False
        self._tell(load, now)
        return True

    def _tell(self, load: Load, now: float) -> None:
        core, applied = self._core, self.events.applied
        held = core.loads.get(core.name)
        self._load_version = self._next(self._load_version, now)
        core.loads.put(core.name, Report(self._load_version, load, now, applied))
        self._told_keys = core.keys.row(core.name)
        row = LoadRow(core.name, self._load_version, load, applied, self._told_keys)
        core.broadcasts.regular.put(core.name, encode_row(row), core.limit())
        if _stops(load, held):
            self._tell_at_once([row], now)
        core.tempo.own_change(now)

    def _tell_at_once(self, rows: list[LoadRow], now: float) -> None:
        for row in rows:
            self._core.spread(f"{row.node} stops", encode(Loads([row])), None, now)

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

    def quality(self, told: Quality, now: float) -> bool:
        """Tell what this node's viewers see, if it changed or was told long ago; whether it was told."""
        core = self._core
        held = core.qualities.get(core.name)
        before = held.value if held else ()
        if not (before or told):
            return False
        waits_s = QUALITY_EVERY_S if _trouble(before) != _trouble(told) else QUALITY_AGAIN_S
        if _caps(before) != _caps(told):
            core.tempo.own_change(now)
        elif held and now - held.at < waits_s:
            return False
        self._quality_version = self._next(self._quality_version, now)
        row = encode(QualityRow(core.name, self._quality_version, told))
        while len(row) > _ROW_MAX_BYTES:  # very long names: tell fewer
            told = told[:-1]
            row = encode(QualityRow(core.name, self._quality_version, told))
        core.qualities.put(core.name, Report(self._quality_version, told, now))
        core.broadcasts.quality.put(core.name, row, core.limit())
        return True

    def _qualities(self, rows: list[QualityRow], now: float) -> int:
        """Take in what other nodes' viewers see; how many were news."""
        core, news = self._core, 0
        for row in core.qualities.news(rows):
            if row.node == core.name:
                self._quality_version = max(self._quality_version, row.version)
            elif core.qualities.put(row.node, Report(row.version, row.quality, now)):
                self._pass_on(row, core.broadcasts.quality)
                news += 1
        return news

    def _pass_on(self, row: QualityRow | TopRow, queue: Queue) -> None:
        core, encoded = self._core, encode(row)
        if len(encoded) > _ROW_MAX_BYTES:
            core.counters.oversize += 1
        elif not core.hushed:
            queue.put(row.node, encoded, core.limit())

    def loads(self, message: Loads, now: float) -> int:
        """Take in loads of other nodes; how many reports changed."""
        core, name, put = self._core, self._core.name, self._core.loads.put
        news, stopped, overtaken = list[LoadRow](), list[LoadRow](), 0
        for row in core.loads.news(message.rows):
            if row.node == name:
                overtaken += self.held_elsewhere(row.version, now)
                continue
            held = core.loads.get(row.node) if row.load.health == 0 else None
            if put(row.node, Report(row.version, row.load, now, row.applied)):
                news.append(row)
                core.keys.heard(row.node, row.keys, row.version)
                if held is not None and _stops(row.load, held):
                    stopped.append(row)
        if news:
            self._tell_at_once(stopped, now)
            self.events.acknowledged(news, now)
            self._ages.loads(news, now)
            if not core.hushed:
                core.broadcasts.regular.put_all([(row.node, encode_row(row)) for row in news], core.limit())
        core.tempo.news(len(news), now)
        return len(news) + overtaken + self._qualities(message.quality, now)

    def tops(self, message: Tops, now: float) -> int:
        """Take in other nodes' hottest segments; how many were news."""
        core, news = self._core, 0
        for row in core.tops.news(message.rows):
            if row.node == core.name:
                self._top_version = max(self._top_version, row.version)
            elif core.tops.put(row.node, Report(row.version, row.top, now)):
                self._pass_on(row, core.broadcasts.bulk)
                news += 1
        return news

    def _next(self, version: int, now: float) -> int:
        steps = int((now - self._second) * REPORT_STEPS_PER_S)
        return max(version + 1, first_version(self._core.me.incarnation) + steps)


def _into_the_second(core: Core, now: float) -> float:
    """How much of the second that its generation names was over when this process started."""
    into_s = round(now + core.wall_offset_s - generation_of(core.me.incarnation), 3)
    return into_s if 0 <= into_s < 1 else 0.0  # else its clock was set, or a past self was ahead


def _stops(load: Load, held: Report[Load] | None) -> bool:
    """Whether a node has taken viewers until now, and takes none any more."""
    return load.health == 0 and held is not None and held.value.health > 0


def _caps(told: Quality) -> list[tuple[str, str, int]]:
    return [(one.zone, one.isp, one.cap_kbps) for one in told if one.cap_kbps]


def _trouble(told: Quality) -> list[tuple[str, str, int]]:
    return [(one.zone, one.isp, one.stalls // _TROUBLE) for one in told]
