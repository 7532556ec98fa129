"""A node's signature on its own record: Ed25519 (RFC 8032) over a canonical encoding of what only the owner may say.

Covered are all fields but the status, of which only "left" is the owner's: that somebody is suspect or unreachable is
the word of others, and takes the signature of the same incarnation along. A field that is added to the record later is
not covered, so that who does not know it yet still finds the signature right; it needs one of its own.
"""

import functools
import hashlib

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec.structs import replace

from edge.model import KEY_BYTES, SIGNATURE_BYTES, Member, Status

_DOMAIN = "edge member record 1"  # no signature of anything else can be taken for one of this
_KNOWN = 4096  # verdicts that are kept, so that copies cost nothing

_encode = msgspec.json.Encoder(order="deterministic").encode


class Signer:
    """Signs the records of one node.

    Args:
        secret: the private key, 32 bytes.
        cluster: the cluster's id; a signature is good in one cluster only.
    """

    def __init__(self, secret: bytes, cluster: str) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(secret)
        self._cluster = cluster
        self.key = self._private.public_key().public_bytes_raw()

    def signed(self, member: Member) -> Member:
        """The record with its proof."""
        return replace(member, proof=self.key + self._private.sign(said(member, self._cluster)))


def proven(member: Member, cluster: str) -> bool:
    """Whether the record is what the holder of its key said in this cluster."""
    return len(member.proof) == KEY_BYTES + SIGNATURE_BYTES and verdict(member.proof, said(member, cluster))


def said(member: Member, cluster: str) -> bytes:
    """What is signed: positional, with the cluster first, and alike on every node."""
    return _encode(
        (
            _DOMAIN,
            cluster,
            member.name,
            member.incarnation,
            member.status is Status.LEFT,
            *(member.host, member.port, member.admin, member.public),
            *(member.region, member.zone, member.isp, member.tags),
            *(member.backup_host, member.backup_port, member.keys),
        )
    )


def fingerprint(key: bytes) -> str:
    """A public key as people compare it."""
    return hashlib.blake2b(key, digest_size=8).hexdigest()


@functools.lru_cache(maxsize=_KNOWN)
def verdict(proof: bytes, message: bytes) -> bool:
    """Whether the signature in `proof` is of `message`, by the key in it."""
    try:
        Ed25519PublicKey.from_public_bytes(proof[:KEY_BYTES]).verify(proof[KEY_BYTES:], message)
    except (InvalidSignature, ValueError):
        return False
    return True
