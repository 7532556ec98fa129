"""Settings of the two HTTP ports."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

_Certificate = Annotated[
    str, Meta(description="Certificate of this port, PEM with those above it; read again when it changes.")
]
_Key = Annotated[str, Meta(description="Its key, PEM without a password.")]


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
    tls_cert_file: _Certificate = ""
    tls_key_file: _Key = ""
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
            max_length=256,
            description="URL at which other nodes and pages reach it. Default: http(s)://bind.",
        ),
    ] = ""
    token_file: Annotated[
        str,
        Meta(
            description="File with the bearer token of /v1, role operate; it or tokens_file is needed off loopback."
        ),
    ] = ""
    tokens_file: Annotated[
        str,
        Meta(
            description="File of further tokens, a line each: role name token; role read, purge or operate; read again."
        ),
    ] = ""
    page_origins: Annotated[
        tuple[str, ...],
        Meta(
            max_length=64,
            description="Origins whose pages may read this port from a browser (CORS), comma list.",
        ),
    ] = ()
    tls_cert_file: _Certificate = ""
    tls_key_file: _Key = ""
    tls_ca_file: Annotated[
        str,
        Meta(
            description="Authorities, PEM, that other nodes' admin ports must be of. Default: the system's."
        ),
    ] = ""
    tls_peer_name: Annotated[
        str, Meta(max_length=253, description="Name in their certificates. Default: the host of their URL.")
    ] = ""
    tls_client_ca_file: Annotated[
        str,
        Meta(description="Authorities, PEM, of clients; where it is given, /v1 wants a client certificate."),
    ] = ""
    writes_per_s: Annotated[
        float,
        Meta(
            ge=0.1, le=10_000, description="Orders that one caller may give; all together: five times that."
        ),
    ] = 10
    writes_burst: Annotated[
        int, Meta(ge=1, le=100_000, description="Orders that he may give at once after a pause.")
    ] = 50
    connections_max: Annotated[
        int,
        Meta(
            ge=16, le=65_536, description="Connections at a time; beyond it the longest idle one makes room."
        ),
    ] = 512

    @property
    def scheme(self) -> str:
        """Of this port's URLs."""
        return "https" if self.tls_cert_file else "http"
