"""One token: a JWT (RFC 7519) with the claims of RFC 9246, checked and made.

Claims that restrict and are not known here are refused rather than passed over: `cdniip` (the viewer's address), `jti`
(good for one request only, which no stream is), and whatever `cdnicrit` names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from jwt import PyJWS
from jwt.exceptions import InvalidSignatureError, PyJWTError
from msgspec import Meta, Struct

from edge.config import SigningConfig
from edge.shell.signing.container import Container, ContainerError, container
from edge.shell.signing.keys import Key

TOKEN_MAX = 3072  # characters; cookies end at 4,096 bytes (RFC 6265 §6.1)
REASONS = {
    "missing": "wants a token, and has none",
    "malformed": "is no token",
    "key": "is of no key that is known here",
    "signature": "is not signed by its key",
    "claim": "has a claim that is not understood, or lacks one",
    "container": "has a URI container that is not understood",
    "issuer": "is of no issuer that counts here",
    "audience": "is meant for others",
    "early": "is not good yet",
    "expired": "has expired",
    "uri": "is good for another URI",
}
_UNDERSTOOD = frozenset(("iss", "aud", "exp", "nbf", "iat", "sub", "cdniv", "cdnicrit", "cdniuc"))
_FOREVER = 2.0**53
_jws = PyJWS(algorithms=["HS256", "ES256", "EdDSA"])


class TokenError(ValueError):
    """It does not count; `reason` is a word of `REASONS`."""

    def __init__(self, reason: str) -> None:
        super().__init__(REASONS[reason])
        self.reason = reason


Time = Annotated[float, Meta(ge=0, le=_FOREVER)]


class _Claims(Struct, frozen=True):
    cdniuc: str
    exp: Time = _FOREVER
    nbf: Time = 0.0
    iss: str = ""
    aud: str | list[str] | None = None
    cdniv: int = 1
    cdnicrit: str = ""
    cdniip: Any = None
    jti: Any = None


class _Header(Struct, frozen=True):
    alg: str
    kid: str = ""
    crit: Any = None
    b64: bool = True


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token that counts is good for. Times are seconds since 1970, with the leeway."""

    container: Container
    begins: float
    ends: float
    exp: float  # as the token says


def verified(token: str, keys: Sequence[Key], config: SigningConfig) -> Grant:
    """Check everything of a token but the time and the URI.

    Raises:
        TokenError: it does not count.
    """
    if len(token) > TOKEN_MAX or token.count(".") != 2:
        raise TokenError("malformed")
    try:
        header = _jws.get_unverified_header(token)
        known = msgspec.convert(header, _Header)
    except (PyJWTError, msgspec.ValidationError, ValueError):
        raise TokenError("malformed") from None
    if known.crit is not None or not known.b64:
        raise TokenError("claim")
    fits = [key for key in keys if key.algorithm == known.alg and (not known.kid or key.ident == known.kid)]
    if not fits:
        raise TokenError("key")
    return _granted(_payload(token, fits), config)


def made(claims: dict[str, Any], key: Key) -> str:
    """A token of these claims."""
    header = {"kid": key.ident} if key.ident else None
    return _jws.encode(msgspec.json.encode(claims), key.sign, key.algorithm, header)


def _payload(token: str, keys: Sequence[Key]) -> bytes:
    for key in keys:
        try:
            found: bytes = _jws.decode(token, key.check, [key.algorithm])
        except InvalidSignatureError:
            continue
        except (PyJWTError, ValueError):
            raise TokenError("malformed") from None
        return found
    raise TokenError("signature")


def _granted(payload: bytes, config: SigningConfig) -> Grant:
    try:
        claims = msgspec.json.decode(payload, type=_Claims)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise TokenError("claim") from None
    critical = [name.strip() for name in claims.cdnicrit.split(",") if name.strip()]
    restricted = claims.cdniip is not None or claims.jti is not None
    if claims.cdniv != 1 or restricted or not _UNDERSTOOD.issuperset(critical):
        raise TokenError("claim")
    if config.issuers and claims.iss not in config.issuers:
        raise TokenError("issuer")
    meant = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if meant is not None and config.audience not in meant:
        raise TokenError("audience")
    try:
        good_for = container(claims.cdniuc)
    except ContainerError:
        raise TokenError("container") from None
    return Grant(good_for, claims.nbf - config.leeway_s, claims.exp + config.leeway_s, claims.exp)
