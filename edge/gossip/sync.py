"""Anti-entropy: compare digests, then buckets, then entries, and send only the records that one side lacks."""

from edge.gossip.core import Core
from edge.gossip.members import bucket_of
from edge.gossip.membership import Membership
from edge.model import Address, Member, Status
from edge.wire.messages import (
    BUCKET_BYTES,
    BUCKETS,
    Announce,
    Buckets,
    Entries,
    LoadRow,
    Loads,
    Root,
    TopRow,
    Tops,
    Want,
    encode,
)

_ENTRIES_AT_ONCE = 16  # names in one message: at 63 bytes each they still fit a datagram
_RECORDS_AT_ONCE = 256  # a peer that lacks more asks again after its next root


class Sync:
    """Exchanges what two nodes hold differently; at most one exchange begun each `sync_s`."""

    def __init__(self, core: Core, membership: Membership, now: float) -> None:
        self._core = core
        self._membership = membership
        self._not_before = now

    def root_message(self) -> bytes:
        """The digest that rides in every tick's datagram."""
        return encode(Root(self._core.members.root))

    def root(self, message: Root, source: Address, now: float) -> None:
        """A peer's digest: equal ones need no further word."""
        if message.digest != self._core.members.root and now >= self._not_before:
            self.begin(source, now)

    def begin(self, peer: Address, now: float) -> None:
        """Start an exchange with `peer`."""
        self._not_before = now + self._core.jitter(self._core.config.sync_s)
        self._core.counters.syncs += 1
        self._core.outbox.send(peer, encode(Buckets(self._core.members.buckets)))

    def buckets(self, message: Buckets, source: Address) -> None:
        """Tell the peer what we hold in each bucket that differs."""
        mine = self._core.members.buckets
        for index in range(BUCKETS):
            part = slice(index * BUCKET_BYTES, (index + 1) * BUCKET_BYTES)
            if mine[part] != message.digests[part]:
                self._core.outbox.send(source, *self._entries(index))

    def entries(self, message: Entries, source: Address) -> None:
        """Ask for what the peer holds newer; send what we hold newer, or it does not hold at all."""
        mine = {
            one.name: one
            for one in self._core.members.bucket(message.bucket)
            if message.low <= one.name and (not message.high or one.name < message.high)
        }
        theirs = {name: (incarnation, status) for name, incarnation, status in message.held}
        wanted = [
            name
            for name, rank in theirs.items()
            if bucket_of(name) == message.bucket and (name not in mine or rank > mine[name].rank)
        ]
        lacking = [name for name, one in mine.items() if name not in theirs or one.rank > theirs[name]]
        if wanted:
            self._core.outbox.send(source, encode(Want(tuple(wanted))))
        self._core.outbox.send(source, *self.records(lacking))

    def want(self, message: Want, source: Address) -> None:
        """Send whole records."""
        self._core.outbox.send(source, *self.records(list(message.names)))

    def records(self, names: list[str]) -> list[bytes]:
        """Encoded member, load and popularity of each name that is held."""
        core, encoded = self._core, []
        for name in names[:_RECORDS_AT_ONCE]:
            if (peer := core.members.get(name)) is None:
                continue
            encoded.append(encode(Announce(peer.member)))
            if peer.member.status is not Status.ALIVE:
                continue
            if load := core.loads.get(name):
                encoded.append(encode(Loads([LoadRow(name, load.version, load.value)])))
            if top := core.tops.get(name):
                encoded.append(encode(Tops([TopRow(name, top.version, top.value)])))
        return encoded

    def _entries(self, index: int) -> list[bytes]:
        """One bucket as messages, each complete for its range of names."""
        held = self._core.members.bucket(index)
        chunks = [held[at : at + _ENTRIES_AT_ONCE] for at in range(0, len(held), _ENTRIES_AT_ONCE)] or [[]]
        lows = ["", *(chunk[0].name for chunk in chunks[1:])]
        highs = [*lows[1:], ""]
        return [
            encode(Entries(index, low, high, tuple(_entry(one) for one in chunk)))
            for chunk, low, high in zip(chunks, lows, highs, strict=True)
        ]


def _entry(member: Member) -> tuple[str, int, Status]:
    return (member.name, member.incarnation, member.status)
