"""The cluster's key ring: several AES-256 keys, the first of which seals.

Rotation needs no restart: install the new key everywhere as a second one, make it the first, remove the old one
(`edge.gossip.keys` keeps that order).
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from edge.model import ConfigError

KEY_BYTES = 32
RING_MAX = 8
_HINT = "one base64 key of 32 bytes a line, as `edge keygen` prints it; the first seals, all of them open"


def key_id(key: bytes) -> int:
    """The byte that names a key in a frame. It says nothing useful about the key."""
    return hashlib.blake2b(key, digest_size=1, person=b"edge-key-id").digest()[0]


def fingerprint(key: bytes) -> str:
    """Sixteen hexadecimal digits by which people know a key. They say nothing useful about it."""
    return hashlib.blake2b(key, digest_size=8, person=b"edge-key-print").hexdigest()


def parse_key(text: str) -> bytes | None:
    """The key of one line, as `edge keygen` prints it; None if it is none."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == KEY_BYTES else None


@dataclass(frozen=True, slots=True, repr=False)
class KeyRing:
    """Keys in order of preference; never empty. Its `repr` shows ids, never keys."""

    keys: tuple[bytes, ...]
    secret: bool = True  # False: everybody knows the key

    @classmethod
    def parse(cls, text: str, where: str) -> Self:
        """Read a keys file: one base64 key a line; empty lines and lines beginning with # do not count.

        Raises:
            ConfigError: naming `where` and the line, never the key.
        """
        keys: list[bytes] = []
        for number, line in enumerate(text.splitlines(), 1):
            if not (stripped := line.strip()) or stripped.startswith("#"):
                continue
            if (key := parse_key(stripped)) is None:
                raise ConfigError(where, f"line {number} is no key", _HINT)
            keys.append(key)
        return cls.of(keys, where)

    @classmethod
    def of(cls, keys: Sequence[bytes], where: str) -> Self:
        """A ring of these.

        Raises:
            ConfigError: naming `where`, if they are too few, too many, or two share an id.
        """
        if not 1 <= len(keys) <= RING_MAX:
            raise ConfigError(where, f"{len(keys)} keys where 1 to {RING_MAX} are allowed", _HINT)
        if len({key_id(key) for key in keys}) != len(keys):
            raise ConfigError(where, "two keys share an id (one pair in 256 does)", "generate another one")
        return cls(tuple(keys))

    @classmethod
    def insecure(cls, cluster: str) -> Self:
        """The ring of a cluster without keys: known to everyone, so good for loopback only."""
        key = hashlib.blake2b(b"edge without a key: " + cluster.encode(), digest_size=KEY_BYTES).digest()
        return cls((key,), secret=False)

    @property
    def ids(self) -> bytes:
        """What frames name the keys by, in their order."""
        return bytes(map(key_id, self.keys))

    def led_by(self, first: int) -> Self:
        """The same keys, that of id `first` before the others; as it is where there is none."""
        return type(self)(tuple(sorted(self.keys, key=lambda key: key_id(key) != first)), self.secret)

    def text(self) -> str:
        """As a keys file has it. For such a file only."""
        return "".join(f"{base64.b64encode(key).decode()}\n" for key in self.keys)

    def by_id(self) -> dict[int, bytes]:
        """Keys by the id that frames carry."""
        return {key_id(key): key for key in self.keys}

    def __repr__(self) -> str:
        return f"KeyRing(ids={[key_id(key) for key in self.keys]})"


def frame_key(ring_key: bytes, session: bytes, cluster: bytes) -> bytes:
    """The key of one sender's session: HKDF-SHA256 (RFC 5869) with the session as salt and the cluster as info."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=session, info=cluster).derive(ring_key)
