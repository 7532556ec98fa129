"""Settings of routing: how even loads are kept, and how a viewer's place is known."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

_FIELD_NAME = r"^([A-Za-z0-9][A-Za-z0-9-]*)?$"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingConfig:
    """Which node a viewer is sent to, and what is believed of where he is."""

    load_bound: Annotated[
        float,
        Meta(
            ge=1.01,
            le=10,
            description="c: no node gets a viewer above this multiple of its zone's mean load.",
        ),
    ] = 1.25
    full_load: Annotated[
        float,
        Meta(
            ge=0.1,
            le=2,
            description="Share of its capacity from which on a node is full; a full zone's viewers go to the next.",
        ),
    ] = 1.0
    hysteresis: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="A viewer stays with his node unless another's load is lower by this share of a capacity.",
        ),
    ] = 0.1
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(
            max_length=256,
            description="Addresses or networks whose fields about the viewer are believed, comma list.",
        ),
    ] = ()
    address_header: Annotated[
        Literal["X-Forwarded-For", "Forwarded"],
        Meta(description="Field in which they write the viewer's address; the other one is not read."),
    ] = "X-Forwarded-For"
    zone_header: Annotated[
        str,
        Meta(
            max_length=63,
            pattern=_FIELD_NAME,
            description="Field in which they name the viewer's zone, if any.",
        ),
    ] = ""
    region_header: Annotated[
        str,
        Meta(
            max_length=63,
            pattern=_FIELD_NAME,
            description="Field in which they name the viewer's region, if any.",
        ),
    ] = ""
    isp_header: Annotated[
        str,
        Meta(
            max_length=63,
            pattern=_FIELD_NAME,
            description="Field in which they name the viewer's provider, if any.",
        ),
    ] = ""
    places_file: Annotated[
        str,
        Meta(
            max_length=1024,
            description="Table of networks and places, lines of: prefix zone isp region; read again when it changes.",
        ),
    ] = ""
    answer_ttl_s: Annotated[
        int, Meta(ge=1, le=3600, description="How long an answer as JSON may be kept, seconds.")
    ] = 10
