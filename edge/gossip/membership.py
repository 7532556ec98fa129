"""Who is in the cluster and in which state: merges records and claims, suspects, refutes, leaves, forgets.

Only the owner of a name raises its incarnation, and only to refute. Everybody else may claim a worse status at the
incarnation they know: suspect, and after the suspicion time unreachable.
"""

from msgspec import structs

from edge.gossip.core import Core
from edge.gossip.members import GONE, Change
from edge.gossip.outbox import MESSAGE_MAX_BYTES
from edge.gossip.partition import PartitionDetector
from edge.gossip.suspicion import Suspicion, appeals_for, least_s
from edge.model import (
    GENERATION_MAX,
    KEY_BYTES,
    Address,
    Member,
    Status,
    first_version,
    generation_of,
    incarnation_of,
)
from edge.wire.messages import Announce, Claim, LoadRow, Loads, Ping, TopRow, Tops, encode, encode_record

NAMES_MAX = 4  # that are there at one address: a process starts anew before its past self is known to be gone
_LAST_CALLS_S = (0.25, 0.12)  # before the end of a suspicion
_LEAVE_TO = 16  # members that are told at once that we leave; the others hear it from them
_START_UP_S = 5.0  # from a peer's first word on, a newer self that peers remember is our past, later a rival
_FORGET_EVERY_S = 30.0
_DOUBT_S = 0.25  # how long a node that hears little waits for the answer to a further call
_HOLD_S = 0.25  # how soon a suspicion is looked at again that waits for others
_PRESENT = (Status.ALIVE, Status.SUSPECT)


