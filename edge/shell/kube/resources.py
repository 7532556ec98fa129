"""What edge reads of the API server's answers, and how those fail. Every other field of theirs is ignored."""

from typing import TypeVar

import msgspec
from msgspec import Struct

SERVICE_LABEL = "kubernetes.io/service-name"  # on every EndpointSlice of a Service
ZONE_LABEL = "topology.kubernetes.io/zone"
_TEXT_MAX = 300  # characters of an answer that are repeated in an error

Kind = TypeVar("Kind")


class ApiError(Exception):
    """The API server refused or failed, or gave no answer. Never leaves this package.

    Args:
        status: HTTP status, or the code of a Status object; 0 where there was no answer to read.
        message: what it said, or what happened.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}" if status else message)
        self.status = status

    @property
    def denied(self) -> bool:
        """Whether the service account may not do this, which only an operator can change."""
        return self.status in (401, 403)

    @property
    def expired(self) -> bool:
        """Whether the version to watch from is no longer kept: list again."""
        return self.status == 410


class UnreadableError(ApiError):
    """It answered something that is not what was asked for."""

    def __init__(self, message: str) -> None:
        super().__init__(0, message)


class Metadata(Struct, rename="camel"):
    """Of any object."""

    name: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None


class TargetRef(Struct):
    """The pod behind an endpoint."""

    name: str = ""
    uid: str = ""


class Endpoint(Struct, rename="camel"):
    """One pod, ready or not."""

    addresses: list[str]
    zone: str | None = None
    node_name: str | None = None
    target_ref: TargetRef | None = None


class Port(Struct):
    """A port that all endpoints of a slice have."""

    name: str | None = None
    port: int | None = None


class EndpointSlice(Struct, rename="camel"):
    """Some of the pods behind a Service (discovery.k8s.io/v1). A list that is empty may be null."""

    metadata: Metadata
    endpoints: list[Endpoint] | None = None
    ports: list[Port] | None = None


class SliceList(Struct):
    """The answer to a list."""

    metadata: Metadata
    items: list[EndpointSlice] | None = None


class Change(Struct):
    """One line of a watch: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR, and the object as it is read for each."""

    type: str
    object: msgspec.Raw


class Failure(Struct):
    """A Status object."""

    code: int = 0
    message: str = ""


class Named(Struct):
    """Any object of which only the metadata counts."""

    metadata: Metadata


def read(data: bytes | msgspec.Raw, kind: type[Kind]) -> Kind:
    """`data` as a `kind`.

    Raises:
        UnreadableError: it is none.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UnreadableError(f"an answer that is no {kind.__name__}: {error}") from None


def failure(status: int, body: bytes | msgspec.Raw) -> ApiError:
    """What the API server says of a request that it did not grant."""
    try:
        said = msgspec.json.decode(body, type=Failure)
    except (msgspec.DecodeError, RecursionError):
        text = bytes(body)[:_TEXT_MAX].decode(errors="replace").strip()
        return ApiError(status, text or "no reason given")
    return ApiError(said.code or status, said.message[:_TEXT_MAX])
