"""The keys of signed URLs: a JWKS file (RFC 7517), read again when it changes.

| kty | algorithm |
| --- | --- |
| oct, 32 bytes or more | HS256 |
| EC, P-256 | ES256 |
| OKP, Ed25519 | EdDSA |

A key is good for its one algorithm only, whatever a token says of itself.
"""

import base64
import binascii
import pathlib
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from jwt import PyJWK
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, OKPAlgorithm
from jwt.exceptions import PyJWTError

from edge.model import ConfigError

FIELD = "signing.keys_file"
KEYS_MAX = 16
SECRET_BYTES = 32  # RFC 7518 §3.2: as long as the digest
ALGORITHMS = {"oct": "HS256", "EC": "ES256", "OKP": "EdDSA"}
_HINT = "`edge keygen --jwks HS256` makes one"


class Key(NamedTuple):
    """One key."""

    ident: str  # kid; may be empty
    algorithm: str
    check: Any  # what a signature is checked with
    sign: Any  # what one is made with; none where only the public part is there


def read_keys(path: str, field: str = FIELD) -> tuple[Key, ...]:
    """The keys of a file.

    Raises:
        ConfigError: it cannot be read, or holds something that is no key of the kinds above.
    """
    try:
        found = msgspec.json.decode(pathlib.Path(path).read_bytes())
    except OSError as error:
        raise ConfigError(field, f"{path} cannot be read: {error.strerror}", "name a JWKS file") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(field, f"{path} is no JSON: {error}", _HINT) from None
    listed = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(listed, list) or not 1 <= len(listed) <= KEYS_MAX:
        raise ConfigError(field, f"{path} holds no list of 1 to {KEYS_MAX} keys", _HINT)
    keys = tuple(_key(one, f"{path}, key {number}", field) for number, one in enumerate(listed, 1))
    named = [key.ident for key in keys if key.ident]
    if len(set(named)) < len(named):
        raise ConfigError(field, f"{path} has two keys of one kid", "give each its own")
    return keys


def new_key(algorithm: str) -> dict[str, Any]:
    """A new private key as JWK."""
    made: dict[str, Any]
    if algorithm == "HS256":
        made = HMACAlgorithm.to_jwk(secrets.token_bytes(SECRET_BYTES), as_dict=True)
        made.pop("key_ops", None)
    elif algorithm == "ES256":
        made = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
    else:
        made = OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate(), as_dict=True)
    return {**made, "kid": secrets.token_hex(4), "alg": algorithm, "use": "sig"}


def public_part(jwk: Mapping[str, Any]) -> dict[str, Any]:
    """A key without what signs.

    Raises:
        ConfigError: it is symmetric, and has no such part.
    """
    if jwk.get("kty") == "oct":
        raise ConfigError("--public", "a symmetric key has no public part", "make one of ES256 or EdDSA")
    return {name: value for name, value in jwk.items() if name not in ("d", "key_ops")}


def _key(jwk: Any, where: str, field: str) -> Key:
    kind = jwk.get("kty") if isinstance(jwk, dict) else None
    algorithm = ALGORITHMS.get(kind) if isinstance(kind, str) else None
    if algorithm is None or jwk.get("alg", algorithm) != algorithm:
        raise ConfigError(
            field, f"{where} is of no kind that is known here", "use HS256, ES256 or EdDSA (Ed25519)"
        )
    if not isinstance(jwk.get("kid", ""), str):
        raise ConfigError(field, f"{where} has a kid that is no text", _HINT)
    if kind == "oct" and _secret_bytes(jwk.get("k")) < SECRET_BYTES:
        raise ConfigError(field, f"{where} has less than {SECRET_BYTES} bytes", _HINT)
    if kind == "EC" and jwk.get("crv") != "P-256":
        raise ConfigError(field, f"{where} is not of curve P-256", "use HS256, ES256 or EdDSA (Ed25519)")
    if kind == "OKP" and jwk.get("crv") != "Ed25519":
        raise ConfigError(field, f"{where} is not of curve Ed25519", "use HS256, ES256 or EdDSA (Ed25519)")
    try:
        made = PyJWK(dict(jwk), algorithm).key
        check = made.public_key() if kind != "oct" and "d" in jwk else made
    except (PyJWTError, ValueError, TypeError) as error:
        raise ConfigError(field, f"{where} cannot be used: {type(error).__name__}", _HINT) from None
    return Key(jwk.get("kid", ""), algorithm, check, made if kind == "oct" or "d" in jwk else None)


def _secret_bytes(text: Any) -> int:
    try:
        return len(base64.urlsafe_b64decode(f"{text}==")) if isinstance(text, str) else 0
    except (binascii.Error, ValueError):
        return 0
