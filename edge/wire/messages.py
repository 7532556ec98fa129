"""What a payload says: a JSON list of positional messages, each typed and bounded at decoding.

Plain JSON stays readable in a debugger, and compresses with the trained dictionary to within 2% of a binary encoding.
A payload is decoded and checked whole before any of it is applied.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from edge.model import (
    SIGNATURE_BYTES,
    Count,
    Durable,
    KeyIds,
    Label,
    Load,
    Member,
    Name,
    Percent,
    Port,
    Quality,
    Status,
    TopSegments,
    Version,
)
from edge.wire.errors import DecodeError, Drop

BUCKETS = 32
BUCKET_BYTES = 4
ROOT_BYTES = 8
ROWS_MAX = 1024
EVENT_BYTES = 8  # of a digest
EVENTS_BYTES = 64 * EVENT_BYTES
DOUBTS_MAX = 8

Host = Annotated[str, Meta(min_length=1, max_length=253)]


class Ping(Struct, frozen=True, array_like=True, tag=0):
    """Are you there? Answered by `Ack`, if `target` is the receiver's name."""

    seq: Count
    source: Name
    target: Name
    load: Version = 0  # of the load that the source holds of the target: a past self may have counted further


class Ack(Struct, frozen=True, array_like=True, tag=1):
    """The answer to a ping, direct or passed on by a helper. `seq` is the prober's."""

    seq: Count
    source: Name  # the node that was probed
    wall_ms: Count = 0  # its clock when it answered, milliseconds since 1970; 0: not told


class PingReq(Struct, frozen=True, array_like=True, tag=2):
    """Please probe `target` for me and tell me within your own timeout (SWIM's indirect probe)."""

    seq: Count
    source: Name
    target: Name
    host: Host
    port: Port


class Nack(Struct, frozen=True, array_like=True, tag=3):
    """I got your `PingReq`, but the target does not answer me either (Lifeguard)."""

    seq: Count
    source: Name


class Announce(Struct, frozen=True, array_like=True, tag=4):
    """A whole member record."""

    member: Member
    away_s: Annotated[int, Meta(ge=0, le=2**31)] = (
        0  # how long ago the sender learnt that it is gone, seconds
    )


class Claim(Struct, frozen=True, array_like=True, tag=5):
    """A change of status that needs no whole record: somebody suspects or misses `name`, or `name` says how it is."""

    name: Name
    incarnation: Version
    status: Status
    accuser: Name
    signature: Annotated[bytes, Meta(max_length=SIGNATURE_BYTES)] = (
        b""  # the owner's own, of its record as it is then
    )


class LoadRow(Struct, frozen=True, array_like=True, gc=False):
    """One node's load. Versions of one node only rise (`edge.gossip.publish`)."""

    node: Name
    version: Count
    load: Load
    applied: Count = 0  # digest of the durable events that it has acted on: an acknowledgement of them all
    keys: KeyIds = b""


class QualityRow(Struct, frozen=True, array_like=True, gc=False):
    """What one node's viewers see, by place; versioned like `LoadRow`."""

    node: Name
    version: Count
    quality: Quality


class Doubt(Struct, frozen=True, array_like=True, gc=False):
    """How far the sender itself, by what it has seen, believes another node (`edge.gossip.reputation`)."""

    node: Name
    score: Percent


class Loads(Struct, frozen=True, array_like=True, tag=6):
    """Loads of many nodes; rows of one message share what is alike when they are compressed.

    Quality is a field here and no message of its own: a node that does not know it yet reads the rest. So are the
    sender's own doubts, which nobody passes on: None where it has none.
    """

    rows: Annotated[list[LoadRow], Meta(max_length=ROWS_MAX)]
    quality: Annotated[list[QualityRow], Meta(max_length=ROWS_MAX)] = []
    doubts: Annotated[list[Doubt], Meta(max_length=DOUBTS_MAX)] | None = None


class TopRow(Struct, frozen=True, array_like=True, gc=False):
    """One node's hottest segments; versioned like `LoadRow`."""

    node: Name
    version: Count
    top: TopSegments


