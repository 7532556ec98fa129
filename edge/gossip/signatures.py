"""Whose word a record is: signs this node's own, and refuses those that are not their owner's.

The first key that a name is seen with is its key: the member table is the table of pins, so it has the same bound, and
a name that is forgotten is free. A pin falls when its holder says goodbye, for that is signed, and when it has been
unreachable for `pin_s`: a holder that lives refutes that. What is not newer than what is held is not looked at, and
one signature is verified once.

Nobody passes on what it refuses. So who passes on a forgery, and signs itself, made it up, or knows the name no better
than a newcomer does; the first is certain only where the signature in a whole record does not fit its own key.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, NamedTuple

from msgspec.structs import replace

from edge.gossip.members import GONE, Peer, signs
from edge.gossip.reputation import Fault
from edge.model import Address, Member, Status
from edge.wire.messages import Announce, Claim, Want, encode, encode_record
from edge.wire.signatures import Signer, proven

if TYPE_CHECKING:
    from edge.gossip.core import Core

PIN_S = 60.0
FAILURES_MAX = (
    8  # verifications that failed, of one sender in one second; what else it tells then is not looked at
)
_SENDERS_MAX = 1024  # within that second
_SURE, _LIKELY = 1.0, 0.3  # how sure it is that the sender made it up
_ERRORS_MAX = (
    3  # of one sender; who goes on made up those before, too, but for another key: two pins may be at odds
)
_EVENT_EVERY_S = 10.0
_RETRY_S = 5.0  # after which who is refused asks again

Mode = Literal["off", "verify", "require"]


class Refusal(StrEnum):
    """Why a record was not taken; each is a label value of one counter."""

    WRONG = "wrong"  # the signature does not fit
    OTHER = "other_key"  # it fits another key than the name's
    MISSING = "missing"  # none, of a name that has a key
    UNSIGNED = "unsigned"  # none, where all must sign
    UNREAD = "unread"  # its sender told too many that do not fit


_WORDS = {
    Refusal.WRONG: "its signature does not fit",
    Refusal.OTHER: "it is signed with another key",
    Refusal.MISSING: "it is not signed, and the node signs",
    Refusal.UNSIGNED: "it is not signed",
    Refusal.UNREAD: "too many before it did not fit",
}


@dataclass(frozen=True, slots=True)
class Signing:
    """How one process signs, and what it takes of others."""

    signer: Signer | None = None
    mode: Mode = "off"
    pin_s: float = PIN_S


UNSIGNED = Signing()


class Blame(NamedTuple):
    """What was held against one sender."""

    second: int  # in which it was, last
    times: int  # seconds in which it was
    sure: float  # in the last of them


class Signatures:
    """One node's.

    Args:
        cluster: its id.
        signing: keys and rules.
    """

    def __init__(self, cluster: str, signing: Signing) -> None:
        self.mode = signing.mode
        self.made = 0
        self.verified = 0
        self.ahead = 0  # claims that are newer than the record held, which only its owner can raise
        self.refused = dict.fromkeys(Refusal, 0)
        self.accepted = (
            False  # whether a peer holds this process's record; not of a past self of the same second
        )
        self._cluster = cluster
        self._signer = signing.signer
        self._pin_s = signing.pin_s
        self._core: Core | None = None
        self._second = 0
        self._failures: dict[Address | None, int] = {}  # by sender, in this second
        self._blamed: dict[str, Blame] = {}
        self._told_at = self._shut_out_at = float("-inf")
        self._in_place = False  # whether who has the name has this address, too

    def attach(self, core: "Core") -> None:
        """Know the members; to be called once."""
        self._core = core

    @property
    def on(self) -> bool:
        """Whether anything is verified."""
        return self.mode != "off"

    def own(self, member: Member) -> Member:
        """This node's own record as it is told."""
        if self._signer is None:
            return member
        self.made += 1
        return self._signer.signed(member)

    def takes(self, member: Member, source: Address | None, now: float) -> bool:
        """Whether a whole record of another node may be merged; one that is no news is left to the table."""
        assert self._core
        peer = self._core.members.get(member.name)
        if not self.on or (peer and member.rank <= peer.member.rank and not signs(member, peer.member)):
            return True
        reason = self._judged(member, peer, source, now)
        if reason is None:
            return True
        if peer and reason is Refusal.OTHER and source == member.address:
            # It may be the owner, who has lost its key: it shall know why nobody lists it.
            away_s = max(0, int(now - peer.since)) if peer.member.status in GONE else 0
            self._core.outbox.send(source, encode_record(peer.member, away_s))
        teller = self._core.members.at(source) if source else None
        made_up = reason is Refusal.WRONG or (teller is not None and teller.member.key == member.key)
        self._refuse(reason, member.name, source, now, _SURE if made_up else _LIKELY)
        return False

    def after(self, member: Member, claim: Claim, source: Address | None, now: float) -> Member | None:
        """A record as a claim changes it; None, where the claim must not."""
        changed = replace(member, incarnation=claim.incarnation, status=claim.status)
        if claim.status in (Status.SUSPECT, Status.UNREACHABLE):
            if claim.incarnation > member.incarnation and member.proof:
                self.ahead += 1
                self._ask(member.name, source)
                return None
            return changed
        if not (member.proof and claim.signature):
            if member.proof and self.on:
                self._refuse(Refusal.MISSING, member.name, source, now)
                return None
            if claim.signature:
                self._ask(member.name, source)
            return replace(changed, proof=b"")
        changed = replace(changed, proof=member.key + claim.signature)
        if self.on and (reason := self._unfit(changed, source, now)):
            self._refuse(reason, member.name, source, now)
            return None
        return changed

    def mine(self, told: Announce, source: Address | None, now: float) -> bool:
        """Whether a record of this node's name may be its own: of its own key, or perhaps of before it had one.

        One that is properly signed with another key tells a newcomer that the name is taken.
        """
        assert self._core
        member, me = told.member, self._core.me
        past = member.key == me.key and member.incarnation < me.incarnation
        if not self.on or past or _same(member, me):
            return True
        reason = Refusal.MISSING if self.mode == "require" else None
        if member.proof and (reason := self._unfit(member, source, now)) is None and member.key != me.key:
            if not self.accepted:
                free = member.status is Status.LEFT or told.away_s > self._pin_s
                return free or self._shut_out(member, now)
            reason = Refusal.OTHER
        if reason:
            self._refuse(reason, member.name, source, now)
        return reason is None

    def heeds(self, claim: Claim, source: Address | None, now: float) -> bool:
        """Whether a claim about this node is to be answered.

        Where all sign, nobody honest can hold it gone of its own will, or at an incarnation that it has not told.
        """
        assert self._core
        ahead = claim.incarnation > self._core.me.incarnation or claim.status is Status.LEFT
        if self.mode == "require" and ahead:
            self._refuse(Refusal.MISSING, claim.name, source, now)
            return False
        return True

    def shut_out(self, now: float) -> bool:
        """Whether its name has another key and this address, for all others: then this process must not answer for it.

        Else its answers would keep the one alive who is gone, and the name would never be free.
        """
        return self._in_place and not self.accepted and now - self._shut_out_at <= 2 * _RETRY_S

    def _shut_out(self, holder: Member, now: float) -> bool:
        """Note that the name is taken, and ask again later; False."""
        assert self._core
        core = self._core
        if now - self._shut_out_at < _RETRY_S:
            return False
        self._shut_out_at, self._in_place = now, holder.address == core.me.address
        core.timers.at(now + _RETRY_S, self._ask_again)
        text = f"{core.name} is known by another key and is not let in until who holds it leaves, or is"
        core.emit("refused", core.name, f"{text} unreachable for {self._pin_s:g} s", now)
        return False

    def _ask_again(self, now: float) -> None:
        assert self._core
        if not self.accepted:
            self._core.spread(self._core.name, encode_record(self._core.me), None, now)

    def _judged(
        self, member: Member, peer: Peer | None, source: Address | None, now: float
    ) -> Refusal | None:
        known = peer.member.key if peer and not self._is_free(peer, now) else b""
        if not member.proof:
            missing = Refusal.MISSING if known else Refusal.UNSIGNED
            return missing if known or self.mode == "require" else None
        if known and member.key != known:
            return Refusal.OTHER
        if peer and member.status is not Status.LEFT and _same(member, peer.member):
            return None  # only the word of others about it is new
        return self._unfit(member, source, now)

    def _unfit(self, member: Member, source: Address | None, now: float) -> Refusal | None:
        """What is wrong with its signature."""
        if int(now) != self._second:
            self._second = int(now)
            self._failures.clear()
        failures = self._failures.get(source, 0 if len(self._failures) < _SENDERS_MAX else FAILURES_MAX)
        if failures >= FAILURES_MAX:
            return Refusal.UNREAD
        if proven(member, self._cluster):
            self.verified += 1
            return None
        self._failures[source] = failures + 1
        return Refusal.WRONG

    def _is_free(self, peer: Peer, now: float) -> bool:
        """Whether a name may have another key than before."""
        status = peer.member.status
        return status is Status.LEFT or (status is Status.UNREACHABLE and now - peer.since > self._pin_s)

    def _ask(self, name: str, source: Address | None) -> None:
        """Who knows more has the record itself."""
        assert self._core
        if source is not None:
            self._core.outbox.send(source, encode(Want((name,))))

    def _refuse(
        self, reason: Refusal, name: str, source: Address | None, now: float, sure: float = _LIKELY
    ) -> None:
        assert self._core
        core = self._core
        self.refused[reason] += 1
        sender = core.members.at(source) if source else None
        teller = sender.member.name if sender else str(source or core.name)
        if sender and self._is_to_blame(reason, name, sender.member):
            if reason is Refusal.UNREAD:  # nobody errs so often
                sure = _SURE if source in self._failures else 0.0  # else there are too many senders to know
            self._blame(teller, sure, now, errs=reason in (Refusal.OTHER, Refusal.UNREAD))
        if now - self._told_at >= _EVENT_EVERY_S:
            self._told_at = now
            text = f"what {teller} told of {name} was refused: {_WORDS[reason]}"
            core.emit("forged", name, text, now)

    def _is_to_blame(self, reason: Refusal, name: str, sender: Member) -> bool:
        """Whether an honest sender would not have told it. Who does not sign verifies nothing, and is not blamed."""
        assert self._core
        if reason is Refusal.UNSIGNED or not sender.proof or name in (sender.name, self._core.name):
            return False
        peer = self._core.members.get(name)
        if reason is Refusal.OTHER and (peer is None or peer.member.status is not Status.ALIVE):
            return False  # who holds the name is in doubt
        if len(self._blamed) >= _SENDERS_MAX:
            self._blamed.clear()
        return True

    def _blame(self, teller: str, sure: float, now: float, *, errs: bool) -> None:
        """Lower its reputation: in one second by no more than its worst, however often it is told."""
        assert self._core
        last = self._blamed.get(teller, Blame(-1, 0, 0.0))
        same = last.second == int(now)
        times = last.times + (not same)
        if times > _ERRORS_MAX and not errs:
            sure = _SURE
        counted = last.sure if same else 0.0
        if sure > counted:
            self._blamed[teller] = Blame(int(now), times, sure)
            self._core.reputation.fault(teller, Fault.FORGED, now, sure - counted)


def _same(member: Member, held: Member) -> bool:
    """Whether they differ in status at most."""
    return bool(held.proof) and replace(member, status=held.status) == held
