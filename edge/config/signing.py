"""Settings of signed URLs (RFC 9246): what needs a token, and whose tokens count."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

PACKAGE = "URISigningPackage"  # the name that RFC 9246 §3.2 gives the token, in a query or as a cookie


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningConfig:
    """Off until `keys_file` and `required_prefixes` are given."""

    keys_file: Annotated[
        str,
        Meta(
            max_length=1024,
            description="JWKS file of the keys that tokens are signed with; read again when it changes.",
        ),
    ] = ""
    required_prefixes: Annotated[
        tuple[str, ...],
        Meta(
            max_length=32,
            description="Prefixes of paths that nobody gets without a token, comma list: /live/.",
        ),
    ] = ()
    authority: Annotated[
        str,
        Meta(
            max_length=256,
            pattern=r"^(https?://[A-Za-z0-9.:\[\]_-]+)?$",
            description="Scheme and host that signed URLs name, e.g. https://video.example.com; default: as asked.",
        ),
    ] = ""
    issuers: Annotated[
        tuple[str, ...],
        Meta(
            max_length=16, description="Issuers (iss) whose tokens count, comma list; default: all, and none."
        ),
    ] = ()
    audience: Annotated[
        str,
        Meta(
            max_length=256,
            description="Who this cluster is to signers: a token meant for others (aud) does not count.",
        ),
    ] = ""
    leeway_s: Annotated[
        int,
        Meta(ge=0, le=300, description="How wrong the clocks of signers may be (exp, nbf), seconds."),
    ] = 5

    @property
    def enabled(self) -> bool:
        """Whether anything needs a token."""
        return bool(self.required_prefixes)
