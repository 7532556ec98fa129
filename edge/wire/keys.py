"""The cluster's key ring: several AES-256 keys, the first of which seals.

Rotation needs no restart of the protocol: install the new key everywhere as a second one, make it the first, remove
the old one.
"""

import base64
import binascii
import hashlib
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


@dataclass(frozen=True, slots=True, repr=False)
class KeyRing:
    """Keys in order of preference; never empty. Its `repr` shows ids, never keys."""

    keys: tuple[bytes, ...]

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
            try:
                key = base64.b64decode(stripped, validate=True)
            except (binascii.Error, ValueError):
                key = b""
            if len(key) != KEY_BYTES:
                raise ConfigError(where, f"line {number} is no key", _HINT)
            keys.append(key)
        if not 1 <= len(keys) <= RING_MAX:
            raise ConfigError(where, f"{len(keys)} keys where 1 to {RING_MAX} are allowed", _HINT)
        if len({key_id(key) for key in keys}) != len(keys):
            raise ConfigError(where, "two keys share an id (one pair in 256 does)", "generate another one")
        return cls(tuple(keys))

    @classmethod
    def insecure(cls, cluster: str) -> Self:
        """The ring of a cluster without keys: known to everyone, so good for loopback only."""
        return cls(
            (hashlib.blake2b(b"edge without a key: " + cluster.encode(), digest_size=KEY_BYTES).digest(),)
        )

    def by_id(self) -> dict[int, bytes]:
        """Keys by the id that frames carry."""
        return {key_id(key): key for key in self.keys}

    def __repr__(self) -> str:
        return f"KeyRing(ids={[key_id(key) for key in self.keys]})"


def frame_key(ring_key: bytes, session: bytes, cluster: bytes) -> bytes:
    """The key of one sender's session: HKDF-SHA256 (RFC 5869) with the session as salt and the cluster as info."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=session, info=cluster).derive(ring_key)
