"""A pretend network for the protocol core: real bytes, virtual time, no sockets.

A small one for unit tests; the simulator of `loadtest` is the real thing.
"""

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.config import GossipConfig
from edge.gossip import GossipNode
from edge.gossip.node import Identity
from edge.gossip.signatures import UNSIGNED, Signing
from edge.model import Address, Load, Member, Status, incarnation_of
from edge.wire.keys import KeyRing

LATENCY_S = 0.005
STEP_MAX_S = 10.0
GENERATION = 1_795_000_000


def member(name: str, generation: int = GENERATION, port: int = 7700, zone: str = "") -> Member:
    """A record as a node of that name would announce it."""
    return Member(name, incarnation_of(generation), Status.ALIVE, f"10.0.0.{name}", port, zone=zone)


def load(streams: int = 10) -> Load:
    """A plausible load record."""
    return Load(streams=streams, kbps=500 * streams, rps=streams, capacity=200, health=100, lag_ms=1)


@dataclass
class Network:
    """Nodes joined by a wire with 5 ms delay, `loss`, cuts and dead addresses."""

    seed: int = 1
    loss: float = 0.0
    refuses: bool = False  # whether a dead address answers with a refusal (ICMP), as on one machine
    config: GossipConfig = field(default_factory=GossipConfig)
    nodes: dict[str, GossipNode] = field(default_factory=dict)
    now: float = 0.0
    sent: list[tuple[Address, Address, bytes]] = field(default_factory=list)
    cut: Callable[[Address, Address], bool] = lambda _from, _to: False

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)
        self._order = itertools.count()
        self._wire: list[tuple[float, int, Address, Address, bytes]] = []
        self._at: dict[Address, str] = {}

    def start(
        self,
        me: Member,
        *seeds: Address,
        ring: KeyRing | None = None,
        cluster: str = "test",
        ahead_s: float = 0.0,
        signing: Signing = UNSIGNED,
    ) -> GossipNode:
        """Start a node, whose clock may be ahead of the others', and give it seeds."""
        session = self._rng.randbytes(8)
        identity = Identity(me, cluster, ring or KeyRing.insecure(cluster), session, ahead_s, signing)
        node = GossipNode(identity, self.config, random.Random(f"{self.seed}:{me.name}"), self.now)
        self.nodes[me.name] = node
        self._at[me.address] = me.name
        node.set_seeds(list(seeds), self.now)
        return node

    def grow(self, count: int, zones: int = 1) -> None:
        """Start `count` nodes named 1 … count, all seeded with the first, and let them find each other."""
        for number in range(1, count + 1):
            self.start(member(str(number), zone=f"z{number % zones}"), Address("10.0.0.1", 7700))
        self.until(lambda: all(len(node.view().alive) == count for node in self.nodes.values()))

    def crash(self, name: str) -> GossipNode:
        """Kill a node without a word."""
        node = self.nodes.pop(name)
        self._at = {address: one for address, one in self._at.items() if one != name}
        return node

    def rename(self, name: str, to: str) -> GossipNode:
        """Know a running node by another name here, so that a second process may start under its own."""
        self.nodes[to] = self.nodes.pop(name)
        self._at = {address: to if one == name else one for address, one in self._at.items()}
        return self.nodes[to]

    def pause(self, name: str) -> Callable[[], None]:
        """Stop a node as SIGSTOP would, what is sent to it meanwhile is lost; the call that wakes it."""
        asleep = self.nodes.pop(name)
        return lambda: self.nodes.update({name: asleep})

    def status(self, of: str, at: str) -> Status | None:
        """What node `at` holds of member `of`."""
        held = self.nodes[at].view().node(of)
        return held.member.status if held else None

    def all_hold(self, of: str, status: Status) -> bool:
        """Whether every other node holds `of` in `status`."""
        return all(self.status(of, at) is status for at in self.nodes if at != of)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while self._step(end):
            pass
        self.now = end

    def until(self, condition: Callable[[], bool], within_s: float = STEP_MAX_S) -> float:
        """Let time pass until `condition`; how long it took."""
        begun, end = self.now, self.now + within_s
        while not condition():
            assert self._step(end), f"not within {within_s} s"
        return self.now - begun

    def _step(self, end: float) -> bool:
        """Do what comes next, unless that is after `end`."""
        self._collect()
        due = [when for node in self.nodes.values() if (when := node.next_timer()) is not None]
        arrival = self._wire[0][0] if self._wire else end + 1
        self.now = max(self.now, min([arrival, *due]))
        if self.now > end:
            return False
        while self._wire and self._wire[0][0] <= self.now:
            self._deliver(*heapq.heappop(self._wire)[2:])
        for node in list(self.nodes.values()):
            node.handle_timer(self.now)
        return True

    def _collect(self) -> None:
        for name, node in self.nodes.items():
            source = next(address for address, owner in self._at.items() if owner == name)
            for data, target in node.datagrams_to_send(self.now):
                self.sent.append((source, target, data))
                lost = self._rng.random() < self.loss
                if not (lost or self.cut(source, target)):
                    heapq.heappush(
                        self._wire, (self.now + LATENCY_S, next(self._order), source, target, data)
                    )

    def _deliver(self, source: Address, target: Address, data: bytes) -> None:
        if (name := self._at.get(target)) is not None:
            if name in self.nodes:  # else it is paused
                self.nodes[name].receive_datagram(data, source, self.now)
        elif self.refuses and source in self._at:
            self.nodes[self._at[source]].report_refused(target, self.now)
