"""Bulk sync, the answering side: who is answered, with what, and how many at a time."""

from hypothesis import given
from hypothesis import strategies as st

from edge.gossip.bulk import TIMEOUT_S
from edge.gossip.serving import Verdict
from edge.model import generation_of
from edge.wire.bulk import decode_records
from edge.wire.compress import Compressor
from edge.wire.errors import Drop
from edge.wire.frame import Opener
from edge.wire.keys import KeyRing
from edge.wire.messages import Announce, Ping, encode, join
from gossip.test_bulk import RING, SEED, asked, lone, member, sealer


def test_the_request_names_the_process_it_is_for_and_is_good_once() -> None:
    server, node = lone("1"), lone("2")
    fetch = asked(node, server.member)
    assert (fetch.url, fetch.name) == ("http://10.0.0.1:7701/v1/sync", "1")
    assert lone("3").bulk_server.answer(fetch.request, 1.0).verdict is Verdict.MISDIRECTED
    assert server.bulk_server.answer(fetch.request, 1.0).verdict is Verdict.SERVED
    assert server.bulk_server.answer(fetch.request, 1.0).verdict is Verdict.REFUSED
    assert server.counters.dropped[Drop.REPLAY] == 1
    later = lone("1")
    later._membership.renew(generation_of(server.member.incarnation) + 5, 0.0)
    assert later.bulk_server.answer(fetch.request, 1.0).verdict is Verdict.MISDIRECTED


def test_a_stranger_gets_nothing() -> None:
    server, stranger = lone("1"), lone("2", ring=KeyRing((bytes(range(32)),)))
    fetch = asked(stranger, server.member)
    answer = server.bulk_server.answer(fetch.request, 1.0)
    assert (answer.verdict, list(answer.frames)) == (Verdict.REFUSED, [])
    assert (server.counters.bulk_refused, server.counters.bulk_bytes_sent) == (1, 0)
    flipped = bytearray(asked(lone("3"), server.member).request)
    flipped[-1] ^= 1
    assert server.bulk_server.answer(bytes(flipped), 1.0).verdict is Verdict.REFUSED


def test_a_datagram_is_no_request_and_a_request_no_datagram() -> None:
    server, node = lone("1"), lone("2")
    datagram = sealer().seal(join([encode(Ping(1, "2", "1"))]))
    assert server.bulk_server.answer(datagram, 1.0).verdict is Verdict.REFUSED
    server.receive_datagram(asked(node, server.member).request, SEED, 1.0)
    assert server.counters.dropped[Drop.DECODE] == 2
    assert server.datagrams_to_send(1.0) == []


@given(st.binary(max_size=1600))
def test_junk_for_a_request_moves_counters_and_nothing_else(data: bytes) -> None:
    server = lone("1")
    assert server.bulk_server.answer(data, 1.0).verdict is Verdict.REFUSED
    assert (sum(server.counters.dropped.values()), server.sessions) == (1, 0)


def test_few_are_served_at_once_and_the_others_hear_whom_to_ask() -> None:
    server = lone("1", members_max=100)
    settled = [member(str(number), zone="west" if number < 14 else "east") for number in range(10, 30)]
    server.acquaint(settled, 0.0)
    server.acquaint([member("5"), member("6", zone="west")], 19.0)
    requests = [asked(lone(name), server.member, 20.0) for name in "678"]
    answers = [server.bulk_server.answer(one.request, 20.0) for one in requests[1:]]
    assert [one.verdict for one in answers] == [Verdict.SERVED, Verdict.SERVED]
    busy = server.bulk_server.answer(requests[0].request, 20.0)
    assert busy.verdict is Verdict.BUSY
    [frame] = busy.frames
    named = [one.member for one in records(frame)]
    assert len(named) == 6
    assert [one.zone for one in named] == ["west"] * 4 + ["east"] * 2
    assert all(one in settled for one in named)
    answers[0].close()
    answers[0].close()
    assert server.bulk_server.answer(asked(lone("9"), server.member).request, 20.0).verdict is Verdict.SERVED
    assert server.counters.bulk_busy == 1


def records(frame: bytes) -> list[Announce]:
    opened = decode_records(Opener(RING, "test", Compressor()).open(frame))
    return [one for one in opened if isinstance(one, Announce)]


def test_an_answer_that_is_never_closed_blocks_nobody_for_long() -> None:
    server = lone("1")
    verdicts = []
    for number, now in enumerate((20.0, 20.0, 20.1, 20.0 + TIMEOUT_S)):
        fetch = asked(lone(str(10 + number)), server.member)
        verdicts.append(server.bulk_server.answer(fetch.request, now).verdict)
    assert verdicts == [Verdict.SERVED, Verdict.SERVED, Verdict.BUSY, Verdict.SERVED]


def test_a_request_is_small() -> None:
    assert len(asked(lone("2"), member("1")).request) < 300
