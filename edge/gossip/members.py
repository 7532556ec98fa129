"""The member table: newest record of each name, and a digest of all of them that changes with every record."""

import functools
import hashlib
from typing import NamedTuple

import msgspec

from edge.gossip.detector import Heartbeats
from edge.gossip.outbox import MESSAGE_MAX_BYTES
from edge.gossip.rtt import RttEstimator
from edge.model import Address, ConfigError, Member, Status
from edge.wire.messages import BUCKETS, ROOT_BYTES, encode_record

GONE = (Status.UNREACHABLE, Status.LEFT)


class Change(NamedTuple):
    """A record that replaced an older one, or none."""

    before: Member | None
    after: Member


class Peer:
    """One member, and what this node's own probes found out about the way to it."""

    __slots__ = ("beats", "cut", "digest", "member", "offset_s", "refused", "since", "way")

    def __init__(self, member: Member, now: float) -> None:
        self.member = member
        self.since = now  # when its status last changed here
        self.way: RttEstimator | None = None  # none before the first probe: most pairs never need one
        self.beats: Heartbeats | None = None  # none before its first own datagram
        self.offset_s: float | None = None  # its wall clock minus ours, smoothed
        self.refused = False  # its machine said that the process is gone; nothing of it came since
        self.cut = False  # on the other side of a partition
        self.digest = _digest(member)

    @property
    def rtt(self) -> RttEstimator:
        """The way to it."""
        if self.way is None:
            self.way = RttEstimator()
        return self.way


class MemberTable:
    """Merges records by (incarnation, status). Merging commutes, associates and is idempotent.

    Args:
        members_max: bound of the table; records of further names are refused.
    """

    def __init__(self, members_max: int) -> None:
        self._members_max = members_max
        self._peers: dict[str, Peer] = {}
        self._names: dict[Address, str] = {}
        self._root = 0
        self._buckets = [0] * BUCKETS
        self._counts = dict.fromkeys(Status, 0)
        self.version = 0
        self.refused = 0

    def is_cut(self, name: str) -> bool:
        """Whether it is on the other side of a partition."""
        peer = self._peers.get(name)
        return peer is not None and peer.cut

    def get(self, name: str) -> Peer | None:
        """What is held of `name`."""
        return self._peers.get(name)

    def at(self, address: Address) -> Peer | None:
        """The member whose record names `address`."""
        name = self._names.get(address)
        return self._peers.get(name) if name else None

    def peers(self) -> list[Peer]:
        """All of them, in order of first hearing."""
        return list(self._peers.values())

    def count(self, status: Status) -> int:
        """How many members have this status."""
        return self._counts[status]

    def merge(self, member: Member, since: float) -> Change | None:
        """Take `member` in, whose status is what it is `since` then, if it is newer than what is held."""
        held = self._peers.get(member.name)
        if held is None:
            if len(self._peers) >= self._members_max:
                self.refused += 1
                return None
            held = self._peers[member.name] = Peer(member, since)
            before = None
        else:
            before = held.member
            if member.rank <= before.rank:
                if signs(member, before):
                    self._put(held, msgspec.structs.replace(member, status=before.status))
                return None
            self._toggle(member.name, held.digest)
            self._counts[before.status] -= 1
            if before.status is not member.status:
                held.since = since
            self._put(held, member)
            held.digest = _digest(member)
        self._toggle(member.name, held.digest)
        self._counts[member.status] += 1
        self._names[member.address] = member.name
        self.version += 1
        return Change(before, member)

    def forget(self, name: str) -> None:
        """Drop a member that has been away long enough."""
        peer = self._peers.pop(name)
        self._toggle(name, peer.digest)
        self._counts[peer.member.status] -= 1
        self._forget_address(peer.member)
        self.version += 1

    @property
    def root(self) -> int:
        """Digest of all records: equal tables have equal roots."""
        return self._root

    @property
    def bucket_digests(self) -> list[int]:
        """Digests of the `BUCKETS` parts of the table."""
        return self._buckets

    def bucket(self, index: int) -> list[Member]:
        """Records of one bucket, in order of name."""
        held = (peer.member for name, peer in self._peers.items() if bucket_of(name) == index)
        return sorted(held, key=lambda member: member.name)

    def __len__(self) -> int:
        return len(self._peers)

    def _toggle(self, name: str, digest: int) -> None:
        """XOR a record into the digests, or out of them."""
        self._root ^= digest
        self._buckets[bucket_of(name)] ^= digest

    def _put(self, held: Peer, member: Member) -> None:
        """Take the place of what is held of a name."""
        if held.member.address != member.address:
            held.way = held.beats = None
        self._forget_address(held.member)
        self._names[member.address] = member.name
        held.member = member
        self.version += 1

    def _forget_address(self, member: Member) -> None:
        if self._names.get(member.address) == member.name:
            del self._names[member.address]


def signs(member: Member, held: Member) -> bool:
    """Whether a record is the one that is held without a signature, and has one."""
    same = member.incarnation == held.incarnation and held.status is not Status.LEFT
    return same and bool(member.proof) and not held.proof


def fitting(member: Member) -> Member:
    """This node's own record, if it fits a datagram.

    Raises:
        ConfigError: it does not.
    """
    size = len(encode_record(member))
    if size > MESSAGE_MAX_BYTES:
        raise ConfigError(
            "node.tags", f"make a record of {size} bytes", f"at most {MESSAGE_MAX_BYTES} fit a datagram"
        )
    return member


@functools.lru_cache(maxsize=16_384)
def bucket_of(name: str) -> int:
    """Which of the `BUCKETS` parts a name falls into."""
    return hashlib.blake2b(name.encode(), digest_size=2).digest()[0] % BUCKETS


def _digest(member: Member) -> int:
    return _digest_of(member.name, member.incarnation, int(member.status))


@functools.lru_cache(maxsize=16_384)
def _digest_of(name: str, incarnation: int, status: int) -> int:
    text = f"{name}\0{incarnation}\0{status}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=ROOT_BYTES).digest(), "big")
