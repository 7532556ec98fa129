"""Simulated hosts that run the production node: started, paused, crashed, started again elsewhere."""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.config import GossipConfig
from edge.gossip import GossipNode
from edge.gossip.node import Identity
from edge.gossip.signatures import UNSIGNED, Signing
from edge.model import Address, GossipEvent, Load, Member, Status, incarnation_of
from edge.wire.keys import KeyRing
from loadtest.sim.cities import Place, one_way_s, places
from loadtest.sim.clock import Clock
from loadtest.sim.network import Network
from loadtest.sim.transfer import Transfer

CLUSTER = "sim"
EPOCH_S = 1_795_000_000  # the wall clock when virtual time is 0
INBOX_MAX = 700  # what a socket's buffer of 1 MB holds of full datagrams
PORT, BACKUP_PORT = 7700, 7709
SATELLITE_S = 0.3  # one way, over a geostationary satellite
_RING = KeyRing.insecure(CLUSTER)


@dataclass(slots=True, eq=False)
class Host:
    """One machine: its place, its clock, and the process that runs there, if one does."""

    name: str
    place: Place
    address: Address
    skew_s: float = 0.0  # wall clock against virtual time
    drift: float = 1.0  # seconds of its monotonic clock in a virtual second
    node: GossipNode | None = None
    paused: bool = False
    starts: int = 0
    wake: float = float("inf")  # when its next timer is due, in virtual time
    inbox: deque[tuple[bytes, Address]] = field(default_factory=lambda: deque(maxlen=INBOX_MAX))

    def local(self, now: float) -> float:
        """Its monotonic clock."""
        return now * self.drift

    def virtual(self, local: float) -> float:
        """Virtual time at which its monotonic clock shows `local`."""
        return local / self.drift


