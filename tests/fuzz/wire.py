"""Entrances of gossip: frames, messages, bulk syncs, passports, the keys file; and a node that hears whatever opens."""

import base64
import contextlib
import random

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from edge.config import GossipConfig
from edge.gossip import GossipNode
from edge.gossip.node import Identity
from edge.model import (
    Address,
    ConfigError,
    Durable,
    EventKind,
    HotSegment,
    Load,
    Member,
    PlaceQuality,
    Status,
    incarnation_of,
)
from edge.wire import bulk, messages, passport
from edge.wire.compress import shipped
from edge.wire.errors import DecodeError
from edge.wire.frame import DATAGRAM_MAX_BYTES, FRAME_VERSION, HEADER, Opener, Sealer
from edge.wire.keys import KeyRing, frame_key, key_id
from edge.wire.messages import decode, encode, join
from fuzz.target import Target, law

RING = KeyRing.insecure("fuzz")
CLUSTER = "fuzz"
ME, FRIEND = Address("10.0.0.1", 7700), Address("10.0.0.2", 7700)
WALL_S = 1_795_000_000.0
_SESSION = b"session2"
_AEAD = AESGCM(frame_key(RING.keys[0], _SESSION, CLUSTER.encode()))
_LOAD = Load(10, 5000, 10, 200, 100, 1)


def member(name: str, address: Address) -> Member:
    return Member(
        name, incarnation_of(int(WALL_S)), Status.ALIVE, *address, admin="http://10.0.0.1:7701", zone="z"
    )


def spoken() -> list[messages.AnyMessage]:
    """One message of each kind."""
    other, at = member("2", FRIEND), int(WALL_S * 1000) << 16
    version = int(WALL_S) * 20
    return [
        messages.Ping(7, "2", "1", version),
        messages.Ack(7, "2", int(WALL_S * 1000)),
        messages.PingReq(7, "2", "3", "10.0.0.3", 7700),
        messages.Nack(7, "2"),
        messages.Announce(other, 3),
        messages.Claim("1", incarnation_of(int(WALL_S)), Status.SUSPECT, "2"),
        messages.Loads(
            [messages.LoadRow("2", version, _LOAD, 9)],
            [messages.QualityRow("2", version, (PlaceQuality("pune", "jio", 3, 800, 900, 5),))],
        ),
        messages.Tops([messages.TopRow("2", version, (HotSegment("/live/1.m4s", 2.5),))]),
        messages.Root(b"12345678"),
        messages.Buckets(b"1234" * messages.BUCKETS),
        messages.Entries(3, "", "m", (("2", 5, Status.LEFT),), b"12345678"),
        messages.Want(("2", "3"), b"12345678"),
        messages.Join(other),
        messages.Welcome("2", 5, 77),
        messages.Tell(Durable(EventKind.PURGE, "url:/live/1.m4s", at, "2", 60, "hard")),
        messages.Pull(),
    ]


def payloads() -> list[bytes]:
    return [*(join([encode(one)]) for one in spoken()), join([encode(one) for one in spoken()])]


def opener() -> Opener:
    return Opener(RING, CLUSTER, shipped())


def open_any(data: bytes) -> None:
    """A datagram as it comes; nobody without the key has made one that opens."""
    held = opener()
    try:
        held.open(data)
    except DecodeError:
        law(held.sessions <= 1, "junk has left sessions behind")


def sealed(body: bytes, dictionary: int) -> bytes:
    """A frame of the cluster's, of whatever body."""
    counter = (1).to_bytes(6, "big")
    header = HEADER.pack(FRAME_VERSION, dictionary, key_id(RING.keys[0]), _SESSION, counter)
    return header + _AEAD.encrypt(bytes(6) + counter, body, header + CLUSTER.encode())


def open_sealed(data: bytes) -> None:
    """A frame by one who has the key: the first byte says whether it is compressed, the rest is its body."""
    dictionary = shipped().dictionary_id if data[:1] > b"\x7f" else 0
    frame = sealed(data[1:], dictionary)
    try:
        payload = opener().open(frame, bulk.FRAME_MAX_BYTES)
    except DecodeError:
        return
    law(len(payload) <= max(65_536, len(data)), "it inflates beyond the bound")
    if len(payload) <= 65_536:
        again = Sealer(RING, CLUSTER, b"session3", shipped()).seal(payload)
        law(opener().open(again, bulk.FRAME_MAX_BYTES) == payload, "it is another one when sealed again")
    decode_any(payload)


