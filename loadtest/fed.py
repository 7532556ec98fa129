"""One production node in a cluster that it only hears: members who tell their loads, in real frames."""

import random

from edge.config import GossipConfig
from edge.gossip import GossipNode
from edge.gossip.node import Identity
from edge.model import Load, first_version
from edge.wire.compress import shipped
from edge.wire.frame import SESSION_BYTES, Sealer
from edge.wire.keys import KeyRing
from edge.wire.messages import LoadRow, Loads, encode, join
from loadtest.sim.world import CLUSTER, World

CAPACITY = 250_000
_ROWS = 25  # of one datagram


class Fed:
    """A node that is told `per_s` loads a second; its timers stand still, so it suspects nobody.

    Args:
        nodes: members, itself among them.
        per_s: loads a second, of all members in turn.
        now: the time, seconds.
    """

    def __init__(self, nodes: int, per_s: float, now: float) -> None:
        world = World(1)
        world.add(nodes)
        members = [world.member(host) for host in world.hosts.values()]
        ring, rng = KeyRing.insecure(CLUSTER), random.Random(1)
        self.node = GossipNode(Identity(members[0], CLUSTER, ring, b"feedfeed"), GossipConfig(), rng, now)
        self.node.acquaint(members, now)
        self.told = 0
        self._members = members[1:]
        self._per_s = per_s
        self._rng = rng
        self._begun = now
        self._sealer = Sealer(ring, CLUSTER, bytes(SESSION_BYTES), shipped())
        self.node.update_load(self._load(), now)
        for begin in range(0, len(self._members), _ROWS):
            self._tell(begin, min(_ROWS, len(self._members) - begin), now)

    @property
    def zones(self) -> list[str]:
        """Zones of the members."""
        return sorted({one.zone for one in self._members})

    def feed(self, now: float) -> None:
        """All that is told until `now`."""
        while self.told + _ROWS <= (now - self._begun) * self._per_s:
            self._tell(len(self._members) + self.told, _ROWS, now)
            self.told += _ROWS
            self.node.datagrams_to_send(now)  # what it would tell others

    @property
    def applied(self) -> int:
        """Loads that the node has taken in, after the first of each member."""
        held = {one.name: one.load for one in self.node.view().nodes}
        first = {one.name: first_version(one.incarnation) + 1 for one in self._members}
        return sum(report.version - first[name] for name, report in held.items() if report and name in first)

    def _tell(self, begin: int, count: int, now: float) -> None:
        """Loads of the next `count` members in turn."""
        rows = []
        for number in range(begin, begin + count):
            one = self._members[number % len(self._members)]
            version = first_version(one.incarnation) + 1 + number // len(self._members)
            rows.append(LoadRow(one.name, version, self._load()))
        source = self._members[begin % len(self._members)].address  # one alone would be a storm
        self.node.receive_datagram(self._sealer.seal(join([encode(Loads(rows))])), source, now)

    def _load(self) -> Load:
        streams = self._rng.randrange(CAPACITY // 2, CAPACITY * 3 // 4)
        return Load(streams, 8_000_000, 90_000, CAPACITY, health=100, lag_ms=1)
