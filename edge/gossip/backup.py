"""The second path: what must not wait for the end of a cut crosses it, within a byte budget.

It stands for a satellite link or a mobile modem: another address of each node, on another network. Durable events go
over it, and each node's load row, which acknowledges them. Nothing about members does: who answers on the second path
is not back on the first, and a cut that closed and opened with every word would be worse than a cut.
"""

import math
from functools import partial

from edge.gossip.broadcast import Broadcasts
from edge.gossip.bulk import Ciphers
from edge.gossip.core import Core
from edge.gossip.outbox import BODY_MAX_BYTES, Outbox
from edge.gossip.partition import PartitionDetector
from edge.gossip.publish import Publisher
from edge.model import Address, Durable, Member, Status
from edge.state.events import TICK_BITS
from edge.wire.errors import DecodeError
from edge.wire.frame import OVERHEAD_BYTES
from edge.wire.messages import LoadRow, Loads, Tell, decode, encode

_ISLAND_RATE = 4.0  # words a second of a whole island while there is nothing new
_PAUSE_MIN_S, _PAUSE_MAX_S = 0.25, 2.5  # of one node, on average
_EAGER = 4  # nodes of an island that pass on a new event at once
_ANSWER_S = 0.1  # in which the application acts on what came, so that the answer acknowledges it
_SAVED_S = 2.0  # budget that is not used is kept so long
_BEFORE_S = 5.0  # what is older than the cut by more is on both sides
_DOUBT_S = 60.0  # and so much where this node sees no cut
_SPOKE_S = 30.0  # who spoke on this path is answered so long
_MISSING = (Status.SUSPECT, Status.UNREACHABLE)