def decode_any(data: bytes) -> None:
    """A payload."""
    try:
        found = decode(data)
    except DecodeError:
        return
    law(decode(join([encode(one) for one in found])) == found, "it is another one when encoded again")


def decode_bulk(data: bytes) -> None:
    """A request for a bulk sync, and a frame of the answer."""
    with contextlib.suppress(DecodeError):
        asked = bulk.decode_fetch(data)
        law(bulk.decode_fetch(encode(asked)) == asked, "a request is another one when encoded again")
    with contextlib.suppress(DecodeError):
        found = bulk.decode_records(data)
        parts = bulk.payloads(encode(one) for one in found)
        again = [one for part in parts for one in bulk.decode_records(part)]
        law(again == found, "records are others when encoded again")


def hear(data: bytes) -> None:
    """A node hears payloads of a member, a line each, while its time goes on."""
    identity = Identity(member("1", ME), CLUSTER, RING, b"session1", WALL_S)
    node = GossipNode(identity, GossipConfig(), random.Random(1), 0.0)
    friend, reader = Sealer(RING, CLUSTER, _SESSION, shipped()), opener()
    for turn, line in enumerate(data.split(b"\n")[:8], 1):
        if len(frame := friend.seal(line)) <= DATAGRAM_MAX_BYTES:
            node.receive_datagram(frame, FRIEND, 0.1 * turn)
        if (due := node.next_timer()) is not None and due <= 0.1 * turn:
            node.handle_timer(0.1 * turn)
        while node.next_event():
            pass
        while event := node.next_durable():
            node.confirm_durable(event, 0.1 * turn)
        node.bulk.next()
        for said, _ in node.datagrams_to_send(0.1 * turn):
            law(len(said) <= DATAGRAM_MAX_BYTES, "it says more than a datagram holds")
            decode(reader.open(said))
    view = node.view()
    law(view.node("1") is not None, "it has forgotten itself")
    law(len(node.durables()) <= GossipConfig().events_max, "the log has outgrown its bound")


def bear(data: bytes) -> None:
    """The field by which nodes know each other's requests."""
    field = data.decode(errors="surrogateescape")
    if source := passport.bearer(field, RING, CLUSTER, "1", WALL_S):
        at = int(field.split("; ")[1])
        law(field == passport.stamp(RING, CLUSTER, source, "1", at), "nobody of the cluster made it")


def read_keys_file(data: bytes) -> None:
    """The keys file."""
    text = data.decode(errors="replace")
    try:
        ring = KeyRing.parse(text, "keys")
    except ConfigError as error:
        law(bool(str(error)), "it says nothing")
        return
    again = "\n".join(base64.b64encode(key).decode() for key in ring.keys)
    law(KeyRing.parse(again, "keys") == ring, "it is another ring when written again")


def _frames() -> list[bytes]:
    made = Sealer(RING, CLUSTER, _SESSION, shipped())
    return [made.seal(one) for one in payloads()]


def _bodies() -> list[bytes]:
    blocks = [shipped().compress(one) for one in payloads()]
    return [*(b"\x00" + one for one in payloads()), *(b"\xff" + one for one in blocks if one)]


def _fetches() -> list[bytes]:
    records = [one for one in spoken() if isinstance(one, messages.Announce | messages.Loads | messages.Tell)]
    return [
        encode(bulk.Fetch("2", "1", 5, b"1234" * messages.BUCKETS)),
        join([encode(one) for one in records]),
    ]


_KEYS = base64.b64encode(bytes(range(32))), base64.b64encode(bytes(range(1, 33)))

TARGETS = (
    Target("frame", open_any, _frames, DATAGRAM_MAX_BYTES, share=1),
    Target("sealed", open_sealed, _bodies, DATAGRAM_MAX_BYTES, share=0.25, heads=(b"\x00", b"\xff")),
    Target("messages", decode_any, payloads, DATAGRAM_MAX_BYTES, share=3, heads=(b"", b"[[1,2,", b'[[0,1,"')),
    Target("bulk", decode_bulk, _fetches, 8192, heads=(b"", b"[16,", b'[[14,[0,"'), share=1.3),
    Target("gossip", hear, payloads, 4096, share=0.03),
    Target(
        "passport",
        bear,
        lambda: [passport.stamp(RING, CLUSTER, "2", "1", WALL_S).encode(), b"2; 1795000000; 00"],
        512,
        words=(b"; ",),
        share=0.5,
    ),
    Target(
        "keys", read_keys_file, lambda: [b"# two\n" + _KEYS[0] + b"\n" + _KEYS[1] + b"\n"], 1024, share=0.4
    ),
)
