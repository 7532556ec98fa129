"""Is it there? Direct probes with repeats, then indirect ones through helpers, one object for each probe in flight.

SWIM §3 with Lifeguard's nacks; timeouts follow the round-trip time of each way. Helpers are asked together with the
last direct try. A refused datagram (ICMP port unreachable) ends the direct part at once.
"""

import itertools

from edge.gossip.core import Core
from edge.gossip.glances import Glances
from edge.gossip.members import Peer
from edge.gossip.membership import Membership
from edge.gossip.rtt import RttEstimator
from edge.gossip.sync import Sync
from edge.gossip.tempo import quality
from edge.gossip.timers import Timer
from edge.model import Address, Member, Status
from edge.wire.messages import Ack, Nack, Ping, PingReq, encode

DIRECT_TRIES = 3  # at 25% loss one try fails 44% of the time, three 9%
RELAYS_MAX = 1024
_AROUND = 3  # members probed before their turn where nobody answered,
_AT_ONCE = 8  # if not so many are being probed already
ZONES_MAX = 1024
_PRESENT = (Status.ALIVE, Status.SUSPECT)


class Probe:
    """One member being probed."""

    __slots__ = ("address", "asked", "nacks", "name", "sent", "seq", "timer", "tries")

    def __init__(self, seq: int, member: Member) -> None:
        self.seq = seq
        self.name = member.name
        self.address = member.address
        self.tries = 0
        self.sent = 0.0
        self.asked: dict[str, None] = {}  # helpers; none while the direct part lasts
        self.nacks = 0
        self.timer: Timer | None = None


class Relay:
    """A probe that somebody else asked us for."""

    __slots__ = ("address", "requester", "seq", "timer")

    def __init__(self, seq: int, requester: Address, address: Address, timer: Timer) -> None:
        self.seq = seq  # the requester's
        self.requester = requester
        self.address = address  # the target's
        self.timer = timer


