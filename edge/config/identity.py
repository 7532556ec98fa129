"""Settings of a node's identity: the key that it signs its own record with, and what it takes of others."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityConfig:
    """Signed records. Off by default; the chart turns them on."""

    signatures: Annotated[
        Literal["off", "verify", "require"],
        Meta(
            description="verify: sign, and refuse what a known key did not sign; require: refuse the unsigned, too."
        ),
    ] = "off"
    file: Annotated[
        str,
        Meta(
            max_length=1024,
            description="This node's own key, PEM; made where it is not there. Default: a new key at each start.",
        ),
    ] = ""
    pin_s: Annotated[
        float,
        Meta(
            ge=1,
            le=86_400,
            description="A name is free for another key when its holder was unreachable this long, seconds.",
        ),
    ] = 60
