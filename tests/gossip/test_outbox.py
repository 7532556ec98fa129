import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edge.gossip.broadcast import Broadcasts
from edge.gossip.counters import Counters
from edge.gossip.outbox import MESSAGE_MAX_BYTES, Outbox
from edge.model import Address
from edge.wire.compress import Compressor
from edge.wire.frame import DATAGRAM_MAX_BYTES, Opener, Sealer
from edge.wire.keys import KeyRing

RING = KeyRing.insecure("test")
PEER, OTHER = Address("10.0.0.1", 7700), Address("10.0.0.2", 7700)


class Box:
    """An outbox, and a receiver that opens what comes out of it."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.broadcasts = Broadcasts()
        sealer = Sealer(RING, "test", b"sessions", Compressor(b""))
        self.outbox = Outbox(sealer, self.broadcasts, self.counters)
        self._opener = Opener(RING, "test", Compressor(b""))

    def flush(self) -> list[tuple[Address, list[Any]]]:
        datagrams = self.outbox.flush()
        assert all(len(data) <= DATAGRAM_MAX_BYTES for data, _ in datagrams)
        return [(address, json.loads(self._opener.open(data))) for data, address in datagrams]


texts = st.lists(st.text("abcdefghijklmnop0123456789", max_size=1500), max_size=25)


@given(texts, texts)
def test_every_message_that_fits_is_sent_once_in_order_and_no_datagram_is_too_large(
    direct: list[str], news: list[str]
) -> None:
    box = Box()
    told = [f"news {one}" for one in news if len(one) <= MESSAGE_MAX_BYTES - 10]
    for number, one in enumerate(told):
        box.broadcasts.urgent.put(str(number), json.dumps(one).encode(), 1)
    for one in direct:
        box.outbox.gossip(PEER, json.dumps(one).encode())
    fitting = [one for one in direct if len(one) <= MESSAGE_MAX_BYTES - 2]

    received = [text for _, messages in box.flush() for text in messages]

    assert [text for text in received if not text.startswith("news")] == fitting
    ridden = [text for text in received if text.startswith("news")]
    left = [json.loads(encoded) for _, encoded in box.broadcasts.urgent.waiting()]
    assert sorted(ridden + left) == sorted(told)
    assert box.counters.oversize == len(direct) - len(fitting)
    assert box.flush() == []


def test_messages_of_one_peer_share_a_datagram_and_urgent_news_rides_along() -> None:
    box = Box()
    box.broadcasts.urgent.put("news", b'"news"', 2)
    box.outbox.send(PEER, b'"a"', b'"b"')
    box.outbox.send(OTHER, b'"c"')
    assert box.flush() == [(PEER, ["a", "b", "news"]), (OTHER, ["c", "news"])]
    box.outbox.send(PEER, b'"d"')
    assert box.flush() == [(PEER, ["d"])]


def test_only_gossip_takes_load_along() -> None:
    box = Box()
    box.broadcasts.regular.put("pune", b'"row"', 1)
    box.outbox.send(PEER, b'"an answer"')
    assert box.flush() == [(PEER, ["an answer"])]
    box.outbox.gossip(PEER, b'"root"')
    assert box.flush() == [(PEER, ["root", [6, ["row"]]])]


def test_what_compresses_well_shares_datagrams_beyond_their_plain_size() -> None:
    box = Box()
    for round_ in range(200):
        for number in range(60):
            box.outbox.send(PEER, json.dumps(f"edge-{number}.load.{round_ % 3}").encode() + b" " * 40)
        box.flush()
    plain = box.counters.payload_bytes_sent / box.counters.datagrams_sent
    assert plain > 1.5 * DATAGRAM_MAX_BYTES
