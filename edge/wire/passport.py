"""A header by which one node's HTTP request is known for it to another: nobody without the key ring can make one.

Edge-Peer: pune-1; 1795280000; 8f0c…      source, seconds since 1970, HMAC-SHA256 over these, target and cluster
"""

import hashlib
import hmac

from edge.wire.keys import KeyRing

HEADER = "Edge-Peer"
VALID_S = 60  # either way: what two clocks may differ
_MAC_BYTES = 16
_FIELD_MAX = 160


def stamp(ring: KeyRing, cluster: str, source: str, target: str, wall_s: float) -> str:
    """The field of a request from `source` to `target`, made under the ring's first key."""
    return _field(ring.keys[0], cluster, source, target, int(wall_s))


def bearer(field: str, ring: KeyRing, cluster: str, target: str, wall_s: float) -> str:
    """Who made `field` for `target`; empty where nobody of the cluster did, or long ago."""
    parts = field.split("; ") if len(field) <= _FIELD_MAX and field.isascii() else []
    if len(parts) != 3 or not (parts[1].isascii() and parts[1].isdigit()):
        return ""
    source, at = parts[0], int(parts[1])
    if abs(wall_s - at) > VALID_S:
        return ""
    made = (_field(key, cluster, source, target, at) for key in ring.keys)
    return source if any(hmac.compare_digest(one.encode(), field.encode()) for one in made) else ""


def _field(key: bytes, cluster: str, source: str, target: str, at: int) -> str:
    said = "\0".join(("edge peer fill", cluster, source, target, str(at))).encode()
    mac = hmac.new(key, said, hashlib.sha256).digest()[:_MAC_BYTES]
    return f"{source}; {at}; {mac.hex()}"
