"""Anti-entropy: compare digests, then buckets, then entries, and send only the records that one side lacks."""

from typing import TypeVar

from edge.gossip.bulk import Bulk
from edge.gossip.core import Core
from edge.gossip.members import GONE, bucket_of
from edge.model import Address, Member, Status
from edge.state.events import EventLog
from edge.wire.messages import (
    BUCKET_BYTES,
    BUCKETS,
    EVENT_BYTES,
    EVENTS_BYTES,
    ROOT_BYTES,
    Buckets,
    Entries,
    LoadRow,
    Loads,
    QualityRow,
    Root,
    Tell,
    TopRow,
    Tops,
    Want,
    encode,
    encode_record,
)

_ENTRIES_AT_ONCE = 7  # names in one message: at 63 bytes each, with 64 digests of events, they fit a datagram
_EVENTS_AT_ONCE = EVENTS_BYTES // EVENT_BYTES
_NO_NAME = "~"  # as both ends of a range: a message of events alone
_ENTRIES_MAX = 128  # messages in one answer; the other buckets have their turn in the next exchange
_RECORDS_AT_ONCE = 256  # a peer that lacks more asks again after its next root
_PUSH_MAX = 16  # records sent unasked to a peer that lacks them, of one bucket
_BULK_SHARE = 8  # a bulk sync is due when one in so many of the records compared is lacking
_BULK_MARGIN = 4  # what is lacking in one bucket may be so many times its share of the whole by chance

Value = TypeVar("Value")


