"""Settings of the nginx that serves hits in front of this node."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True, slots=True, kw_only=True)
class NginxConfig:
    """What nginx and the node share, with `cache.backend` = nginx. `public.bind` is where nginx listens then."""

    folder: Annotated[
        str,
        Meta(
            max_length=512,
            pattern=r"^(/[A-Za-z0-9._/+@-]*)?$",  # stands in nginx's configuration as it is
            description="Folder of nginx's cache, its log and flags; absolute, both write there as the same user.",
        ),
    ] = ""
    bind: Annotated[
        str, Meta(description="TCP address on loopback at which the node answers nginx's misses, host:port.")
    ] = "127.0.0.1:7781"
    status_bind: Annotated[
        str, Meta(description="TCP address on loopback at which nginx tells its connections, host:port.")
    ] = "127.0.0.1:7782"
    max_bytes: Annotated[
        int,
        Meta(
            ge=1 << 20,
            le=1 << 50,
            description="Bound of nginx's cache, bytes; the volume also holds 11 s of fill_bytes_s.",
        ),
    ] = 10 * 1024 * 1024 * 1024
    fill_bytes_s: Annotated[
        int,
        Meta(
            ge=1 << 16,
            le=1 << 40,
            description="Once max_bytes is reached, nginx is given so much to store; the rest is not, bytes a second.",
        ),
    ] = 32 * 1024 * 1024
    objects_max: Annotated[
        int,
        Meta(
            ge=1000,
            le=10_000_000,
            description="Bound of their number; each takes about 1 KiB of memory here.",
        ),
    ] = 100_000
    inactive_s: Annotated[
        int,
        Meta(
            ge=60, le=31 * 86_400, description="What nobody asks for so long leaves nginx's cache, seconds."
        ),
    ] = 86_400
    disk_high: Annotated[
        float,
        Meta(ge=0.1, le=0.99, description="Nothing more is stored once this share of the volume is used."),
    ] = 0.85
    recorded: Annotated[
        tuple[str, ...],
        Meta(
            max_length=64,
            description="Prefixes of paths, e.g. /vod/, that nginx refuses from level 3 on; comma list.",
        ),
    ] = ()
    workers: Annotated[
        int, Meta(ge=0, le=512, description="Worker processes of nginx; 0: one for each processor.")
    ] = 0
    user: Annotated[
        str,
        Meta(
            max_length=63,
            pattern=r"^[A-Za-z0-9_-]*$",
            description="User of nginx's workers where it starts as root: the node's own. Default: as started.",
        ),
    ] = ""
