"""What makes a process this member of this cluster; its key file is made where there is none."""

import contextlib
import os
import pathlib
import secrets

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from edge.config import Config
from edge.gossip.node import Identity
from edge.gossip.signatures import UNSIGNED, Signing
from edge.model import KEY_BYTES, ConfigError, Member
from edge.shell.files import read_ring
from edge.wire.frame import SESSION_BYTES
from edge.wire.signatures import Signer

_FIELD = "identity.file"
_FILE_MAX_BYTES = 4096
_HINT = "name one that `edge keygen --identity FILE` made, or one that is not there yet"


def identity_of(config: Config, member: Member, wall_offset_s: float) -> Identity:
    """Who this process is.

    Args:
        config: names the keys.
        member: its record.
        wall_offset_s: wall time since 1970 minus the monotonic time.

    Raises:
        ConfigError: a file of keys cannot be read, or made.
    """
    return Identity(
        member=member,
        cluster=config.node.cluster,
        ring=read_ring(config),
        session=secrets.token_bytes(SESSION_BYTES),
        wall_offset_s=wall_offset_s,
        signing=_signing(config),
    )


def make_key(path: str, field: str) -> bytes:
    """Write a new key into a new file that its owner alone can read; the key, 32 bytes.

    Raises:
        ConfigError: it cannot be written, or is there.
    """
    secret = secrets.token_bytes(KEY_BYTES)
    pem = Ed25519PrivateKey.from_private_bytes(secret).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    file = pathlib.Path(path)
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(pem)
            os.fsync(out.fileno())
        os.link(part, file)  # whole or not at all, and never in place of another
    except OSError as error:
        raise ConfigError(field, f"{path} cannot be made: {error.strerror}", "name a new file") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return secret


def read_key(path: str, field: str) -> bytes:
    """The key in a file, 32 bytes.

    Raises:
        ConfigError: it cannot be read, or holds no such key.
    """
    try:
        with pathlib.Path(path).open("rb") as file:
            key = load_pem_private_key(file.read(_FILE_MAX_BYTES), None)
    except OSError as error:
        raise ConfigError(field, f"{path} cannot be read: {error.strerror}", _HINT) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError(field, f"{path} holds no key in PEM", _HINT) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(field, f"{path} holds a key of another kind than Ed25519", _HINT)
    return key.private_bytes_raw()


def _signing(config: Config) -> Signing:
    identity = config.identity
    if identity.signatures == "off":
        return UNSIGNED
    if not identity.file:
        secret = secrets.token_bytes(KEY_BYTES)
    elif pathlib.Path(identity.file).exists():
        secret = read_key(identity.file, _FIELD)
    else:
        secret = make_key(identity.file, _FIELD)
    return Signing(Signer(secret, config.node.cluster), identity.signatures, identity.pin_s)
