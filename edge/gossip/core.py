"""What the parts of one gossip node share: identity, tables, queues, timers, chance."""

import math
import random
from collections import deque
from dataclasses import dataclass, field

from edge.config import GossipConfig
from edge.gossip.awareness import Awareness
from edge.gossip.broadcast import Broadcasts, send_limit
from edge.gossip.counters import Counters
from edge.gossip.detector import Heartbeats, Threshold
from edge.gossip.eager import GATHER_S, Eager
from edge.gossip.keys import Keys
from edge.gossip.members import MemberTable, Peer
from edge.gossip.outbox import Outbox
from edge.gossip.plausible import Peak
from edge.gossip.reputation import Reputation
from edge.gossip.rounds import Rounds
from edge.gossip.signatures import Signatures
from edge.gossip.storm import StormGuard
from edge.gossip.tempo import Pace, Tempo
from edge.gossip.timers import Timers
from edge.gossip.tries import Tries
from edge.model import Address, GossipEvent, Load, Member, Quality, Status, TopSegments
from edge.state.reports import ReportTable

EVENTS_MAX = 1024


@dataclass(slots=True)
class Core:
    """One node's state. The parts change it in turn, never at once: everything runs in the caller's thread."""

    name: str
    config: GossipConfig
    rng: random.Random
    members: MemberTable
    broadcasts: Broadcasts
    outbox: Outbox
    keys: Keys
    signatures: Signatures
    counters: Counters
    awareness: Awareness
    tempo: Tempo
    storm: StormGuard
    wall_offset_s: float  # wall time since 1970 minus the monotonic time that is passed in
    rounds: Rounds
    loads: ReportTable[Load]
    tops: ReportTable[TopSegments]
    timers: Timers = field(default_factory=Timers)
    eager: Eager = field(default_factory=Eager)
    events: deque[GossipEvent] = field(default_factory=deque)
    stormy: bool = False
    hushed: bool = False  # while a bulk sync is taken in: what it brings is not told on
    threshold: Threshold = field(default_factory=Threshold)
    tries: Tries = field(default_factory=Tries)
    qualities: ReportTable[Quality] = field(init=False)
    reputation: Reputation = field(init=False)
    believed: dict[str, int] = field(default_factory=dict)  # capacities, by node; of those in `loads`
    fallen: dict[str, Peak] = field(default_factory=dict)  # whose viewers were gone all at once, by name
    ceiling: float = math.inf  # what is larger is compared with them

    def __post_init__(self) -> None:
        self.reputation = Reputation(self.name, shuns=self.config.quarantine)
        self.qualities = ReportTable(self.config.members_max)
        self.keys.attach(self)
        self.signatures.attach(self)

    @property
    def me(self) -> Member:
        """This node's own record."""
        peer = self.members.get(self.name)
        assert peer is not None
        return peer.member

    @property
    def version(self) -> int:
        """Rises with every change of members and of what is thought of them."""
        return self.members.version + self.reputation.version

    def others(self, *statuses: Status) -> list[Member]:
        """Members of these statuses without this node, in order of first hearing."""
        return [
            peer.member
            for peer in self.members.peers()
            if peer.member.status in statuses and peer.member.name != self.name
        ]

    def sample(self, count: int, *statuses: Status, without: tuple[str | Address, ...] = ()) -> list[Member]:
        """Up to `count` random other members, none whose name or address is in `without`."""
        candidates = [
            one for one in self.others(*statuses) if one.name not in without and one.address not in without
        ]
        return self.rng.sample(candidates, min(count, len(candidates)))

    def heartbeat(self, address: Address, now: float) -> Peer | None:
        """A datagram came: whose, if it is a member's own."""
        peer = self.members.at(address)
        if peer is None:
            return None
        peer.refused = False
        if peer.beats is None:
            peer.beats = Heartbeats(now, max(0.1, len(self.members) * self.pace(now).probe_period_s / 2))
        else:
            self.threshold.heard(peer.beats.phi(now))
            peer.beats.beat(now)
        return peer

    def doubt(self, name: str, now: float) -> float:
        """How surprising a member's silence is, 0 to 1; 0 for one that was never heard itself."""
        peer = self.members.get(name)
        return self.threshold.doubt(peer.beats.phi(now)) if peer and peer.beats else 0.0

    def pace(self, now: float) -> Pace:
        """How fast to gossip and to probe."""
        return self.tempo.pace(len(self.members), now)

    def limit(self) -> int:
        """How often this node tells one record at the present size of the cluster."""
        return send_limit(self.config.retransmit, len(self.members))

    def spread(self, key: str, encoded: bytes, source: Address | None, now: float) -> None:
        """Tell urgent news: forwarded at once to some members, then repeated on ticks.

        Args:
            key: newer news under it takes the place of this.
            encoded: the message.
            source: who told it, if somebody did; it is not told again.
            now: the time.
        """
        if self.hushed and key != self.name:  # a refutation must be told whatever brought the accusation
            return
        self.broadcasts.urgent.put(key, encoded, self.limit())
        if self.eager.admit(now):
            self._forward(encoded, (key,) if source is None else (key, source))
        else:
            if not self.eager.newest:
                self.timers.at(now + GATHER_S, self._forward_gathered)
            self.eager.newest = encoded

    def _forward(self, encoded: bytes, without: tuple[str | Address, ...] = ()) -> None:
        """To some members; other urgent news rides along."""
        for one in self.sample(self._eager_fanout, Status.ALIVE, without=without):
            self.outbox.send(one.address, encoded)

    def _forward_gathered(self, _now: float) -> None:
        self._forward(self.eager.newest)
        self.eager.newest = b""

    @property
    def _eager_fanout(self) -> int:
        return self.config.eager_fanout if not self.stormy else (self.config.eager_fanout + 1) // 2

    def emit(self, kind: str, node: str, text: str, now: float) -> None:
        """Queue an event for whoever listens; the oldest goes when nobody does."""
        if len(self.events) >= EVENTS_MAX:
            self.events.popleft()
            self.counters.events_lost += 1
        self.events.append(GossipEvent(kind, node, text, now))

    def jitter(self, seconds: float) -> float:
        """`seconds` ± 10%, so that nodes started together do not stay in step."""
        return seconds * self.rng.uniform(0.9, 1.1)
