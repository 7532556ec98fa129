"""`GossipNode`: one member of the cluster as a machine without IO.

    for data, address in node.datagrams_to_send(now): …      after every call that may have changed something
    node.receive_datagram(data, address, now)                 for each datagram
    node.handle_timer(now)                                    at node.next_timer()
    while event := node.next_event(): …                       for people and logs
    while fetch := node.bulk.next(): …                        a bulk sync to carry (`edge.gossip.bulk`)
    for data, address in node.backup.datagrams(): …           on a second path, if there is one (`edge.gossip.backup`)

The caller owns socket and clock; `now` is in seconds, monotonic.
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edge.config import GossipConfig
from edge.gossip.across import Across
from edge.gossip.awareness import Awareness
from edge.gossip.backup import Backup
from edge.gossip.broadcast import Broadcasts
from edge.gossip.bulk import Bulk, Ciphers
from edge.gossip.contact import Contact
from edge.gossip.core import Core
from edge.gossip.counters import Counters
from edge.gossip.events import Events
from edge.gossip.figures import figures
from edge.gossip.keys import Keys
from edge.gossip.members import MemberTable, fitting
from edge.gossip.membership import Membership
from edge.gossip.outbox import Outbox
from edge.gossip.partition import PartitionDetector
from edge.gossip.picture import picture
from edge.gossip.probe import Prober
from edge.gossip.publish import Publisher
from edge.gossip.rounds import Rounds
from edge.gossip.serving import BulkServer
from edge.gossip.signatures import UNSIGNED, Signatures, Signing
from edge.gossip.storm import AUTHENTIC, SAMPLE, StormGuard
from edge.gossip.sync import Sync
from edge.gossip.tempo import Tempo
from edge.gossip.ticker import Ticker
from edge.gossip.trust import Trust
from edge.model import (
    Address,
    Durable,
    EventKind,
    GossipEvent,
    Load,
    Member,
    Quality,
    Status,
    TopSegments,
)
from edge.state.events import EventLog
from edge.state.reports import ReportTable
from edge.state.view import ClusterView
from edge.wire.errors import DecodeError, Drop
from edge.wire.keys import KeyRing
from edge.wire.messages import (
    BUCKETS,
    Ack,
    Announce,
    AnyMessage,
    Buckets,
    Claim,
    Entries,
    Join,
    Loads,
    Nack,
    Ping,
    PingReq,
    Pull,
    Root,
    Tell,
    Tops,
    Want,
    Welcome,
    decode,
)

_LATE_S = 0.25  # a timer this late means that the process stood still
_LESS_URGENT = (Loads, Tops)  # of which a storm lets only some pass


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes this process this member of this cluster."""

    member: Member
    cluster: str
    ring: KeyRing
    session: bytes  # eight bytes no other process start has drawn
    wall_offset_s: float = 0.0  # wall time since 1970 minus the monotonic time that is passed in
    signing: Signing = UNSIGNED


