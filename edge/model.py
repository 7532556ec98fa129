"""The words every room speaks: addresses, members, load, popularity. No behaviour beyond their own.

May import nothing of `edge`, and neither clocks, sockets nor randomness.
"""

import functools
from enum import IntEnum
from typing import Annotated, NamedTuple, Self

from msgspec import Meta, Struct

NAME_MAX_BYTES = 63  # a Kubernetes pod name is a DNS label (RFC 1123)
PATH_MAX_BYTES = 512
BODY_MAX_BYTES = 512
TOP_SEGMENTS = 5  # seed S1: a node tells its five hottest segments

Name = Annotated[str, Meta(min_length=1, max_length=NAME_MAX_BYTES)]
Label = Annotated[str, Meta(max_length=NAME_MAX_BYTES)]
Url = Annotated[str, Meta(max_length=256)]
Path = Annotated[str, Meta(min_length=1, max_length=PATH_MAX_BYTES)]
Port = Annotated[int, Meta(ge=0, le=65535)]
Count = Annotated[int, Meta(ge=0, le=2**48)]
Streams = Annotated[int, Meta(ge=0, le=10_000_000)]  # as many as a node may be configured for
Version = Annotated[int, Meta(ge=0, le=2**62)]
Percent = Annotated[int, Meta(ge=0, le=100)]
KeyId = Annotated[int, Meta(ge=0, le=255)]
# Of the keys that a node holds, the one it seals with first; b"": untold.
KeyIds = Annotated[bytes, Meta(max_length=8)]
KEY_BYTES, SIGNATURE_BYTES = 32, 64  # Ed25519 (RFC 8032)
# Whose record it is: the owner's public key and its signature (`edge.wire.signatures`); b"": none.
Proof = Annotated[bytes, Meta(max_length=KEY_BYTES + SIGNATURE_BYTES)]


class ConfigError(Exception):
    """A user's mistake in a flag, variable, file or environment: what is wrong, where, and what would be right.

    Args:
        field: where the mistake is, as the user knows it, e.g. ``gossip.bind`` or a file name.
        problem: what is wrong there.
        hint: what would be right.
    """

    def __init__(self, field: str, problem: str, hint: str) -> None:
        super().__init__(field, problem, hint)
        self.field = field
        self.problem = problem
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}; {self.hint}"


class Address(NamedTuple):
    """Where a UDP or TCP socket is: a host (name or address, IPv6 without brackets) and a port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, field: str) -> Self:
        """Read ``host:port`` or ``[v6]:port``.

        Raises:
            ConfigError: naming `field`, when the text is neither.
        """
        host, separator, port = text.strip().rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            host = ""
        if not (separator and host and port.isascii() and port.isdigit() and int(port) <= 65535):
            raise ConfigError(
                field, f"{text!r} is no address", "write host:port, e.g. 127.0.0.1:7700 or [::1]:7700"
            )
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@functools.lru_cache(maxsize=16_384)
def _address(host: str, port: int) -> Address:
    """One object for each address: a table of members holds many."""
    return Address(host, port)


class Status(IntEnum):
    """What is held of a member. At equal incarnation the higher value wins (PROTOCOL.md, Identity)."""

    ALIVE = 0
    SUSPECT = 1
    UNREACHABLE = 2
    LEFT = 3


GENERATION_MAX = (
    2**40
)  # seconds; what is said to be later is no process, and an incarnation must have room for it
COUNTER_BITS = 16
_FRACTION_BITS = 12  # of the counter, at the start


def incarnation_of(generation: int, counter: int = 0) -> int:
    """`generation << 16 | counter`: process start in seconds; its fraction, raised by the owner's refutations."""
    return generation << COUNTER_BITS | counter


def first_incarnation(started_s: float) -> int:
    """That of a process which starts now, seconds since 1970: greater than that of one before it in the same second.

    Equal ones of two processes would have equal digests: a node back under another key would take its place for given.
    """
    generation = int(started_s)
    return incarnation_of(generation, int((started_s - generation) * 2**_FRACTION_BITS))


def generation_of(incarnation: int) -> int:
    """The process start, in seconds, that an incarnation belongs to."""
    return incarnation >> COUNTER_BITS


REPORT_STEPS_PER_S = 20


def first_version(incarnation: int) -> int:
    """The least version of a report by the process that an incarnation belongs to: its start in steps of 50 ms."""
    return generation_of(incarnation) * REPORT_STEPS_PER_S


