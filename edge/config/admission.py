"""Settings of admission: how much a node takes on, and what is said to those whom it does not."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionConfig:
    """Up to where new sessions are let in. Who is watching already is never turned away for want of room."""

    enabled: Annotated[
        bool, Meta(description="Refuse new sessions where no node has room for them (true, false).")
    ] = True
    safe_load: Annotated[
        float,
        Meta(
            ge=0.1,
            le=2,
            description="Share of what a node can carry up to which it takes live sessions; DVR and VOD end sooner.",
        ),
    ] = 1.0
    kbps: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000_000,
            description="What this node's network can send, kilobits a second; 0: not known, viewers alone count.",
        ),
    ] = 0
    lag_s: Annotated[
        float,
        Meta(ge=0.02, le=10, description="Nobody new from this event-loop lag on, seconds."),
    ] = 0.25
    retry_after_s: Annotated[
        int,
        Meta(
            ge=1,
            le=600,
            description="Who is refused is told to come back after this long, or up to twice that, seconds.",
        ),
    ] = 10
