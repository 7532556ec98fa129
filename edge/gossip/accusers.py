"""Who calls others dead that are alive: accusations heard from the accuser itself, and how they ended.

A node on a bad way accuses many, and is no liar; so an accusation is held against nobody who is hard to reach himself,
nor where another accuses the same node, nor by a node that hears little. What is told on by others, or in the name of
others, is held against nobody: only a signature could say who began it.
"""

from collections import deque
from typing import NamedTuple

from edge.gossip.core import Core
from edge.gossip.members import Peer
from edge.gossip.reputation import Fault
from edge.model import Status, generation_of
from edge.wire.messages import Claim

PENDING_MAX = 256
REFUTED_S = 1.5  # who is there, and reached, has answered by then
_KEPT_S = 5.0  # so long an accusation stands beside others of the same node
_LOSS_MAX = 0.1  # of the way to the accuser
_ANSWERED_LEAST = 0.9  # of this node's own tries
_AGAIN = 3  # refuted accusations of one accuser within that time: fewer may be bad luck,
_MOST = 0.7  # and where others accuse in vain, too, it is the weather
_REFUTED_MAX = 64


class _Accusation(NamedTuple):
    accuser: str
    name: str
    incarnation: int
    at: float


class Accusers:
    """Accusations of the last seconds."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._pending: dict[tuple[str, str, int], _Accusation] = {}
        self._accused: dict[str, dict[str, float]] = {}  # by whom, and when
        self._refuted: deque[tuple[float, str]] = deque(maxlen=_REFUTED_MAX)  # when, and whose

    def heard(self, claim: Claim, now: float) -> None:
        """`claim.accuser` itself says that a member is suspect, or gone."""
        key = (claim.accuser, claim.name, claim.incarnation)
        if len(self._pending) >= PENDING_MAX or claim.name == self._core.name:
            return
        self._pending.setdefault(key, _Accusation(*key, now))
        self._accused.setdefault(claim.name, {})[claim.accuser] = now

    def look(self, now: float) -> None:
        """Judge those that were refuted; forget those that were not."""
        if not self._pending:
            return
        self._forget(now)
        calm = not self._core.tempo.cut and self._core.tries.worst(now) >= _ANSWERED_LEAST
        for key, one in list(self._pending.items()):
            if self._is_refuted(one):
                del self._pending[key]
                self._refuted.append((now, one.accuser))
                if not self._again_and_again(one.accuser, now):
                    continue
                if calm and now - one.at <= REFUTED_S and self._alone(one) and self._well_reached(one):
                    self._core.reputation.fault(one.accuser, Fault.ACCUSATION, now)
            elif now - one.at > _KEPT_S:
                del self._pending[key]

    def _forget(self, now: float) -> None:
        for name in list(self._accused):
            held = {who: at for who, at in self._accused[name].items() if now - at <= _KEPT_S}
            if held:
                self._accused[name] = held
            else:
                del self._accused[name]

    def _again_and_again(self, accuser: str, now: float) -> bool:
        lately = [who for at, who in self._refuted if now - at <= _KEPT_S]
        own = lately.count(accuser)
        return own >= _AGAIN and own >= _MOST * len(lately)

    def _is_refuted(self, one: _Accusation) -> bool:
        peer = self._core.members.get(one.name)
        if peer is None or peer.member.status is not Status.ALIVE:
            return False
        same = generation_of(peer.member.incarnation) == generation_of(one.incarnation)
        return same and peer.member.incarnation > one.incarnation

    def _alone(self, one: _Accusation) -> bool:
        return all(who == one.accuser for who in self._accused.get(one.name, ()))

    def _well_reached(self, one: _Accusation) -> bool:
        return all(_reached(self._core.members.get(name)) for name in (one.accuser, one.name))

    def __len__(self) -> int:
        return len(self._pending)


def _reached(peer: Peer | None) -> bool:
    """Whether the way to it is known to be good."""
    return (
        peer is not None
        and peer.way is not None
        and peer.way.srtt_s is not None
        and peer.way.loss <= _LOSS_MAX
    )
