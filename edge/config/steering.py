"""Settings of content steering: players that know it are told where to go, and follow without a redirect."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True, slots=True, kw_only=True)
class SteeringConfig:
    """HLS and DASH content steering. Where it is off, players that still ask are told that it has ended (410)."""

    enabled: Annotated[
        bool,
        Meta(
            description="Steer players: multivariant playlists and MPDs name nodes and who steers (true, false)."
        ),
    ] = False
    shards: Annotated[
        int,
        Meta(
            ge=1,
            le=256,
            description="Groups of a zone's viewers that move alone; more than its nodes; alike on all nodes.",
        ),
    ] = 16
    pathways: Annotated[
        int, Meta(ge=2, le=8, description="Nodes that a player is told of, one of another zone among them.")
    ] = 4
    ttl_s: Annotated[
        int,
        Meta(
            ge=1,
            le=3600,
            description="How often players ask again, seconds; each group a little more or less often.",
        ),
    ] = 30
    ttl_max_s: Annotated[
        int, Meta(ge=1, le=3600, description="The same at most, while a node is nearly full, seconds.")
    ] = 300
    server: Annotated[
        str,
        Meta(
            max_length=256,
            pattern=r"^(https?://[^/\s\"]+)?$",
            description="Who steers, as a URL without path, e.g. of a Service. Default: who gave the playlist.",
        ),
    ] = ""
