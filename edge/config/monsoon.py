"""Settings of monsoon mode: when a node degrades its service, how far, and for how long."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True, slots=True, kw_only=True)
class MonsoonConfig:
    """When service degrades by itself, and how far. An operator's override counts whatever is set here."""

    enabled: Annotated[
        bool, Meta(description="Degrade by what the node measures; off: by overrides only (true, false).")
    ] = True
    level_max: Annotated[
        int, Meta(ge=0, le=4, description="Highest level that is reached without an operator.")
    ] = 4
    dwell_s: Annotated[
        float,
        Meta(ge=1, le=3600, description="A lower level waits until it was enough this long, seconds."),
    ] = 10
    smoothing_s: Annotated[
        float,
        Meta(
            ge=0.5,
            le=60,
            description="Time constant of what is measured: a cut counts after about twice this, seconds.",
        ),
    ] = 3
    quality_low: Annotated[
        float,
        Meta(ge=0.1, le=0.99, description="Level 1 where fewer of this share of probes are answered."),
    ] = 0.6
    origin_failures: Annotated[
        float, Meta(ge=0.05, le=1, description="Level 2 from this share of failed fills on.")
    ] = 0.5
    load_high: Annotated[
        float,
        Meta(ge=0.1, le=10, description="Level 1 from this load of the zone on, viewers over capacity."),
    ] = 0.9
    load_full: Annotated[
        float,
        Meta(ge=0.1, le=10, description="Level 3 from this load of the node on, viewers over capacity."),
    ] = 1.1
    lag_high_s: Annotated[
        float,
        Meta(ge=0.02, le=10, description="Level 3 from this event-loop lag on, 4 from twice of it, seconds."),
    ] = 0.5
    ladder_kbps: Annotated[
        int,
        Meta(
            ge=50,
            le=1_000_000,
            description="Bitrate that players are asked to stay below from level 1 on, kb/s.",
        ),
    ] = 800
    stale_s: Annotated[
        float,
        Meta(
            ge=0,
            le=86_400,
            description="From level 2 on, what is over is served this long if the origin gives nothing, seconds.",
        ),
    ] = 900
