"""Settings of quality: when the bitrate of a place is capped, from what its players say of themselves."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityConfig:
    """Players' CMCD (CTA-5004), in sums by zone and provider, and the caps that follow from it."""

    enabled: Annotated[
        bool, Meta(description="Sum up what players say of themselves, and cap by it (true, false).")
    ] = True
    ladder_kbps: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=1_000_000)], ...],
        Meta(
            min_length=2,
            max_length=16,
            description="Peaks of the rungs, lowest first, kilobits a second, comma list: what caps there may be.",
        ),
    ] = (300, 700, 1500, 3000, 6000, 16000)
    stalls_high: Annotated[
        float,
        Meta(
            ge=0.001,
            le=1,
            description="A place is capped where this share of its requests come from players that ran dry.",
        ),
    ] = 0.03
    stalls_low: Annotated[
        float,
        Meta(ge=0, le=1, description="A cap is eased once it is below this share for hold_s."),
    ] = 0.01
    hold_s: Annotated[
        float, Meta(ge=1, le=3600, description="How long all must be well before a cap is eased, seconds.")
    ] = 30
    sessions_min: Annotated[
        int,
        Meta(ge=1, le=256, description="A place with fewer players on a node is not told of to others."),
    ] = 5
