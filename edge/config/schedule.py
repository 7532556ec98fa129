"""Settings of scheduled events: how long before its start the cluster makes ready, and what counts as room for it."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleConfig:
    """What nodes do ahead of an event that was scheduled, and how the capacity check counts."""

    prewarm_lead_s: Annotated[
        int,
        Meta(ge=0, le=86_400, description="An event's paths are fetched from this long before it, seconds."),
    ] = 300
    tempo_lead_s: Annotated[
        int,
        Meta(
            ge=0,
            le=86_400,
            description="Gossip is at its fastest from this long before an event until its end, seconds.",
        ),
    ] = 300
    capacity_lead_s: Annotated[
        int,
        Meta(
            ge=0,
            le=7 * 86_400,
            description="An event counts as needing room from this long before it until its end, seconds.",
        ),
    ] = 3600
    scale_up_minutes: Annotated[
        float,
        Meta(
            ge=0,
            le=240,
            description="From the wish for more nodes until they serve, minutes; growth meanwhile is the buffer.",
        ),
    ] = 5
    safe_load: Annotated[
        float,
        Meta(ge=0.1, le=1, description="Share of a node's capacity that the capacity check counts on."),
    ] = 0.9
