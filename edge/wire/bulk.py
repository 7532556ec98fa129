"""What a bulk sync says: a sealed request, and sealed frames of records as the answer (PROTOCOL.md, Anti-entropy).

The frames are those of datagrams, under the same keys, bounds and replay windows, but hold more. Neither can stand in
for the other: a request is no list of messages, and of an answer only records are taken.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from edge.model import Name, Version
from edge.wire.compress import INFLATED_MAX_BYTES
from edge.wire.errors import DecodeError, Drop
from edge.wire.frame import OVERHEAD_BYTES
from edge.wire.messages import BUCKET_BYTES, BUCKETS, Announce, Loads, Tell, Tops, join

PAYLOAD_BYTES = INFLATED_MAX_BYTES // 2  # of one frame; larger ones hold up the receiver for longer
FRAME_MAX_BYTES = INFLATED_MAX_BYTES + OVERHEAD_BYTES
LENGTH = struct.Struct(">I")  # before each frame of an answer


class Fetch(Struct, frozen=True, array_like=True, tag=16):
    """Send me what you hold in all buckets that differ from mine. Good for one process of one node, once."""

    source: Name
    target: Name
    generation: Version  # of the target's process: a later one has not seen the counter
    digests: Annotated[bytes, Meta(min_length=BUCKETS * BUCKET_BYTES, max_length=BUCKETS * BUCKET_BYTES)]


Stored = Announce | Loads | Tops | Tell

_fetches = msgspec.json.Decoder(Fetch)
_records = msgspec.json.Decoder(list[Stored])


def decode_fetch(payload: bytes) -> Fetch:
    """A request.

    Raises:
        DecodeError: it is none.
    """
    try:
        return _fetches.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise DecodeError(Drop.DECODE) from None


def decode_records(payload: bytes) -> list[Stored]:
    """All records of one frame.

    Raises:
        DecodeError: one is malformed, out of bounds, or of a kind that no answer holds.
    """
    try:
        return _records.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise DecodeError(Drop.DECODE) from None


def payloads(encoded: Iterable[bytes]) -> Iterator[bytes]:
    """Payloads of about `PAYLOAD_BYTES` with all messages in order; each is a datagram's size at most."""
    part, size = list[bytes](), 0
    for one in encoded:
        part.append(one)
        size += len(one) + 1
        if size >= PAYLOAD_BYTES:
            yield join(part)
            part, size = [], 0
    if part:
        yield join(part)
