"""Calls across a cut: the island as a whole keeps at it, and the first answer makes everybody call at once.

What is sent is a ping with the accusation that must be refuted. Who refutes before the tables of both sides are
exchanged is not accused by its own side on the word of the other.
"""

from edge.gossip.core import Core
from edge.gossip.membership import Membership
from edge.gossip.partition import PartitionDetector
from edge.gossip.sync import Sync
from edge.model import Member, Status

_ISLAND_RATE = 4.0  # calls a second of a whole island, at least
_PAUSE_MAX_S = 2.5  # of one node, on average; twice that at most
_PAUSE_MIN_S = 0.25  # of a node that is alone
_BURST_EVERY_S = 0.05
_BURST = 4  # calls in a burst
_BURSTS_FOR_S = 1.0  # from the last answer that came across
_SYNCS = 4  # members of an island that begin an exchange with one that is back


class Across:
    """Reaches out for members that are lost together.

    Args:
        core: shared state.
        membership: knows what each is accused of.
        sync: exchanges tables.
        partitions: who is lost.
        now: the time.
    """

    def __init__(
        self, core: Core, membership: Membership, sync: Sync, partitions: PartitionDetector, now: float
    ) -> None:
        self._core = core
        self._membership = membership
        self._sync = sync
        self._partitions = partitions
        self._bursts_until = now
        self._replied: dict[str, float] = {}  # lost members that were heard: when each was told so
        core.timers.at(now + core.jitter(_PAUSE_MIN_S), self._call)

    def heard(self, member: Member, now: float) -> None:
        """A datagram of a lost member came: it shall know what it is accused of, at once, but not for each datagram."""
        if now - self._replied.get(member.name, -_BURSTS_FOR_S) >= _BURST_EVERY_S:
            self._replied[member.name] = now
            self._membership.call(member)

    def answered(self, member: Member, now: float) -> None:
        """A lost member is alive again: the cut may be over, so all are called, and tables are compared."""
        core = self._core
        if now >= self._bursts_until:
            core.timers.at(now, self._burst)
        self._bursts_until = now + _BURSTS_FOR_S
        if core.rng.random() * core.members.count(Status.ALIVE) < _SYNCS:
            core.timers.at(now + _BURSTS_FOR_S / 4, lambda _: self._compare(member))

    def _compare(self, member: Member) -> None:
        self._core.outbox.send(member.address, self._sync.root_message())

    def _burst(self, now: float) -> None:
        if now < self._bursts_until and self._send(_BURST):
            self._core.timers.at(now + self._core.jitter(_BURST_EVERY_S), self._burst)
        else:
            self._bursts_until = now

    def _call(self, now: float) -> None:
        core = self._core
        pause_s = _PAUSE_MIN_S
        if self._partitions.partition:
            self._send(1)
            pause_s = min(_PAUSE_MAX_S, max(_PAUSE_MIN_S, core.members.count(Status.ALIVE) / _ISLAND_RATE))
        else:
            self._replied.clear()
        # Any time up to twice the pause: all have declared the cut at about the same time, and must not call in step.
        core.timers.at(now + core.rng.uniform(0, 2 * pause_s), self._call)

    def _send(self, count: int) -> bool:
        """Call so many of the lost; whether there were any."""
        lost = self._partitions.lost()
        for one in self._core.rng.sample(lost, min(count, len(lost))):
            self._membership.call(one)
        return bool(lost)