class Backup:
    """Tells the lost what is new, and hears it from them.

    Args:
        core: shared state.
        ciphers: of this node's session, which both paths share.
        publisher: takes in loads and events.
        partitions: who is lost.
        now: the time.
    """

    def __init__(
        self, core: Core, ciphers: Ciphers, publisher: Publisher, partitions: PartitionDetector, now: float
    ) -> None:
        self._core = core
        self._opener = ciphers.opener
        self._outbox = Outbox(ciphers.sealer, Broadcasts(), core.counters)
        self._publisher = publisher
        self._events = publisher.events
        self._partitions = partitions
        self._rate = core.config.backup_kbps * 1000 / 8
        self._saved_bytes = self._rate * _SAVED_S
        self._saved_at = now
        self._told: dict[Durable, int] = {}  # how often each recent event was sent
        self._answers: set[str] = set()  # whom an answer is due to
        self._heard: dict[str, float] = {}  # who spoke on this path: when; bounded by the member table
        self.wide = False  # whether all are told that are missing, without a cut and before they speak
        self.reports = 0  # changed by what came in
        self._events.on_new = self._tell
        if core.me.backup:  # else there is nothing to send it by, for as long as this process lives
            core.timers.at(now + core.jitter(_PAUSE_MIN_S), self._beat)

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """Take in one datagram of the second path. Junk moves a counter and nothing else; nothing is raised."""
        counters = self._core.counters
        counters.backup_received += 1
        try:
            messages = decode(self._opener.open(data))
        except DecodeError as error:
            counters.dropped[error.reason] += 1
            return
        for message in messages:
            match message:
                case Loads():
                    self.reports += self._publisher.loads(message, now)
                    self._answer(message, now)
                case Tell():
                    self._events.heard(message.event, address, now)
                case _:
                    counters.backup_foreign += 1

    def datagrams(self) -> list[tuple[bytes, Address]]:
        """Everything that waits to be sent on the second path."""
        datagrams = self._outbox.flush()
        self._core.counters.backup_sent += len(datagrams)
        self._core.counters.backup_bytes_sent += sum(len(data) for data, _ in datagrams)
        return datagrams

    def _tell(self, event: Durable, here: bool, now: float) -> None:
        """A new event was accepted here or heard of: some nodes of the island pass it on at once."""
        targets = self._targets(now)
        if not targets or any(one.name == event.origin for one in targets):
            return
        if here or self._core.rng.random() * self._core.members.count(Status.ALIVE) < _EAGER:
            self._send(self._core.rng.choice(targets), [event], now)

    def _beat(self, now: float) -> None:
        core, pause_s = self._core, _PAUSE_MIN_S
        if targets := self._targets(now):
            member = core.rng.choice(targets)
            self._send(member, self._news_for(member, now), now)
            pause_s = min(_PAUSE_MAX_S, max(_PAUSE_MIN_S, core.members.count(Status.ALIVE) / _ISLAND_RATE))
        else:
            self._told.clear()
        self._heard = {name: at for name, at in self._heard.items() if now - at < _SPOKE_S}
        core.timers.at(now + core.rng.uniform(0, 2 * pause_s), self._beat)  # not in step with the others

    def _answer(self, message: Loads, now: float) -> None:
        """Who has not acted on the same events as this node hears soon what it lacks, and what was done here."""
        for row in message.rows:
            if self._core.members.get(row.node):
                self._heard[row.node] = now
            if row.applied != self._events.applied and row.node not in self._answers:
                self._answers.add(row.node)
                self._core.timers.at(now + _ANSWER_S, partial(self._reply, row.node))

    def _reply(self, name: str, now: float) -> None:
        self._answers.discard(name)
        peer = self._core.members.get(name)
        if peer and peer.member in self._targets(now):
            self._send(peer.member, self._news_for(peer.member, now), now)

    def _targets(self, now: float) -> list[Member]:
        """Who is to be told on this path: the lost, who spoke on it and is missing, and in need whoever is missing.

        One node that is cut off alone is in a partition; to all others it is one that may have died.
        """
        core = self._core
        if not core.me.backup:
            return []
        missing = (peer for peer in core.members.peers() if peer.member.status in _MISSING)
        return [
            peer.member
            for peer in missing
            if peer.member.backup
            and (self.wide or peer.cut or now - self._heard.get(peer.member.name, -math.inf) < _SPOKE_S)
        ]

    def _news_for(self, member: Member, now: float) -> list[Durable]:
        """Recent events, those first that were sent least; none to who has acted on the same as this node."""
        held = self._core.loads.get(member.name)
        if held and held.applied == self._events.applied:
            return []
        cut = self._partitions.partition
        since = cut.since - _BEFORE_S if cut else now - _DOUBT_S
        since_ms = (since + self._core.wall_offset_s) * 1000
        recent = [one for one in reversed(self._events.events()) if one.at >> TICK_BITS >= since_ms]
        self._told = {one: self._told.get(one, 0) for one in recent}
        return sorted(recent, key=self._told.__getitem__)

    def _send(self, member: Member, events: list[Durable], now: float) -> None:
        """One datagram: the own load, and as many of `events` as fit it."""
        if (address := member.backup) is None:
            return
        messages = self._own_load()
        used = sum(len(one) + 1 for one in messages)
        fitting = []
        for event in events:
            told = encode(Tell(event))
            used += len(told) + 1
            if used > BODY_MAX_BYTES:
                break
            messages.append(told)
            fitting.append(event)
        if messages and self._afford(sum(map(len, messages)) + OVERHEAD_BYTES, now):
            self._core.keys.found(member.name, address)
            self._outbox.send(address, *messages)
            for event in fitting:
                self._told[event] = self._told.get(event, 0) + 1

    def _own_load(self) -> list[bytes]:
        held = self._core.loads.get(self._core.name)
        if held is None:
            return []
        name, applied = self._core.name, self._events.applied
        return [encode(Loads([LoadRow(name, held.version, held.value, applied, self._core.keys.row(name))]))]

    def _afford(self, size: int, now: float) -> bool:
        """Take so much of the budget; it is counted before compression, so less is sent."""
        saved = self._saved_bytes + (now - self._saved_at) * self._rate
        self._saved_bytes, self._saved_at = min(saved, self._rate * _SAVED_S), now
        if size > self._saved_bytes:
            self._core.counters.backup_over_budget += 1
            return False
        self._saved_bytes -= size
        return True
