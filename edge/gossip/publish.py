"""Load and popularity: this node's own, and what others report of themselves."""

from edge.gossip.core import Core
from edge.gossip.outbox import MESSAGE_MAX_BYTES
from edge.model import Load, TopSegments, epoch_of
from edge.state.reports import Report
from edge.wire.messages import LoadReport, PopularityReport, encode


class Publisher:
    """Versions this node's reports and passes on newer ones of other nodes."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._load_seq = 0
        self._top_seq = 0
        self._top_not_before = 0.0

    def load(self, load: Load, now: float) -> None:
        """Tell `load` if it differs from what was told last, or if that was long ago."""
        core = self._core
        epoch = epoch_of(core.me.incarnation)
        held = core.loads.get(core.name)
        if held and held.epoch == epoch and held.value == load and now - held.at < core.config.load_every_s:
            return
        self._load_seq += 1
        report = LoadReport(core.name, epoch, self._load_seq, load)
        core.loads.put(core.name, Report(report.epoch, report.seq, load, now))
        core.broadcasts.regular.put(core.name, encode(report), core.limit())

    def top(self, top: TopSegments, now: float) -> None:
        """Tell the hottest segments if they changed, at most each `popularity_every_s`."""
        core = self._core
        epoch = epoch_of(core.me.incarnation)
        held = core.tops.get(core.name)
        if now < self._top_not_before or (held and held.epoch == epoch and held.value == top):
            return
        self._top_not_before = now + core.config.popularity_every_s
        self._top_seq += 1
        report = PopularityReport(core.name, epoch, self._top_seq, top)
        while len(encoded := encode(report)) > MESSAGE_MAX_BYTES:  # very long paths: tell fewer
            top = top[:-1]
            report = PopularityReport(core.name, epoch, self._top_seq, top)
        core.tops.put(core.name, Report(report.epoch, report.seq, top, now))
        core.broadcasts.bulk.put(core.name, encoded, core.limit())

    def load_report(self, message: LoadReport, now: float) -> bool:
        """Take in another node's load; True if it was news."""
        core = self._core
        if message.node == core.name:
            self._load_seq = max(
                self._load_seq, message.seq
            )  # a past self of the same second counted further
            return False
        report = Report(message.epoch, message.seq, message.load, now)
        if not self._current(message.node, message.epoch) or not core.loads.put(message.node, report):
            return False
        core.broadcasts.regular.put(message.node, encode(message), core.limit())
        return True

    def popularity_report(self, message: PopularityReport, now: float) -> bool:
        """Take in another node's hottest segments; True if they were news."""
        core = self._core
        if message.node == core.name:
            self._top_seq = max(self._top_seq, message.seq)
            return False
        report = Report(message.epoch, message.seq, message.top, now)
        if not self._current(message.node, message.epoch) or not core.tops.put(message.node, report):
            return False
        encoded = encode(message)
        if len(encoded) <= MESSAGE_MAX_BYTES:
            core.broadcasts.bulk.put(message.node, encoded, core.limit())
        else:
            core.counters.oversize += 1
        return True

    def _current(self, node: str, epoch: int) -> bool:
        """Whether the report is of the process of `node` that we hold; others wait for its record."""
        peer = self._core.members.get(node)
        return peer is not None and epoch_of(peer.member.incarnation) == epoch
