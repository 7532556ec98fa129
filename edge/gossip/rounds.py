"""Whose turn it is to get gossip: shuffled rounds, mostly in the own zone, so that cross-zone bytes stay few.

In a zone of more than `BRIDGED_FROM` members only some of them, the bridges, gossip across zones; who they are follows
from the names alone, so that every member knows without a word.
"""

import hashlib
import random
from collections.abc import Callable

from edge.gossip.members import MemberTable
from edge.model import Member, Status

BRIDGED_FROM = 50
BRIDGE_SHARE = 0.2  # of a large zone's members
LOCAL_LEAST = 4  # a zone of fewer others is no place to prefer
_PRESENT = (Status.ALIVE, Status.SUSPECT)


def is_bridge(name: str, zone_mates: list[str]) -> bool:
    """Whether `name` gossips across zones for a zone of these members: one of the first by hash."""
    ranked = sorted((*zone_mates, name), key=_weight)
    return name in ranked[: max(1, int(BRIDGE_SHARE * len(ranked)))]


class Rounds:
    """Two rounds, one of the own zone and one of all others; a share of the turns goes to the second.

    Args:
        members: the table.
        me: the own name and zone.
        far_share: share of turns that go across zones, 0 to 1; 1 knows no zones.
        rng: chance.
    """

    def __init__(
        self, members: MemberTable, me: Callable[[], Member], far_share: float, rng: random.Random
    ) -> None:
        self._members = members
        self._me = me
        self._far_share = far_share
        self._rng = rng
        self._near: list[str] = []
        self._far: list[str] = []
        self._debt = 0.0  # turns that the other zones are owed
        self._share = 1.0  # of the present round

    def next(self) -> Member | None:
        """The member whose turn it is; none if there is nobody."""
        self._debt += self._share
        first = self._debt >= 1
        if first:
            self._debt -= 1
        for far in (first, not first):
            if peer := self._take(far=far):
                return peer
        return None

    def enter(self, member: Member) -> None:
        """A newcomer gets a place in the round that is going on (SWIM §4.3), lest it miss what is told in it."""
        names = self._near if self._is_near(member) else self._far
        names.insert(self._rng.randrange(len(names) + 1), member.name)

    def _take(self, *, far: bool) -> Member | None:
        for fresh in (False, True):
            if fresh:
                self._fill(far=far)
            names = self._far if far else self._near
            while names:
                peer = self._members.get(names.pop())
                if peer and peer.member.status in _PRESENT and not peer.cut:
                    return peer.member
        return None

    def _fill(self, *, far: bool) -> None:
        me = self._me()
        reached = [peer.member for peer in self._members.peers() if not peer.cut]
        present = [one for one in reached if one.status in _PRESENT and one.name != me.name]
        near = [one.name for one in present if one.zone == me.zone]
        zoned = self._far_share < 1 and len(near) >= LOCAL_LEAST
        if far:
            self._far = [one.name for one in present if not zoned or one.zone != me.zone]
        else:
            self._near = near if zoned else []
        self._rng.shuffle(self._far if far else self._near)
        self._share = self._share_of(me.name, near) if zoned else 1.0

    def _share_of(self, name: str, near: list[str]) -> float:
        if len(near) < BRIDGED_FROM:
            return self._far_share
        return min(1.0, 2 * self._far_share) if is_bridge(name, near) else 0.0

    def _is_near(self, member: Member) -> bool:
        return self._share < 1 and member.zone == self._me().zone


def _weight(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=8, person=b"edge-bridge").digest()
