"""Orders about keys, as durable events carry them: `keys:use`, and for each key one of its id.

| key of the event | body | |
| --- | --- | --- |
| `keys:use` | `a1` | seal with this one |
| `keys:a1` | `+3f:…` | hold it; it is sealed under the key 3f, so that no screen, log or page can show it |
| `keys:a1` | `-` | remove it |

`!` at the end: do not wait for members that are gone. The newest event of a key counts, so a removal takes the place of
what carried the key.
"""

import base64
import binascii
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from edge.wire.keys import KEY_BYTES, KeyRing, frame_key, key_id

PREFIX = "keys:"
NONCE_BYTES = 12
_USE = "use"
_SALT = b"edge key install"  # longer than a session, so no frame has its key
_FORCE = "!"


class Order(NamedTuple):
    """One of them."""

    what: str  # install, use, remove
    key: int  # its id
    force: bool = False
    under: int = 0  # id of the key that seals `sealed`
    sealed: bytes = b""

    @property
    def name(self) -> str:
        """The key of the event."""
        return PREFIX + (_USE if self.what == _USE else f"{self.key:02x}")

    @property
    def body(self) -> str:
        """The body of the event."""
        force = _FORCE if self.force else ""
        if self.what == "install":
            return f"+{self.under:02x}:{base64.b64encode(self.sealed).decode()}"
        return (f"{self.key:02x}" if self.what == _USE else "-") + force


def read(name: str, body: str) -> Order | None:
    """The order of an event; None where this version understands none."""
    subject, force = name.removeprefix(PREFIX), body.endswith(_FORCE)
    try:
        if subject == _USE:
            return Order(_USE, _byte(body.removesuffix(_FORCE)), force)
        if body.removesuffix(_FORCE) == "-":
            return Order("remove", _byte(subject), force)
        under, _, sealed = body.removeprefix("+").partition(":")
        if body.startswith("+"):
            return Order(
                "install", _byte(subject), False, _byte(under), base64.b64decode(sealed, validate=True)
            )
    except (ValueError, binascii.Error):
        pass
    return None


def install(key: bytes, ring: KeyRing, cluster: str, nonce: bytes) -> Order:
    """The order to hold `key`, sealed under the ring's first.

    Args:
        key: the new one.
        ring: what all members hold.
        cluster: its id.
        nonce: `NONCE_BYTES` random ones.
    """
    under, new = key_id(ring.keys[0]), key_id(key)
    sealed = nonce + _cipher(ring.keys[0], cluster).encrypt(nonce, key, _bound(new, cluster))
    return Order("install", new, False, under, sealed)


def opened(order: Order, ring: KeyRing, cluster: str) -> bytes | None:
    """The key that an order carries; None where the ring does not open it."""
    if (under := ring.by_id().get(order.under)) is None:
        return None
    nonce, sealed = order.sealed[:NONCE_BYTES], order.sealed[NONCE_BYTES:]
    try:
        key = _cipher(under, cluster).decrypt(nonce, sealed, _bound(order.key, cluster))
    except (InvalidTag, ValueError):
        return None
    return key if len(key) == KEY_BYTES and key_id(key) == order.key else None


def _cipher(key: bytes, cluster: str) -> AESGCM:
    return AESGCM(frame_key(key, _SALT, cluster.encode()))


def _bound(key: int, cluster: str) -> bytes:
    return bytes((key,)) + cluster.encode()


def _byte(text: str) -> int:
    (byte,) = bytes.fromhex(text)
    return byte