class Sync:
    """Exchanges what two nodes hold differently; at most one exchange begun each `sync_s`."""

    def __init__(self, core: Core, log: EventLog, bulk: Bulk, now: float) -> None:
        self._core = core
        self._log = log
        self._bulk = bulk
        self._not_before = now
        self._with: Address | None = None  # of the exchange begun last: the peer,
        self._compared = self._lacking = 0  # the records it named, and those of them that are lacking here

        self._invited: tuple[Address | None, float] = (None, now)

    @property
    def digest(self) -> bytes:
        """Of all durable state: equal states have equal digests."""
        return (self._core.members.root ^ self._log.digest).to_bytes(ROOT_BYTES, "big")

    @property
    def records_held(self) -> int:
        """How much the durable state is: members and events."""
        return len(self._core.members) + len(self._log)

    def root_message(self) -> bytes:
        """The digest that rides in every tick's datagram."""
        return encode(Root(self.digest))

    def root(self, message: Root, source: Address, now: float) -> None:
        """A peer's digest: equal ones need no further word."""
        if message.digest == self.digest:
            self._core.signatures.accepted = True  # it holds the same of this node, too
        elif now >= self._not_before and not self._bulk.busy:
            self.begin(source, now)

    def welcomed(self, peer: Address, records: int, now: float) -> None:
        """A peer that holds so many records has let us in: learn them."""
        much = records - self.records_held >= self._core.config.bulk_from
        if not (much and self._bulk.takes(peer, now)) and now >= self._not_before:
            self.begin(peer, now)

    def begin(self, peer: Address, now: float) -> None:
        """Start an exchange with `peer`."""
        self._not_before = now + self._core.jitter(self._core.config.sync_s)
        self._core.counters.syncs += 1
        self._with, self._compared, self._lacking = peer, 0, 0
        self._core.outbox.send(peer, encode(Buckets(self.bucket_digests)))

    def buckets(self, message: Buckets, source: Address) -> None:
        """Tell the peer what we hold in each bucket that differs; not while a bulk sync brings what is lacking."""
        if self._bulk.busy:
            return
        differing = differing_buckets(self.bucket_digests, message.digests)
        if len(self._core.members) > _ENTRIES_AT_ONCE * (_ENTRIES_MAX - BUCKETS):
            self._core.rng.shuffle(differing)  # all would be too many: each has its turn some time
        sent = 0
        for index in differing:
            entries = self._entries(index)
            self._core.outbox.send(source, *entries)
            sent += len(entries)
            if sent >= _ENTRIES_MAX:
                break

    def entries(self, message: Entries, source: Address, now: float) -> None:
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
        events, unknown = self._events(message)
        lacks = len(wanted) + len(unknown) // EVENT_BYTES
        if lacks and not self._in_bulk(message, lacks, source, now):
            self._core.outbox.send(source, encode(Want(tuple(wanted), unknown)))
        if len(lacking) + len(events) <= _PUSH_MAX:
            self._core.outbox.send(source, *self.records(lacking, now), *events)
        else:
            self._invite(source, now)

    def want(self, message: Want, source: Address, now: float) -> None:
        """Send whole records and events."""
        events = [self._log.find(digest) for digest in _split(message.events)]
        told = [encode(Tell(event)) for event in events if event]
        self._core.outbox.send(source, *self.records(list(message.names), now), *told)

    def records(self, names: list[str], now: float) -> list[bytes]:
        """Encoded member, load and popularity of each name that is held.

        Of who is gone it is said for how long: all forget it at about the same time, and nobody brings it back to
        those who have.
        """
        core, encoded = self._core, []
        for name in names[:_RECORDS_AT_ONCE]:
            if (peer := core.members.get(name)) is None:
                continue
            gone = peer.member.status in GONE
            encoded.append(encode_record(peer.member, max(0, int(now - peer.since)) if gone else 0))
            if peer.member.status is not Status.ALIVE:
                continue
            if load := core.loads.get(name):
                row = LoadRow(name, load.version, load.value, load.applied, core.keys.told(name))
                encoded.append(encode(Loads([row])))
            if told := core.qualities.get(name):
                encoded.append(encode(Loads([], [QualityRow(name, told.version, told.value)])))
            if top := core.tops.get(name):
                encoded.append(encode(Tops([TopRow(name, top.version, top.value)])))
        return encoded

    @property
    def bucket_digests(self) -> bytes:
        """Digests of the parts of the durable state."""
        members, events = self._core.members.bucket_digests, self._log.digests
        mask = (1 << 8 * BUCKET_BYTES) - 1
        joined = ((a ^ b) & mask for a, b in zip(members, events, strict=True))
        return b"".join(one.to_bytes(BUCKET_BYTES, "big") for one in joined)

    def _invite(self, peer: Address, now: float) -> None:
        """`peer` lacks much: it shall see so itself and ask, by datagrams or in bulk; once an exchange is enough."""
        invited, at = self._invited
        if invited != peer or now - at > self._core.config.sync_s / 2:
            self._invited = (peer, now)
            self._core.outbox.send(peer, self.root_message())

    def _in_bulk(self, message: Entries, lacking: int, source: Address, now: float) -> bool:
        """Whether a bulk sync will bring what is lacking here: so much of what the peer named is."""
        if source == self._with:
            self._compared += len(message.held) + len(message.events) // EVENT_BYTES
            self._lacking += lacking
            expected = max(self._lacking, lacking * BUCKETS // _BULK_MARGIN)
            much = expected >= max(self._core.config.bulk_from, self._compared / _BULK_SHARE)
            if much and self._bulk.takes(source, now):
                return True
        return self._bulk.busy

    def _events(self, message: Entries) -> tuple[list[bytes], bytes]:
        """Of one bucket: events that the peer lacks, encoded; and digests of those that it has and we lack."""
        mine, theirs = self._log.bucket(message.bucket), _split(message.events)
        known, lacking = dict.fromkeys(theirs), list[bytes]()
        if not message.low and len(theirs) < _EVENTS_AT_ONCE:  # else there are more than those named here
            lacking = [encode(Tell(event)) for digest, event in mine.items() if digest not in known]
        unknown = [digest for digest in theirs if digest not in mine]
        return lacking, _joined(unknown)

    def _entries(self, index: int) -> list[bytes]:
        """One bucket as messages, each complete for its range of names; digests of events go along, some with each."""
        chunks = _chunks(self._core.members.bucket(index), _ENTRIES_AT_ONCE)
        pages = _chunks(list(self._log.bucket(index)), _EVENTS_AT_ONCE)
        lows = ["", *(chunk[0].name for chunk in chunks[1:])]
        ranges = list(zip(chunks, lows, [*lows[1:], ""], strict=True))
        ranges += [([], _NO_NAME, _NO_NAME)] * (len(pages) - len(chunks))
        pages += [[]] * (len(ranges) - len(pages))
        return [
            encode(Entries(index, low, high, tuple(map(_entry, chunk)), _joined(page)))
            for (chunk, low, high), page in zip(ranges, pages, strict=True)
        ]


def differing_buckets(mine: bytes, theirs: bytes) -> list[int]:
    """Numbers of the buckets whose digests differ."""
    parts = [slice(index * BUCKET_BYTES, (index + 1) * BUCKET_BYTES) for index in range(BUCKETS)]
    return [index for index, part in enumerate(parts) if mine[part] != theirs[part]]


def _entry(member: Member) -> tuple[str, int, Status]:
    return (member.name, member.incarnation, member.status)


def _chunks(values: list[Value], most: int) -> list[list[Value]]:
    """Parts of at most so many; one at least."""
    return [values[at : at + most] for at in range(0, len(values), most)] or [[]]


def _joined(digests: list[int]) -> bytes:
    return b"".join(one.to_bytes(EVENT_BYTES, "big") for one in digests)


def _split(digests: bytes) -> list[int]:
    return [
        int.from_bytes(digests[at : at + EVENT_BYTES], "big") for at in range(0, len(digests), EVENT_BYTES)
    ]
