"""Settings of the two HTTP ports."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicConfig:
    """The port that viewers see: media and routing, nothing else."""

    bind: Annotated[str, Meta(description="TCP address for viewers, host:port; port 0 takes a free one.")] = (
        "127.0.0.1:7780"
    )
    advertise: Annotated[
        str,
        Meta(
            max_length=256, description="URL at which viewers reach this very node. Default: http(s)://bind."
        ),
    ] = ""
    tls_cert_file: Annotated[
        str,
        Meta(description="Certificate of this port, PEM with those above it; read again when it changes."),
    ] = ""
    tls_key_file: Annotated[str, Meta(description="Its key, PEM without a password.")] = ""
    tls_ca_file: Annotated[
        str,
        Meta(
            description="Authorities, PEM, that other nodes' certificates must be of. Default: the system's."
        ),
    ] = ""
    tls_peer_name: Annotated[
        str, Meta(max_length=253, description="Name in those certificates. Default: the host of their URL.")
    ] = ""

    @property
    def scheme(self) -> str:
        """Of this port's URLs."""
        return "https" if self.tls_cert_file else "http"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminConfig:
    """The port for operators: health, metrics, the cluster's view, the live page."""

    bind: Annotated[
        str, Meta(description="TCP address for operators, host:port; port 0 takes a free one.")
    ] = "127.0.0.1:7701"
    advertise: Annotated[
        str,
        Meta(
            max_length=256, description="URL at which other nodes and pages reach it. Default: http://bind."
        ),
    ] = ""
    token_file: Annotated[
        str, Meta(description="File with the bearer token of /v1; needed off loopback.")
    ] = ""
    page_origins: Annotated[
        tuple[str, ...],
        Meta(
            max_length=64,
            description="Origins whose pages may read this port from a browser (CORS), comma list.",
        ),
    ] = ()
