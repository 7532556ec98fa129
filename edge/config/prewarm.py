"""Settings of prewarming: what is fetched before a viewer of this node asks for it, and how much of that."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True, slots=True, kw_only=True)
class PrewarmConfig:
    """What viewers of other nodes watch, and what was announced, comes before viewers here ask for it."""

    enabled: Annotated[
        bool, Meta(description="Fetch what is watched elsewhere, and what was announced (true, false).")
    ] = True
    rate_min: Annotated[
        float,
        Meta(
            ge=0.1,
            le=1e6,
            description="Least rate that is worth it, requests a second: in the own zone; twice that in its region.",
        ),
    ] = 5
    kbps: Annotated[
        int, Meta(ge=8, le=100_000_000, description="Bound of what is fetched so, kilobits a second.")
    ] = 20_000
    store_share: Annotated[
        float,
        Meta(gt=0, le=0.5, description="Share of cache.memory_bytes for what nobody here has asked for yet."),
    ] = 0.1
    concurrency: Annotated[int, Meta(ge=1, le=64, description="How many are fetched at a time.")] = 4
    prefer: Annotated[
        tuple[str, ...],
        Meta(
            max_length=16,
            description="Globs of paths that count twice here, comma list, e.g. of an audio language: */audio-hi/*.",
        ),
    ] = ()
    events: Annotated[
        tuple[str, ...],
        Meta(
            max_length=64,
            description="Paths to fetch in time, comma list: /live/main.m3u8;at=2026-11-21T14:00:00Z.",
        ),
    ] = ()