class Tops(Struct, frozen=True, array_like=True, tag=7):
    """Hottest segments of many nodes."""

    rows: Annotated[list[TopRow], Meta(max_length=ROWS_MAX)]


class Root(Struct, frozen=True, array_like=True, tag=8):
    """Digest of all durable state; equal roots need no further word (Demers et al. 1987)."""

    digest: Annotated[bytes, Meta(min_length=ROOT_BYTES, max_length=ROOT_BYTES)]


class Buckets(Struct, frozen=True, array_like=True, tag=9):
    """Second level: one digest a bucket of member names."""

    digests: Annotated[bytes, Meta(min_length=BUCKETS * BUCKET_BYTES, max_length=BUCKETS * BUCKET_BYTES)]


class Entries(Struct, frozen=True, array_like=True, tag=10):
    """Third level: all that the sender holds of one bucket with `low` <= name < `high` ("" is no bound).

    Digests of the bucket's events go along: with the message whose `low` is "" all of them, if they are fewer than fit.
    """

    bucket: Annotated[int, Meta(ge=0, lt=BUCKETS)]
    low: Label
    high: Label
    held: Annotated[tuple[tuple[Name, Version, Status], ...], Meta(max_length=1024)]
    events: Annotated[bytes, Meta(max_length=EVENTS_BYTES)] = b""


class Want(Struct, frozen=True, array_like=True, tag=11):
    """Please send the whole records of these names, and the events of these digests."""

    names: Annotated[tuple[Name, ...], Meta(max_length=1024)]
    events: Annotated[bytes, Meta(max_length=EVENTS_BYTES)] = b""


class Join(Struct, frozen=True, array_like=True, tag=12):
    """I am new here: tell me what you know. Answered by `Welcome` and records."""

    member: Member


class Welcome(Struct, frozen=True, array_like=True, tag=13):
    """The answer to `Join`: the newest incarnation known of the joiner's name (0: none); how much is to be learnt."""

    source: Name
    known_incarnation: Version
    records: Count  # members and durable events that the answering node holds


class Tell(Struct, frozen=True, array_like=True, tag=14):
    """A durable event."""

    event: Durable


class Pull(Struct, frozen=True, array_like=True, tag=15):
    """Send me your news, please (pull and push-pull gossip)."""


AnyMessage = (
    Ping
    | Ack
    | PingReq
    | Nack
    | Announce
    | Claim
    | Loads
    | Tops
    | Root
    | Buckets
    | Entries
    | Want
    | Join
    | Welcome
    | Tell
    | Pull
)

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[AnyMessage])

_UNTOLD = b',""]'  # how a record or a claim ends whose last field says nothing


LOADS_FRAME = (b"[6,[", b"]]")  # around rows that were encoded one by one
QUALITY_FRAME = (b"[6,[],[", b"]]")
TOPS_FRAME = (b"[7,[", b"]]")


def encode_record(member: Member, away_s: int = 0) -> bytes:
    """An `Announce`, without what at the ends says nothing: no proof, keys that are not told, and no absence."""
    encoded = _encoder.encode(member)
    if not member.proof:
        encoded = encoded.removesuffix(_UNTOLD) + b"]"
        if member.keys == b"":
            encoded = encoded.removesuffix(_UNTOLD) + b"]"
    return b"[4," + encoded + (b",%d]" % away_s if away_s else b"]")


def encode_row(row: LoadRow) -> bytes:
    """A row of loads; where no keys are told, as short as before there were any."""
    encoded = encode(row)
    return encoded if row.keys else encoded.removesuffix(b',""]') + b"]"


def encode(message: object) -> bytes:
    """A message, or a part of one; a claim without a signature is as short as before there were any."""
    encoded = _encoder.encode(message)
    if type(message) is Claim and not message.signature:
        return encoded.removesuffix(_UNTOLD) + b"]"
    return encoded


def join(encoded: list[bytes]) -> bytes:
    """A payload of messages that `encode` made."""
    return b"[" + b",".join(encoded) + b"]"


def decode(payload: bytes) -> list[AnyMessage]:
    """All messages of a payload.

    Raises:
        DecodeError: the payload is no list, or one message is unknown, malformed or out of bounds.
    """
    try:
        return _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise DecodeError(Drop.DECODE) from None
