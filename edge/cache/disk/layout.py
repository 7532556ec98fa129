"""What is in the file of an object. Pure.

```text
 0  8 s   magic
 8  u32   bytes of meta                  56  f64   stale from, wall clock, +inf: not; a soft purge writes it in place
12  u32   zero                           64  u32   CRC-32 of those eight bytes
16  u64   bytes of body                  68  JSON  meta
24  16 s  digest of body                     ...   body
40  16 s  digest of bytes 0 to 39 and of meta
```

Little endian; digests are BLAKE2b of 16 bytes.
"""

import struct
import zlib
from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from edge.cache.objects import Lifetime

META_MAX_BYTES = 1024 * 1024
META_AT = 68
STALE_AT = 56
_MAGIC = b"edgeobj1"
_FIXED = struct.Struct("<8sIIQ16s")
_STALE = struct.Struct("<dI")
_DIGEST_BYTES = 16
_BLOCK_BYTES = 4096  # what file systems hand out
_NEVER = float("inf")


class DamagedError(Exception):
    """A file that is no whole object."""


class Meta(msgspec.Struct, frozen=True, gc=False):
    """All of an object but its body. Times by the wall clock, which outlives the process."""

    key: str
    status: int
    headers: dict[str, str]
    etag: str
    last_modified: str
    stored_at: float
    initial_age_s: float
    lifetime: Lifetime
    tags: tuple[str, ...]
    purges: int  # the number of the latest purge when it was stored: later ones may hit it


class Start(NamedTuple):
    """What a file says before its meta."""

    meta_bytes: int
    body_bytes: int
    body_digest: bytes
    stale_from: float  # wall clock; infinite where no soft purge has hit it

    @property
    def file_bytes(self) -> int:
        """How long the file is."""
        return META_AT + self.meta_bytes + self.body_bytes


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Meta)


def encoded(meta: Meta) -> bytes:
    """The bytes of `meta`.

    Raises:
        ValueError: a header is no text, or there is too much.
    """
    made = _encoder.encode(meta)
    if len(made) > META_MAX_BYTES:
        raise ValueError("too much beside the body")
    return made


def start_of(meta: bytes, body_bytes: int, body_digest: bytes) -> bytes:
    """What comes before meta and body."""
    fixed = _FIXED.pack(_MAGIC, len(meta), 0, body_bytes, body_digest)
    return fixed + digest_of((fixed, meta)) + stale_field(_NEVER)


def parsed_start(start: bytes) -> Start:
    """The start of a file, of which the meta is still to be checked.

    Raises:
        DamagedError: it is none of ours.
    """
    if len(start) < META_AT:
        raise DamagedError("shorter than a head")
    magic, meta_bytes, _, body_bytes, digest = _FIXED.unpack_from(start)
    stale_from, crc = _STALE.unpack_from(start, STALE_AT)
    if magic != _MAGIC or meta_bytes > META_MAX_BYTES or zlib.crc32(start[STALE_AT : STALE_AT + 8]) != crc:
        raise DamagedError("no head of ours")
    return Start(meta_bytes, body_bytes, digest, stale_from)


def parsed_meta(start: bytes, meta: bytes) -> Meta:
    """The meta that follows `start`.

    Raises:
        DamagedError: it is not what was written, or of another version of this program.
    """
    if digest_of((start[: _FIXED.size], meta)) != start[_FIXED.size : STALE_AT]:
        raise DamagedError("the head is not what was written")
    try:
        return _decoder.decode(meta)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise DamagedError("meta of another kind") from None


def stale_field(stale_from: float) -> bytes:
    """The twelve bytes at `STALE_AT`."""
    packed = struct.pack("<d", stale_from)
    return packed + struct.pack("<I", zlib.crc32(packed))


def digest_of(parts: Iterable[bytes]) -> bytes:
    """Digest of the parts, one after another."""
    made = blake2b(digest_size=_DIGEST_BYTES, usedforsecurity=False)
    for part in parts:
        made.update(part)
    return made.digest()


def size_on_disk(meta_bytes: int, body_bytes: int) -> int:
    """What a file takes, in whole blocks."""
    return -(-(META_AT + meta_bytes + body_bytes) // _BLOCK_BYTES) * _BLOCK_BYTES