class Membership:
    """Owns the member table's changes; every change is told on and becomes an event."""

    def __init__(self, core: Core, partitions: PartitionDetector, me: Member, now: float) -> None:
        self._core = core
        self._partitions = partitions
        self._met: float | None = None  # when a peer first told us of members: nobody alone has a rival
        self._suspicions: dict[str, Suspicion] = {}
        self.leaving = False
        self.conflict = ""
        core.members.merge(me, now)
        core.timers.at(now + _FORGET_EVERY_S, self._forget)

    def record(self, told: Announce, now: float, source: Address | None = None) -> None:
        """A whole record came in from `source`."""
        member, away_s = told.member, told.away_s
        if self._met is None and source is not None:
            self._met = now
        if member.name == self._core.name:
            self._told_of_me(told, now, source)
            return
        if self._crowds(member):
            return
        encoded = encode_record(member, away_s)
        if len(encoded) > MESSAGE_MAX_BYTES:
            self._core.counters.oversize += 1
        elif away_s > self._core.config.keep_s and self._core.members.get(member.name) is None:
            return  # forgotten here, and soon where it comes from
        elif not self._core.signatures.takes(member, source, now):
            return
        elif change := self._core.members.merge(member, now - away_s):
            self._changed(change, "", encoded, now, source)

    def claim(self, claim: Claim, now: float, source: Address | None = None) -> None:
        """A claim about one member's status came in from `source`."""
        if claim.name == self._core.name:
            if not self._ends_me(claim, now) and self._core.signatures.heeds(claim, source, now):
                self._about_me(claim.incarnation, claim.status, now, source)
            return
        peer = self._core.members.get(claim.name)
        if peer is None or generation_of(peer.member.incarnation) != generation_of(claim.incarnation):
            return  # of another process of that name: anti-entropy brings the record itself
        if claim.status in (Status.ALIVE, Status.LEFT) and claim.accuser != claim.name:
            return  # only the owner may say so
        rank = (claim.incarnation, claim.status)
        if rank == peer.member.rank:
            self._confirm(claim, now)
        elif rank > peer.member.rank and (
            member := self._core.signatures.after(peer.member, claim, source, now)
        ):
            change = self._core.members.merge(member, now)
            assert change
            self._changed(change, claim.accuser, encode(claim), now, source)

    def suspect(self, name: str, now: float) -> None:
        """This node's own probe of `name` failed."""
        peer = self._core.members.get(name)
        if peer is None or peer.member.status not in (Status.ALIVE, Status.SUSPECT):
            return
        self.claim(Claim(name, peer.member.incarnation, Status.SUSPECT, self._core.name), now)

    def undecided(self, name: str) -> bool:
        """Whether this node's own doubt in `name` would still be news."""
        peer = self._core.members.get(name)
        if peer is None or peer.member.status is not Status.SUSPECT:
            return peer is not None and peer.member.status is Status.ALIVE
        suspicion = self._suspicions.get(name)
        return suspicion is not None and suspicion.wants(self._core.name)

    def accusation(self, member: Member) -> bytes:
        """What an accused member must hear to be able to refute."""
        return encode(Claim(member.name, member.incarnation, member.status, self._core.name))

    def call(self, member: Member) -> None:
        """Call after one that is lost. No probe waits for an answer: its refutation is the answer."""
        ping = encode(Ping(0, self._core.name, member.name))
        self._core.outbox.send(member.address, ping, self.accusation(member))

    def renew(self, generation: int, now: float) -> None:
        """Peers know a self from a later time (our clock stepped back): start a generation above it."""
        self._core.signatures.accepted = False
        self._become(incarnation_of(min(generation, GENERATION_MAX)), self._core.me.status, now)
        self._announce_me(now)

    def leave(self, now: float) -> None:
        """Say goodbye: at once to some members, and on from there."""
        if self.leaving:
            return
        self.leaving = True
        me = self._core.me
        encoded = self._become(me.incarnation, Status.LEFT, now)
        self._core.broadcasts.urgent.put(me.name, encoded, self._core.limit())
        for one in self._core.sample(_LEAVE_TO, Status.ALIVE, Status.SUSPECT):
            self._core.outbox.send(one.address, encoded)

    def _about_me(self, incarnation: int, status: Status, now: float, source: Address | None) -> None:
        me = self._core.me
        if generation_of(incarnation) > generation_of(me.incarnation):
            if not self._is_settled(now):
                self.renew(generation_of(incarnation) + 1, now)
            elif not self.conflict:
                self.conflict = f"another process gossips as {me.name}; every node needs a name of its own"
                self._core.emit("conflict", me.name, self.conflict, now)
        elif incarnation < me.incarnation:
            past = generation_of(incarnation) < generation_of(me.incarnation)
            missed = past or status is not Status.ALIVE  # our start, or our refutation
            if source is not None and missed:
                self._core.outbox.send(source, encode_record(me))
        elif (incarnation, status) > me.rank:
            self._refute(incarnation, status, now)

    def _become(self, incarnation: int, status: Status, now: float) -> bytes:
        """Be this from now on; the claim that says so."""
        core = self._core
        me = core.signatures.own(structs.replace(core.me, incarnation=incarnation, status=status))
        core.members.merge(me, now)
        return encode(Claim(me.name, incarnation, status, me.name, me.proof[KEY_BYTES:]))

    def _told_of_me(self, told: Announce, now: float, source: Address | None) -> None:
        """Somebody tells a record of this node's name."""
        member = told.member
        if not self._core.signatures.mine(told, source, now):
            return
        if _is_forged(member, self._core.me):
            self._disown(member, now)
        elif member.proof or not self._ends_me(member, now):
            self._about_me(member.incarnation, member.status, now, source)

    def _ends_me(self, told: Member | Claim, now: float) -> bool:
        """Whether it would make this process give up its name, and is nobody's who could say so."""
        later = generation_of(told.incarnation) > generation_of(self._core.me.incarnation)
        return later and self._core.signatures.on and self._is_settled(now)

    def _is_settled(self, now: float) -> bool:
        """Whether what peers remember of this node's past is known by now."""
        return self._met is not None and now - self._met >= _START_UP_S

    def _refute(self, incarnation: int, status: Status, now: float) -> None:
        core = self._core
        me = core.me
        # No whole record: at the end of a cut all refute at once.
        core.spread(me.name, self._become(incarnation + 1, me.status, now), None, now)
        if not self.leaving:
            core.counters.refutations += 1
            core.awareness.add(1)
            core.emit("refuted", me.name, f"{me.name} was called {status.name.lower()} and refuted it", now)

    def _disown(self, forged: Member, now: float) -> None:
        """Somebody told this node's record with another address or the like: the true one is told as a newer one."""
        core = self._core
        core.counters.disowned += 1
        self._become(forged.incarnation + 1, core.me.status, now)
        self._announce_me(now)
        core.emit(
            "forged", core.name, f"a record of {core.name} that it never made was told, and disowned", now
        )

    def _crowds(self, member: Member) -> bool:
        """Whether a new name is at an address where too many are."""
        core = self._core
        if core.members.get(member.name) is not None or core.members.at(member.address) is None:
            return False
        there = sum(one.address == member.address for one in core.others(*_PRESENT))
        if there < NAMES_MAX:
            return False
        core.counters.names_refused += 1
        return True

    def _announce_me(self, now: float) -> None:
        me = self._core.me
        self._core.spread(me.name, encode_record(me), None, now)

    def _confirm(self, claim: Claim, now: float) -> None:
        suspicion = self._suspicions.get(claim.name)
        if suspicion is None or not suspicion.confirm(claim.accuser):
            return
        self._core.spread(f"{claim.name} {claim.accuser}", encode(claim), None, now)
        self._watch(claim.name, suspicion)

    def _changed(
        self, change: Change, accuser: str, encoded: bytes, now: float, source: Address | None
    ) -> None:
        core, member = self._core, change.after
        for reports in (core.loads, core.tops, core.qualities):  # what an earlier process of it reported
            reports.forget(member.name, before=first_version(member.incarnation))
        if change.before and generation_of(change.before.incarnation) != generation_of(member.incarnation):
            core.keys.forget(member.name)
            self._tell_past(member)
        if member.status is Status.ALIVE and (change.before is None or change.before.status not in _PRESENT):
            core.rounds.enter(member)
        suspicion = self._suspicions.pop(member.name, None)
        for told in suspicion.accusers if suspicion else ():
            core.broadcasts.urgent.drop(f"{member.name} {told}")
        self._core.spread(member.name, encoded, source, now)
        core.emit(*_describe(change, suspicion, accuser, now), now)
        self._partitions.changed(change, now)
        if member.status is Status.SUSPECT:
            self._suspicions[member.name] = fresh = self._suspicion(member, now)
            fresh.confirm(accuser)
            if accuser == core.name:
                core.outbox.send(
                    member.address, encoded
                )  # Lifeguard's buddy: it shall hear it first, to refute
            self._watch(member.name, fresh)

    def _tell_past(self, member: Member) -> None:
        """A new process hears what is held that looks newer than itself (its clock stepped back), to count on above."""
        core = self._core
        if load := core.loads.get(member.name):
            row = LoadRow(member.name, load.version, load.value, load.applied, core.keys.row(member.name))
            core.outbox.send(member.address, encode(Loads([row])))
        if top := core.tops.get(member.name):
            core.outbox.send(member.address, encode(Tops([TopRow(member.name, top.version, top.value)])))

    def _suspicion(self, member: Member, now: float) -> Suspicion:
        config = self._core.config
        alive = len(self._core.others(Status.ALIVE))
        least = max(config.suspicion_min_s, least_s(config.suspicion_mult, alive + 1, config.probe_period_s))
        expected = min(config.suspicion_confirmations, alive)  # as many others as there are to confirm
        return Suspicion(member.incarnation, now, least, config.suspicion_max_factor * least, expected)

    def _watch(self, name: str, suspicion: Suspicion) -> None:
        """Look again at the deadline; a deadline that moved closer has a timer of its own."""

        def expire(now: float) -> None:
            if self._suspicions.get(name) is suspicion and now >= suspicion.deadline:
                if self._partitions.holds(name, now):  # one cut link must start no eviction storm
                    self._core.timers.at(now + _HOLD_S, expire)
                elif self._doubts_its_link(name, suspicion, now):
                    self._core.timers.at(now + _DOUBT_S, expire)
                else:
                    self.claim(Claim(name, suspicion.incarnation, Status.UNREACHABLE, self._core.name), now)

        def last_call(_now: float) -> None:
            """Who accuses asks once more: the way may be back."""
            peer = self._core.members.get(name)
            if peer and self._suspicions.get(name) is suspicion and self._core.name in suspicion.accusers:
                self.call(peer.member)

        for before_s in _LAST_CALLS_S:
            self._core.timers.at(suspicion.deadline - before_s, last_call)
        self._core.timers.at(suspicion.deadline, expire)

    def _doubts_its_link(self, name: str, suspicion: Suspicion, now: float) -> bool:
        """Whether to ask once more before the verdict: a node that hears little may have missed all refutations.

        Others, who hear well, do not wait for it.
        """
        peer = self._core.members.get(name)
        if peer is None or suspicion.appeals >= appeals_for(self._core.tries.worst(now)):
            return False
        suspicion.appeals += 1
        self.call(peer.member)
        return True

    def _forget(self, now: float) -> None:
        core = self._core
        for peer in core.members.peers():
            away = peer.member.status in GONE and now - peer.since > core.config.keep_s
            if away and peer.member.name != core.name:
                core.members.forget(peer.member.name)
                core.keys.forget(peer.member.name)
        for reports in (core.loads, core.tops, core.qualities):
            for name in reports.nodes():
                if core.members.get(name) is None:
                    reports.forget(name)
        core.timers.at(now + _FORGET_EVERY_S, self._forget)