class Member(Struct, frozen=True, array_like=True):
    """One node as it describes itself; `incarnation` and `status` order its records."""

    name: Name
    incarnation: Version
    status: Status
    host: Annotated[str, Meta(min_length=1, max_length=253)]
    port: Port
    admin: Url = ""
    public: Url = ""
    region: Label = ""
    zone: Label = ""
    isp: Label = ""
    tags: Annotated[dict[Label, Label], Meta(max_length=16)] = {}
    backup_host: Annotated[str, Meta(max_length=253)] = ""  # its second path, if it has one
    backup_port: Port = 0
    keys: KeyIds | KeyId = b""  # that its process started with; a single one as a number, which is shorter
    proof: Proof = b""

    @property
    def key(self) -> bytes:
        """The public key of its owner, as the record has it; empty where it is not signed."""
        return self.proof[:KEY_BYTES]

    @property
    def key_ids(self) -> bytes:
        """The ids of `keys`."""
        return self.keys if isinstance(self.keys, bytes) else bytes((self.keys,))

    @property
    def backup(self) -> Address | None:
        """Where it receives what crosses a cut on the second path."""
        return _address(self.backup_host, self.backup_port) if self.backup_host else None

    @property
    def address(self) -> Address:
        """Where it receives gossip."""
        return _address(self.host, self.port)

    @property
    def rank(self) -> tuple[int, int]:
        """Orders all records of one name: the greater is the newer."""
        return (self.incarnation, self.status)


class Load(Struct, frozen=True, array_like=True, gc=False):
    """What one node carries at one moment. Rates are smoothed over some seconds by the node itself."""

    streams: Streams  # viewers whose last request is younger than the session time
    kbps: Count  # media sent, kilobits a second
    rps: Count  # requests a second
    capacity: Streams  # streams the node is made for; 0: it takes no viewers
    health: Percent  # 100: fine; 0: send nobody
    lag_ms: Count  # event-loop lag, milliseconds
    level: Annotated[int, Meta(ge=0, le=4)] = 0  # of degradation, 0: none (PROTOCOL.md, Monsoon mode)

    @property
    def ratio(self) -> float:
        """Streams over capacity; a node without capacity is full."""
        return self.streams / self.capacity if self.capacity else 1.0


class HotSegment(Struct, frozen=True, array_like=True, gc=False):
    """One entry of a node's top-k: an object's path and how often it is asked for, requests a second."""

    path: Path
    rate: Annotated[float, Meta(ge=0, le=1e9)]


TopSegments = Annotated[tuple[HotSegment, ...], Meta(max_length=TOP_SEGMENTS)]


class PlaceQuality(Struct, frozen=True, array_like=True, gc=False):
    """What a node's viewers of one place see, in sum: never of one viewer (CTA-5004 fields, aggregated)."""

    zone: Label
    isp: Label  # "": all of the zone
    sessions: Count  # that told of themselves lately
    kbps: Count  # mean encoded bitrate of what they watch, kilobits a second; 0: not told
    reach_kbps: Count  # throughput that three quarters of their requests had at least; 0: not told
    stalls: Annotated[int, Meta(ge=0, le=1000)]  # requests of players that had run dry, per mille
    cap_kbps: Count = 0  # the cap that this node proposes for the place; 0: none


PLACES_TOLD = 8
Quality = Annotated[tuple[PlaceQuality, ...], Meta(max_length=PLACES_TOLD)]


class EventKind(IntEnum):
    """What a durable event is about."""

    PURGE = 0  # key: what to purge; acted on by every cache
    SCHEDULE = 1  # key: a scheduled event's name
    OVERRIDE = 2  # key: what is forced, by an operator
    USER = 3  # key: a user's own word, for the handlers that were registered for it


class Durable(Struct, frozen=True, array_like=True, gc=False):
    """An event that must reach every node, those included that are away at the moment. The newest of a key counts."""

    kind: EventKind
    key: Path
    at: Version  # hybrid clock: milliseconds since 1970 shifted by 16 bits (`edge.state.events`)
    origin: Name  # the node that accepted it
    ttl_s: Annotated[int, Meta(ge=1, le=7 * 86_400)]
    body: Annotated[str, Meta(max_length=BODY_MAX_BYTES)] = ""

    @property
    def rank(self) -> tuple[int, str, str]:
        """Orders all events of one key; ties of the clock are broken alike everywhere."""
        return (self.at, self.origin, self.body)

    @property
    def expires_ms(self) -> int:
        """When it is over, milliseconds since 1970."""
        return (self.at >> 16) + 1000 * self.ttl_s


class GossipEvent(NamedTuple):
    """Something that a person or another room should hear of: membership and conflicts."""

    kind: str  # joined, alive, suspect, unreachable, left, refuted, conflict
    node: str
    text: str
    at: float  # seconds, the core's monotonic time
