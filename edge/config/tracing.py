"""Settings of tracing: whether spans are made of requests, of how many, and where they are sent."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True, slots=True, kw_only=True)
class TracingConfig:
    """OpenTelemetry. Off by default; what it needs is the extra `tracing` of the package."""

    enabled: Annotated[bool, Meta(description="Make spans of requests, fills and purges (true, false).")] = (
        False
    )
    endpoint: Annotated[
        str,
        Meta(
            max_length=1024,
            pattern=r"^https?://[^/\s@]+(/\S*)?$",
            description="Collector that takes OTLP over HTTP, a URL; without a path /v1/traces is meant.",
        ),
    ] = "http://127.0.0.1:4318"
    sample_ratio: Annotated[
        float,
        Meta(ge=0, le=1, description="Share of the traces begun here that are kept; the same on all nodes."),
    ] = 0.01
    service_name: Annotated[
        str, Meta(min_length=1, max_length=128, description="Name of the service in the spans.")
    ] = "edge"
    trust_viewers: Annotated[
        bool,
        Meta(
            description="Go on with traces that viewers' players began, sampled as these say (true, false)."
        ),
    ] = False

    @property
    def url(self) -> str:
        """Where spans are sent."""
        bare = self.endpoint.rstrip("/")
        return f"{bare}/v1/traces" if bare.count("/") == 2 else self.endpoint
