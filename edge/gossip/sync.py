"""Anti-entropy: compare digests, then buckets, then entries, and send only the records that one side lacks."""

from edge.gossip.core import Core
from edge.gossip.members import bucket_of
from edge.model import Address, Member, Status
from edge.state.events import EventLog
from edge.wire.messages import (
    BUCKET_BYTES,
    BUCKETS,
    EVENT_BYTES,
    EVENTS_BYTES,
    ROOT_BYTES,
    Announce,
    Buckets,
    Entries,
    LoadRow,
    Loads,
    Root,
    Tell,
    TopRow,
    Tops,
    Want,
    encode,
)

_ENTRIES_AT_ONCE = 7  # names in one message: at 63 bytes each, with 64 digests of events, they fit a datagram
_RECORDS_AT_ONCE = 256  # a peer that lacks more asks again after its next root


class Sync:
    """Exchanges what two nodes hold differently; at most one exchange begun each `sync_s`."""

    def __init__(self, core: Core, log: EventLog, now: float) -> None:
        self._core = core
        self._log = log
        self._not_before = now

    @property
    def digest(self) -> bytes:
        """Of all durable state: equal states have equal digests."""
        return (self._core.members.root ^ self._log.digest).to_bytes(ROOT_BYTES, "big")

    def root_message(self) -> bytes:
        """The digest that rides in every tick's datagram."""
        return encode(Root(self.digest))

    def root(self, message: Root, source: Address, now: float) -> None:
        """A peer's digest: equal ones need no further word."""
        if now >= self._not_before and message.digest != self.digest:
            self.begin(source, now)

    def begin(self, peer: Address, now: float) -> None:
        """Start an exchange with `peer`."""
        self._not_before = now + self._core.jitter(self._core.config.sync_s)
        self._core.counters.syncs += 1
        self._core.outbox.send(peer, encode(Buckets(self._buckets())))

    def buckets(self, message: Buckets, source: Address) -> None:
        """Tell the peer what we hold in each bucket that differs."""
        mine = self._buckets()
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
        events, unknown = self._events(message) if not message.low else ([], b"")
        if wanted or unknown:
            self._core.outbox.send(source, encode(Want(tuple(wanted), unknown)))
        self._core.outbox.send(source, *self.records(lacking), *events)

    def want(self, message: Want, source: Address) -> None:
        """Send whole records and events."""
        events = [self._log.find(digest) for digest in _split(message.events)]
        told = [encode(Tell(event)) for event in events if event]
        self._core.outbox.send(source, *self.records(list(message.names)), *told)

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
                encoded.append(encode(Loads([LoadRow(name, load.version, load.value, load.applied)])))
            if top := core.tops.get(name):
                encoded.append(encode(Tops([TopRow(name, top.version, top.value)])))
        return encoded

    def _buckets(self) -> bytes:
        """Digests of the parts of the durable state."""
        members, events = self._core.members.bucket_digests, self._log.digests
        mask = (1 << 8 * BUCKET_BYTES) - 1
        joined = ((a ^ b) & mask for a, b in zip(members, events, strict=True))
        return b"".join(one.to_bytes(BUCKET_BYTES, "big") for one in joined)

    def _events(self, message: Entries) -> tuple[list[bytes], bytes]:
        """Of one bucket: events that the peer lacks, encoded; and digests of those that it has and we lack."""
        mine, theirs = self._log.bucket(message.bucket), _split(message.events)
        known = dict.fromkeys(theirs)
        lacking = [encode(Tell(event)) for digest, event in mine.items() if digest not in known]
        unknown = [digest for digest in theirs if digest not in mine]
        return lacking, b"".join(one.to_bytes(EVENT_BYTES, "big") for one in unknown)

    def _entries(self, index: int) -> list[bytes]:
        """One bucket as messages, each complete for its range of names."""
        held = self._core.members.bucket(index)
        chunks = [held[at : at + _ENTRIES_AT_ONCE] for at in range(0, len(held), _ENTRIES_AT_ONCE)] or [[]]
        lows = ["", *(chunk[0].name for chunk in chunks[1:])]
        highs = [*lows[1:], ""]
        digests = list(self._log.bucket(index))[: EVENTS_BYTES // EVENT_BYTES]
        events = b"".join(one.to_bytes(EVENT_BYTES, "big") for one in digests)
        return [
            encode(Entries(index, low, high, tuple(map(_entry, chunk)), b"" if low else events))
            for chunk, low, high in zip(chunks, lows, highs, strict=True)
        ]


def _entry(member: Member) -> tuple[str, int, Status]:
    return (member.name, member.incarnation, member.status)


def _split(digests: bytes) -> list[int]:
    return [
        int.from_bytes(digests[at : at + EVENT_BYTES], "big") for at in range(0, len(digests), EVENT_BYTES)
    ]