class World:
    """Hosts on a network.

    Args:
        seed: of all chance.
        config: of every node.
        refuses: whether a dead process's address refuses datagrams (ICMP), as a living machine's would.
        backup: whether every host has a second path, by satellite.
    """

    def __init__(
        self, seed: int, config: GossipConfig | None = None, *, refuses: bool = False, backup: bool = False
    ) -> None:
        self.seed = seed
        self.config = config or GossipConfig()
        self.clock = Clock()
        self.network = Network(self.clock, seed, self.delay_s, self._deliver)
        self.backup = Network(self.clock, seed, lambda _source, _target: SATELLITE_S, self._deliver_backup)
        self.hosts: dict[str, Host] = {}
        self.on_event: Callable[[Host, GossipEvent], None] = lambda _host, _event: None
        self.after_step: Callable[[Host], None] | None = None
        self.on_copy: Callable[[Host, int], None] = lambda _host, _replays_before: None
        self.refuses = refuses
        self.ring = _RING  # with which processes start
        self.signing: Callable[[Host], Signing] = lambda _host: UNSIGNED
        self._has_backup = backup
        self._at: dict[Address, Host] = {}
        self._delays: dict[tuple[str, str], float] = {}
        self._places: list[Place] = []

    @property
    def now(self) -> float:
        """Virtual seconds."""
        return self.clock.now

    def at(self, address: Address) -> Host | None:
        """The host that had this address last."""
        return self._at.get(address)

    def running(self) -> list[Host]:
        """Hosts whose process runs and is not paused."""
        return [host for host in self.hosts.values() if host.node and not host.paused]

    def add(self, count: int, zones: Callable[[int], Place] | None = None) -> None:
        """Make `count` hosts named edge-0 … in the cities, by the cities' shares."""
        chosen = [zones(number) for number in range(count)] if zones else places(count)
        for number, place in enumerate(chosen):
            address = Address(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", PORT)
            host = Host(f"edge-{number}", place, address)
            self.hosts[host.name] = host

    def member(self, host: Host) -> Member:
        """The record with which its next process starts."""
        ip = host.address.host
        return Member(
            name=host.name,
            incarnation=incarnation_of(EPOCH_S + int(self.now + host.skew_s)),
            status=Status.ALIVE,
            host=ip,
            port=host.address.port,
            admin=f"http://{ip}:7701",
            public=f"http://{ip}:7780",
            region=host.place.region,
            zone=host.place.city,
            isp=host.place.isp,
            backup_host=ip if self._has_backup else "",
            backup_port=BACKUP_PORT if self._has_backup else 0,
        )

    def start(self, name: str, seeds: list[Address]) -> GossipNode:
        """Start a host's process."""
        host = self.hosts[name]
        host.starts += 1
        rng = random.Random(f"{self.seed}:node:{name}:{host.starts}")
        wall_offset_s = EPOCH_S + host.skew_s + self.now - host.local(self.now)
        identity = Identity(
            member=self.member(host),
            cluster=CLUSTER,
            ring=self.ring,
            session=rng.randbytes(8),
            wall_offset_s=wall_offset_s,
            signing=self.signing(host),
        )
        host.node = GossipNode(identity, self.config, rng, host.local(self.now))
        host.paused, host.wake = False, float("inf")
        self._at[host.address] = host
        host.node.set_seeds(seeds, host.local(self.now))
        self.drain(host)
        return host.node

    def start_acquainted(self) -> None:
        """Start all hosts' processes as if they had known each other for long."""
        for name in self.hosts:
            self.start(name, [])
        records = [host.node.member for host in self.hosts.values() if host.node]
        for host in self.hosts.values():
            if host.node:
                host.node.acquaint(records, host.local(self.now))
                self.drain(host)

    def crash(self, name: str) -> None:
        """Its process is gone without a word."""
        host = self.hosts[name]
        host.node = None
        host.wake = float("inf")
        host.inbox.clear()

    def move(self, name: str, address: Address) -> None:
        """Its next process gets another address."""
        host = self.hosts[name]
        assert host.node is None
        if self._at.get(host.address) is host:  # else another one has taken its old address
            del self._at[host.address]
        host.address = address

    def pause(self, name: str) -> None:
        """Its process stands still; its socket's buffer fills."""
        self.hosts[name].paused = True

    def resume(self, name: str) -> None:
        """Its process goes on: late timers and the buffer first."""
        host = self.hosts[name]
        if not (host.node and host.paused):
            return
        host.paused, host.wake = False, float("inf")
        waiting, host.inbox = list(host.inbox), deque(maxlen=INBOX_MAX)
        now = host.local(self.now)
        host.node.handle_timer(now)
        for data, source in waiting:
            host.node.receive_datagram(data, source, now)
        self.drain(host)

    def update_load(self, host: Host, load: Load) -> None:
        """A host's load changes."""
        if host.node and not host.paused:
            host.node.update_load(load, host.local(self.now))
            self.drain(host)

    def run(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.clock.run(self.now + seconds)

    def until(self, condition: Callable[[], bool], within_s: float, every_s: float = 0.01) -> float | None:
        """Let time pass until `condition`, looked at every so often; how long it took, or None."""
        begun = self.now
        while not condition():
            if self.now - begun >= within_s:
                return None
            self.run(every_s)
        return self.now - begun

    def drain(self, host: Host) -> None:
        """Send what its node wants sent, take its events, set its timer."""
        node = host.node
        if node is None:
            return
        for data, target in node.datagrams_to_send(host.local(self.now)):
            self.network.send(host.address, target, data)
        for data, target in node.backup.datagrams():
            self.backup.send(Address(host.address.host, BACKUP_PORT), target, data)
        while event := node.next_event():
            self.on_event(host, event)
        if fetch := node.bulk.next():
            Transfer(self, host, fetch).begin()
        due = node.next_timer()
        if due is not None:
            when = host.virtual(due)
            if when < host.wake - 1e-9:
                host.wake = when
                self.clock.at(when, lambda: self._wake(host, node, when))
        if self.after_step:
            self.after_step(host)

    def _wake(self, host: Host, node: GossipNode, when: float) -> None:
        if host.node is not node or host.wake != when or host.paused:
            return
        host.wake = float("inf")
        node.handle_timer(host.local(self.now) + 1e-9)
        self.drain(host)

    def _deliver(self, source: Address, target: Address, data: bytes, copy: bool) -> None:
        host = self._at.get(target)
        if host is None or host.node is None:
            if self.refuses and host is not None:
                self._refuse(source, target)
            return
        if host.paused:
            host.inbox.append((data, source))
            return
        before = host.node.replays if copy else 0
        host.node.receive_datagram(data, source, host.local(self.now))
        if copy:
            self.on_copy(host, before)
        self.drain(host)

    def _deliver_backup(self, source: Address, target: Address, data: bytes, _copy: bool) -> None:
        host = self._at.get(Address(target.host, PORT))
        if host and host.node and not host.paused:
            host.node.backup.receive(data, source, host.local(self.now))
            self.drain(host)

    def _refuse(self, source: Address, target: Address) -> None:
        sender = self._at.get(source)
        if sender and sender.node and not sender.paused:
            sender.node.report_refused(target, sender.local(self.now))
            self.drain(sender)

    def delay_s(self, source: Address, target: Address) -> float:
        """One-way delay."""
        a, b = self._at.get(source), self._at.get(target)
        if a is None or b is None:
            return 0.01
        key = (a.place.city, b.place.city)
        if (known := self._delays.get(key)) is None:
            known = self._delays[key] = one_way_s(a.place, b.place)
        return known