class GossipNode:
    """One member of the cluster.

    Args:
        identity: own record, cluster, keys.
        config: timing and bounds.
        rng: the only source of chance.
        now: the time, seconds.

    Raises:
        ConfigError: the own record is too large to be told in one datagram.
    """

    def __init__(self, identity: Identity, config: GossipConfig, rng: random.Random, now: float) -> None:
        self.counters = Counters()
        broadcasts = Broadcasts()
        self.keys = Keys(identity.ring, identity.cluster, identity.session)
        self.signatures = Signatures(identity.cluster, identity.signing)
        me = fitting(self.signatures.own(self.keys.record(identity.member)))
        self._outbox = Outbox(self.keys.sealer, broadcasts, self.counters)
        members = MemberTable(config.members_max)
        self._core = core = Core(
            name=identity.member.name,
            config=config,
            rng=rng,
            members=members,
            broadcasts=broadcasts,
            outbox=self._outbox,
            keys=self.keys,
            signatures=self.signatures,
            counters=self.counters,
            awareness=Awareness(config.awareness_max),
            tempo=Tempo(
                (config.tick_min_s, config.tick_max_s), (config.probe_period_s, config.probe_period_quiet_s)
            ),
            storm=StormGuard(now),
            rounds=Rounds(members, lambda: core.me, config.far_share, rng),
            wall_offset_s=identity.wall_offset_s,
            loads=ReportTable(config.members_max),
            tops=ReportTable(config.members_max),
        )
        self._partitions = PartitionDetector(core)
        self._membership = Membership(core, self._partitions, me, now)
        log = EventLog(config.events_max, BUCKETS)
        self._events = Events(core, log, now)
        ciphers = Ciphers(self.keys.sealer, self.keys.opener)
        self.bulk = Bulk(core, ciphers, lambda: self._sync.bucket_digests, self._apply)
        self._sync = Sync(core, log, self.bulk, now)
        self.bulk_server = BulkServer(core, ciphers, log, self._sync)
        self._prober = Prober(core, self._membership, self._sync, now)
        self._contact = Contact(core, self._membership, self._sync, now)
        self._partitions.on_doubt = self._prober.hurry
        self._across = Across(core, self._membership, self._sync, self._partitions, now)
        self._partitions.on_back = self._across.answered
        self._publisher = Publisher(core, self._events, now)
        self.backup = Backup(core, ciphers, self._publisher, self._partitions, now)
        self._reports = 0
        self._now = now
        self._view: ClusterView | None = None
        self._ticker = Ticker(core, self._sync, now)
        self.trust = Trust(core, now)

    def receive_datagram(self, data: bytes, address: Address, now: float) -> None:
        """Take in one datagram. Junk moves a counter and nothing else; nothing is raised."""
        self._now = now
        counters = self.counters
        counters.datagrams_received += 1
        counters.bytes_received += len(data)
        try:
            self._core.storm.unread(address, now)
            messages = decode(self.keys.opener.open(data))
        except DecodeError as error:
            counters.dropped[error.reason] += 1
            if error.reason is Drop.UNKNOWN_KEY:
                self.keys.strange(data, address, now)
            elif error.reason in AUTHENTIC:
                self._core.storm.admit(address, len(self._core.members), now)
            return
        core = self._core
        if (peer := core.heartbeat(address, now)) and peer.cut:
            self._across.heard(peer.member, now)
        messages = self.trust.sift(messages, peer, now)
        before = len(core.broadcasts)
        whole = core.storm.admit(address, len(core.members), now)
        for message in messages:
            if whole or not isinstance(message, _LESS_URGENT) or core.rng.random() < SAMPLE:
                self._apply(message, address, now)
        if not whole:
            self._ticker.enter_storm(now)
        if len(core.broadcasts) > before:
            self._ticker.hurry(now)

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        self._now = now
        due = self._core.timers.next()
        if due is not None and now - due > _LATE_S:
            self.counters.late_timers += 1
            self._core.awareness.add(1)
            self._prober.start_over(now)
        self._core.timers.run(now)
        self.trust.look(now)

    def next_timer(self) -> float | None:
        """When `handle_timer` is to be called next."""
        return self._core.timers.next()

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Address]]:
        """Everything that waits to be sent."""
        return self._outbox.flush()

    def next_event(self) -> GossipEvent | None:
        """The oldest event that nobody has taken yet."""
        return self._core.events.popleft() if self._core.events else None

    def report_refused(self, address: Address, now: float) -> None:
        """The system said that a datagram to `address` was refused (ICMP port unreachable)."""
        self.counters.refusals += 1
        self._prober.refused(address, now)

    def report_deleted(self, address: Address, now: float) -> bool:
        """The platform says that it deleted what ran at `address`; whether that settled a suspicion.

        A suspect there is unreachable at once, one held alive is probed at once: an accusation alone, or the
        platform's word alone, declares nobody dead.
        """
        peer = self._core.members.at(address)
        if peer is None or peer.member.status is not Status.SUSPECT:
            self._prober.hurry(address, now)
            return False
        claim = Claim(peer.member.name, peer.member.incarnation, Status.UNREACHABLE, self._core.name)
        self._membership.claim(claim, now)
        return True

    def set_seeds(self, seeds: list[Address], now: float) -> None:
        """Addresses through which to join."""
        self._contact.set_seeds(seeds, now)

    def update_load(self, load: Load, now: float) -> None:
        """This node's load at `now`."""
        if self._publisher.load(load, now):
            self._reports += 1
            self._ticker.hurry(now)

    def set_popularity(self, top: TopSegments, now: float) -> None:
        """This node's hottest segments at `now`."""
        if self._publisher.top(top, now):
            self._reports += 1
            self._ticker.hurry(now)

    def set_quality(self, told: Quality, now: float) -> None:
        """What this node's viewers see at `now`."""
        if self._publisher.quality(told, now):
            self._reports += 1
            self._ticker.hurry(now)

    def create_event(self, kind: EventKind, key: str, body: str, ttl_s: int, now: float) -> Durable:
        """Accept a durable event: every node that is there or comes back acts on it, until `ttl_s` are over.

        Raises:
            Refusal: it fits no datagram, or too many are being told.
        """
        return self._events.create(kind, key, body, ttl_s, now)

    def hasten(self, now: float) -> None:
        """Something is about to happen: gossip at full pace for a second."""
        self._core.tempo.hasten(now)
        self._ticker.hurry(now)

    def next_durable(self) -> Durable | None:
        """The oldest event to act on; `confirm_durable` says that it is done."""
        return self._events.next()

    def confirm_durable(self, event: Durable, now: float) -> None:
        """This node has acted on `event`; the others hear of it with the next load."""
        if self._events.confirm(event, now):
            self._publisher.acknowledge(now)
            self._ticker.hurry(now)

    def durables(self) -> list[Durable]:
        """The events that count now, oldest first."""
        return self._events.events()

    def reached(self, event: Durable) -> list[str]:
        """Members known to have acted on `event`."""
        return self._events.reached(event)

    def acted_s(self, event: Durable) -> Mapping[str, float]:
        """Seconds after which each member was known to have acted; of events that were made here lately."""
        return self._events.times(event)

    def audience(self) -> list[str]:
        """Names of the members that are to act on events, this one among them."""
        return [self._core.name, *self._events.audience()]

    def acquaint(self, records: Iterable[Member], now: float) -> None:
        """Take in member records without telling them on, as from a saved table or a bulk sync."""
        for record in records:
            if record.name != self._core.name:
                self._core.members.merge(record, now)

    @property
    def member(self) -> Member:
        """This node's own record."""
        return self._core.me

    def load_of(self, name: str) -> Load | None:
        """The newest load held of a node."""
        held = self._core.loads.get(name)
        return held.value if held else None

    def status_of(self, name: str) -> Status | None:
        """The status held of a node."""
        peer = self._core.members.get(name)
        return peer.member.status if peer else None

    def leave(self, now: float) -> None:
        """Tell the cluster that this node goes. Let timers run on for about a second afterwards."""
        self._membership.leave(now)

    @property
    def conflict(self) -> str:
        """Why this process must stop: another one has its name. Empty if all is well."""
        return self._membership.conflict

    @property
    def awareness(self) -> int:
        """Local health multiplier, 0 (fine) and up."""
        return self._core.awareness.score

    def answered(self, now: float) -> float:
        """Share of this node's own tries to reach members that were answered in the last seconds, 0 to 1."""
        return self._core.tries.share(now)

    @property
    def sessions(self) -> int:
        """Sessions in the bounded table of the frame opener."""
        return self.keys.opener.sessions

    def state_figures(self) -> dict[str, float]:
        """What metrics show of the engine's state at this moment."""
        return figures(self._core, self._events, self._now)

    @property
    def replays(self) -> int:
        """Datagrams dropped because they came before."""
        return self.counters.dropped[Drop.REPLAY]

    @property
    def members_refused(self) -> int:
        """Records of new members that the full table did not take in."""
        return self._core.members.refused

    def view(self) -> ClusterView:
        """The cluster as this node holds it; the same object until something changes."""
        core = self._core
        version = core.version + self._reports + self.backup.reports + self._partitions.version
        if self._view is None or self._view.version != version:
            self._view = ClusterView(version, core.name, picture(core, self._now), self._partitions.partition)
        return self._view

    def _apply(self, message: AnyMessage, address: Address, now: float) -> None:
        match message:
            case Loads():
                self._reports += self._publisher.loads(message, now)
            case Tops():
                self._reports += self._publisher.tops(message, now)
            case Root():
                self._sync.root(message, address, now)
            case Ping():
                self._prober.ping(message, address, now)
                if message.target == self._core.name:
                    self._reports += self._publisher.held_elsewhere(message.load, now)
            case Ack():
                self._prober.ack(message, now)
            case Nack():
                self._prober.nack(message, now)
            case PingReq():
                self._prober.ping_req(message, address, now)
            case Claim():
                self._membership.claim(message, now, address)
            case Announce():
                self._membership.record(message, now, address)
            case Pull():
                self._ticker.pulled(address)
            case Buckets():
                self._sync.buckets(message, address)
            case Entries():
                self._sync.entries(message, address, now)
            case Want():
                self._sync.want(message, address, now)
            case Join():
                self._contact.join(message, address, now)
            case Tell():
                self._events.heard(message.event, address, now)
            case Welcome():
                self._contact.welcome(message, address, now)