class Prober:
    """Probes one member each period, in a shuffled round, and any member that refuses a datagram at once."""

    def __init__(self, core: Core, membership: Membership, sync: Sync, now: float) -> None:
        self._core = core
        self._membership = membership
        self._sync = sync
        self._seqs = itertools.count(1)
        self._glances = Glances(core, self._seqs, now)
        self._round: list[str] = []
        self._probes: dict[int, Probe] = {}
        self._in_flight: dict[str, Probe] = {}
        self._relays: dict[int, Relay] = {}
        self._zones: dict[
            str, RttEstimator
        ] = {}  # ways to members not probed before, as others of their zone are
        core.timers.at(now + core.rng.uniform(0, core.config.probe_period_s), self._period)

    def ping(self, message: Ping, source: Address, now: float) -> None:
        """Answer, if it is meant for us and not for somebody who had our address before."""
        if message.target == self._core.name and not self._core.signatures.shut_out(now):
            self._core.outbox.send(source, encode(Ack(message.seq, self._core.name, self._wall_ms(now))))
        else:
            self._core.counters.misdirected += 1

    def ack(self, message: Ack, now: float) -> None:
        """A probed member answered, or a helper passes its answer on."""
        if relay := self._relays.pop(message.seq, None):
            relay.timer.cancel()
            self._core.outbox.send(relay.requester, encode(Ack(relay.seq, message.source)))
            return
        probe = self._probes.get(message.seq)
        if probe is None or probe.name != message.source:
            self._glances.ack(message, now)
            return
        self._end(probe)
        self._core.awareness.add(-1)
        if peer := self._core.members.get(probe.name):
            direct_once = probe.tries == 1 and not probe.asked
            rtt_s = now - probe.sent if direct_once else None
            if rtt_s is not None:
                self._core.counters.probe_rtt.add(rtt_s)
                if message.wall_ms:
                    self._clock_of(peer, message.wall_ms - self._wall_ms(now - rtt_s / 2))
            self._core.tries.add(now, answered=direct_once)
            if (
                not probe.asked
            ):  # else by a helper, as far as can be told: this says nothing good of the direct way
                peer.rtt.answered(rtt_s)
                self._zone(peer.member).answered(rtt_s)
            self._core.tempo.way(quality(peer.rtt))

    def nack(self, message: Nack, now: float) -> None:
        """A helper got no answer either; when all have said so there is nothing to wait for."""
        probe = self._probes.get(message.seq)
        if probe is None or message.source not in probe.asked:
            return
        del probe.asked[message.source]
        probe.nacks += 1
        if not probe.asked:
            self._failed(probe, now)

    def ping_req(self, message: PingReq, source: Address, now: float) -> None:
        """Probe a member for somebody else."""
        if len(self._relays) >= RELAYS_MAX:
            return
        seq = next(self._seqs)
        address = Address(message.host, message.port)
        peer = self._core.members.at(address)
        wait_s = self._wait_s(peer) if peer else 4 * self._floor_s
        timer = self._core.timers.at(now + wait_s, lambda _: self._give_up(seq))
        self._relays[seq] = Relay(message.seq, source, address, timer)
        self._core.outbox.send(address, encode(Ping(seq, self._core.name, message.target)))

    def refused(self, address: Address, now: float) -> None:
        """The network said that nobody receives at `address`."""
        for seq, relay in list(self._relays.items()):
            if relay.address == address:
                self._give_up(seq)
        peer = self._core.members.at(address)
        if peer is None:
            return
        peer.refused = True
        probe = self._in_flight.get(peer.member.name)
        if probe is None:
            if self._membership.undecided(peer.member.name):
                self._begin(peer.member, now)
        elif not probe.asked:
            self._ask_helpers(probe, now)

    def hurry(self, address: Address, now: float) -> None:
        """There is reason to look after the member at `address` before its turn."""
        peer = self._core.members.at(address)
        if peer and peer.member.status is Status.ALIVE and peer.member.name not in self._in_flight:
            self._begin(peer.member, now)

    def start_over(self, now: float) -> None:
        """This process stood still: answers may wait unread, so nobody is accused for the time it missed."""
        self._glances.start_over()
        for probe in list(self._probes.values()):
            self._end(probe)
            if peer := self._core.members.get(probe.name):
                self._begin(peer.member, now)

    def _zone(self, member: Member) -> RttEstimator:
        if (known := self._zones.get(member.zone)) is None:
            if len(self._zones) >= ZONES_MAX:
                self._zones.clear()
            known = self._zones[member.zone] = RttEstimator()
        return known

    def _wait_s(self, peer: Peer) -> float:
        """How long to wait for a peer's answer; the way to its zone stands for one that is not known yet."""
        way = peer.way if peer.way and peer.way.srtt_s is not None else self._zone(peer.member)
        return way.timeout_s(self._floor_s)

    def _clock_of(self, peer: Peer, ahead_ms: int) -> None:
        """One measurement of how far its clock is ahead of ours (as NTP takes it, half the round trip each way)."""
        ahead_s = ahead_ms / 1000
        peer.offset_s = ahead_s if peer.offset_s is None else peer.offset_s + (ahead_s - peer.offset_s) / 8

    def _wall_ms(self, now: float) -> int:
        return int((now + self._core.wall_offset_s) * 1000)

    @property
    def _floor_s(self) -> float:
        return self._core.config.probe_timeout_min_s

    def _period(self, now: float) -> None:
        core = self._core
        core.timers.at(now + core.pace(now).probe_period_s * core.awareness.multiplier, self._period)
        if member := self._next():
            self._begin(member, now)

    def _next(self) -> Member | None:
        """The next member of the round; a round ends before it begins anew, so that nobody waits two rounds.

        Who is lost in a partition is not probed but called (`Across`).
        """
        for fresh in (False, True):
            if fresh:
                self._round = [one.name for one in self._core.others(*_PRESENT)]
                self._core.rng.shuffle(self._round)
            while self._round:
                name = self._round.pop()
                peer = self._core.members.get(name)
                if peer and peer.member.status in _PRESENT and not peer.cut and name not in self._in_flight:
                    return peer.member
        return None

    def _begin(self, member: Member, now: float) -> None:
        probe = Probe(next(self._seqs), member)
        self._probes[probe.seq] = self._in_flight[probe.name] = probe
        self._core.counters.probes += 1
        self._try(probe, now)

    def _try(self, probe: Probe, now: float) -> None:
        core = self._core
        peer = core.members.get(probe.name)
        if peer is None or peer.member.status not in _PRESENT or peer.member.address != probe.address:
            self._end(probe)
            return
        probe.tries += 1
        probe.sent = now
        # the digest rides along, so that a quiet cluster needs no datagrams for it
        load = core.loads.get(probe.name)
        ping = Ping(probe.seq, core.name, probe.name, load.version if load else 0)
        messages = [encode(ping), self._sync.root_message()]
        if peer.member.status is Status.SUSPECT:
            messages.append(self._membership.accusation(peer.member))
        core.outbox.send(probe.address, *messages)
        wait_s = self._wait_s(peer) * core.awareness.multiplier
        probe.timer = core.timers.at(now + wait_s, lambda then: self._missed(probe, then))

    def _missed(self, probe: Probe, now: float) -> None:
        if peer := self._core.members.get(probe.name):
            peer.rtt.missed()
            self._core.tempo.way(quality(peer.rtt))
        if probe.tries < DIRECT_TRIES - 1:
            self._try(probe, now)
            return
        self._try(probe, now)  # for the last time, and others try at the same moment
        if probe.seq in self._probes:
            self._ask_helpers(probe, now)

    def _ask_helpers(self, probe: Probe, now: float) -> None:
        """Have others probe it, rather of other zones: they have other ways to it."""
        core = self._core
        if probe.timer:
            probe.timer.cancel()
        me = core.me
        candidates = core.sample(
            2 * core.config.indirect_probes, Status.ALIVE, without=(probe.name, *core.reputation.shunned)
        )
        candidates.sort(key=lambda one: one.zone == me.zone)
        helpers = candidates[: core.config.indirect_probes]
        if not helpers:
            wait_s = self._floor_s * core.awareness.multiplier
            probe.timer = core.timers.at(now + wait_s, lambda then: self._failed(probe, then))
            return
        request = encode(PingReq(probe.seq, core.name, probe.name, probe.address.host, probe.address.port))
        for one in helpers:
            probe.asked[one.name] = None
            core.outbox.send(one.address, request)
        wait_s = 6 * self._floor_s * core.awareness.multiplier  # the helper's own wait, and both ways
        probe.timer = core.timers.at(now + wait_s, lambda then: self._failed(probe, then))

    def _failed(self, probe: Probe, now: float) -> None:
        """Helpers that did not even say no cast doubt on this node rather than on the probed one; a cut explains it."""
        self._end(probe)
        self._core.counters.probes_failed += 1
        if not self._core.tempo.cut:
            self._core.awareness.add(len(probe.asked))
        if probe.asked and not probe.nacks:
            self._look_around(now)
        self._membership.suspect(probe.name, now)

    def _look_around(self, now: float) -> None:
        """Nobody answered, helpers neither: whether anybody is reached shows sooner if some are asked at once."""
        free = max(0, _AT_ONCE - len(self._in_flight))
        for one in self._core.sample(min(_AROUND, free), Status.ALIVE, without=tuple(self._in_flight)):
            self._begin(one, now)

    def _end(self, probe: Probe) -> None:
        self._probes.pop(probe.seq, None)
        self._in_flight.pop(probe.name, None)
        if probe.timer:
            probe.timer.cancel()

    def _give_up(self, seq: int) -> None:
        if relay := self._relays.pop(seq, None):
            relay.timer.cancel()
            self._core.outbox.send(relay.requester, encode(Nack(relay.seq, self._core.name)))
