"""Recorded gossip: payloads taken off the loopback device of a running cluster and opened with its key."""

import random
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from edge.model import Address, ConfigError, Member
from edge.wire.compress import Compressor
from edge.wire.errors import DecodeError
from edge.wire.frame import Opener
from edge.wire.keys import KeyRing
from edge.wire.messages import (
    LOADS_FRAME,
    Announce,
    AnyMessage,
    LoadRow,
    Loads,
    TopRow,
    Tops,
    decode,
    encode,
    encode_record,
    encode_row,
)

SHIPPED = Path(__file__).with_name("recorded.jsonl")
_INCOMING = 0  # packet(7)
_IP_UDP = 17
_FRAME_MAX_BYTES = 65_536
_KEPT = 600
_ALL_IP = 0x0800
_KEY = 239  # an id like any other


def record(keys: Path, cluster: str, seconds: float, out: Path) -> int:
    """Write up to `_KEPT` payloads, one JSON list a line, evenly chosen from all that were seen; how many.

    Raises:
        ConfigError: the device may not be read, or no frame of that cluster was seen.
    """
    try:
        ring = KeyRing.parse(keys.read_text(), str(keys))
    except OSError as error:
        raise ConfigError(
            "--keys", f"{keys} cannot be read: {error.strerror}", "name the cluster's keys file"
        ) from None
    opener = Opener(ring, cluster, Compressor())
    payloads = []
    for datagram in _datagrams(time.monotonic() + seconds):
        try:
            payloads.append(opener.open(datagram))
        except DecodeError:
            continue
    if not payloads:
        raise ConfigError(
            "--cluster",
            f"no frame of {cluster} under these keys",
            "start `edge demo`; its keys are in its run directory",
        )
    kept = _choose(payloads)
    out.write_bytes(b"\n".join(kept) + b"\n")
    return len(kept)


def _choose(payloads: list[bytes]) -> list[bytes]:
    """Some of all, in order; member records are rare and told at the start, so one payload of each is kept first."""
    rng = random.Random(1)
    announced: dict[str, int] = {}
    for index, each in enumerate(payloads):
        for message in decode(each):
            if isinstance(message, Announce):
                announced.setdefault(message.member.name, index)
    rest = rng.sample(range(len(payloads)), min(_KEPT, len(payloads)))
    return [payloads[index] for index in sorted({*announced.values(), *rest})]


def _datagrams(until: float) -> Iterator[bytes]:
    """UDP payloads on the loopback device."""
    try:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_IP))
        sock.bind(("lo", _ALL_IP))
    except OSError as error:
        raise ConfigError(
            "record", f"cannot read the loopback device: {error.strerror}", "run it as root"
        ) from None
    with sock:
        sock.settimeout(0.5)
        while time.monotonic() < until:
            try:
                packet, where = sock.recvfrom(_FRAME_MAX_BYTES)
            except TimeoutError:
                continue
            header = 4 * (packet[0] & 0x0F)
            if where[2] == _INCOMING and packet[9] == _IP_UDP:
                yield packet[header + 8 :]


def payloads(recorded: Path = SHIPPED) -> list[list[AnyMessage]]:
    """The recorded payloads, decoded.

    Raises:
        ConfigError: the file is missing or holds something else.
    """
    try:
        return [decode(line) for line in recorded.read_bytes().splitlines()]
    except (OSError, DecodeError) as error:
        raise ConfigError(
            str(recorded), f"is no recording ({error})", "make one: python -m loadtest record"
        ) from None


def node_records(
    recorded: list[list[AnyMessage]], earlier: Sequence[list[AnyMessage]] = ()
) -> list[list[AnyMessage]]:
    """Full node records: for each load report, the node's member record and its top segments before it.

    Member records are told when a cluster starts, so they may also come from `earlier` payloads.

    Raises:
        ConfigError: there is none.
    """
    members = {one.member.name: one for one in _announces([*earlier, *recorded])}
    tops: dict[str, TopRow] = {}
    found: list[list[AnyMessage]] = []
    for message in (each for payload in recorded for each in payload):
        if isinstance(message, Tops):
            tops |= {row.node: row for row in message.rows}
        elif isinstance(message, Loads):
            full = [row for row in message.rows if row.node in tops and row.node in members]
            found += [[members[row.node], Loads([row]), Tops([tops[row.node]])] for row in full]
    if not found:
        raise ConfigError("recording", "holds no full node record", "record from the cluster's start on")
    return found


def as_pods(messages: list[AnyMessage], rng: random.Random) -> list[AnyMessage]:
    """The same payload as a Kubernetes cluster would tell it: pod names and pod addresses for cities and loopback."""
    names: dict[str, str] = {}

    def rename(name: str) -> str:
        return names.setdefault(name, f"edge-{rng.randrange(300)}")

    def place(member: Member) -> Member:
        address = Address(f"10.{rng.randrange(40, 60)}.{rng.randrange(256)}.{rng.randrange(1, 255)}", 7700)
        fields = {
            "name": rename(member.name),
            "host": address.host,
            "port": address.port,
            "admin": f"http://{address.host}:7701",
            "public": f"http://{address.host}:7780",
            "tags": {},
        }
        return msgspec.structs.replace(member, **fields)

    renamed: list[AnyMessage] = []
    for message in messages:
        if isinstance(message, Announce):
            renamed.append(Announce(place(message.member)))
        elif isinstance(message, Loads):
            renamed.append(Loads([LoadRow(rename(row.node), row.version, row.load) for row in message.rows]))
        elif isinstance(message, Tops):
            renamed.append(Tops([TopRow(rename(row.node), row.version, row.top) for row in message.rows]))
        else:
            renamed.append(message)
    return renamed


def keyed(messages: list[AnyMessage]) -> list[AnyMessage]:
    """The same payload where nodes tell of a key; the recording is older than that."""
    return [
        Announce(msgspec.structs.replace(one.member, keys=_KEY)) if isinstance(one, Announce) else one
        for one in messages
    ]


def payload(messages: list[AnyMessage]) -> bytes:
    """Messages as the wire has them."""
    return b"[" + b",".join(_on_the_wire(one) for one in messages) + b"]"


def _on_the_wire(message: AnyMessage) -> bytes:
    """As nodes write it: rows one by one, and no field for what nobody tells."""
    if isinstance(message, Loads) and not message.quality:
        return b",".join(map(encode_row, message.rows)).join(LOADS_FRAME)
    if isinstance(message, Announce):
        return encode_record(message.member, message.away_s)
    return encode(message)


def _announces(recorded: Sequence[list[AnyMessage]]) -> list[Announce]:
    return [message for each in recorded for message in each if isinstance(message, Announce)]