def _is_forged(member: Member, me: Member) -> bool:
    """Whether a record of this process says of it what it does not say itself."""
    if member.incarnation < me.incarnation or generation_of(member.incarnation) != generation_of(
        me.incarnation
    ):
        return False
    return structs.replace(member, incarnation=me.incarnation, status=me.status, proof=me.proof) != me


def _describe(change: Change, suspicion: Suspicion | None, accuser: str, now: float) -> tuple[str, str, str]:
    """Kind, node and sentence of an event."""
    name, status = change.after.name, change.after.status
    if status is Status.ALIVE:
        if change.before is None:
            return ("joined", name, f"{name} joined")
        if change.before.status is Status.ALIVE:
            return ("alive", name, f"{name} announced itself anew")
        return ("alive", name, f"{name} is alive again")
    if status is Status.SUSPECT:
        return ("suspect", name, f"{name} is suspect: {accuser or 'somebody'} got no answer")
    if status is Status.LEFT:
        return ("left", name, f"{name} left")
    if suspicion is None:
        return ("unreachable", name, f"{name} is unreachable, says {accuser or 'its record'}")
    waited, accusers = now - suspicion.started, len(suspicion.accusers)
    return ("unreachable", name, f"{name} is unreachable: no answer for {waited:.1f} s, accusers: {accusers}")
