import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.model import (
    PLACES_TOLD,
    TOP_SEGMENTS,
    Durable,
    EventKind,
    HotSegment,
    Load,
    Member,
    PlaceQuality,
    Status,
)
from edge.wire import messages as m
from edge.wire.errors import DecodeError

names = st.text(min_size=1, max_size=63)
counts = st.integers(0, 2**48)
versions = st.integers(0, 2**62)
statuses = st.sampled_from(Status)
ports = st.integers(0, 65535)
labels = st.text(max_size=63)
members = st.builds(
    Member,
    names,
    versions,
    statuses,
    st.text(min_size=1, max_size=253),
    ports,
    admin=st.text(max_size=256),
    public=st.text(max_size=256),
    region=labels,
    zone=labels,
    isp=labels,
    tags=st.dictionaries(labels, labels, max_size=3),
    keys=st.integers(0, 255) | st.binary(max_size=8),
)
streams = st.integers(0, 10_000_000)
loads = st.builds(Load, streams, counts, counts, streams, st.integers(0, 100), counts)
segments = st.builds(
    HotSegment, st.text(min_size=1, max_size=512), st.floats(0, 1e9, allow_nan=False).map(lambda x: x + 0.0)
)
places = st.builds(PlaceQuality, labels, labels, counts, counts, counts, st.integers(0, 1000), counts)
qualities = st.lists(places, max_size=PLACES_TOLD).map(tuple)
tops = st.lists(segments, max_size=TOP_SEGMENTS).map(tuple)
entries = st.lists(st.tuples(names, versions, statuses), max_size=5).map(tuple)
digests = st.binary(max_size=m.EVENTS_BYTES)
durables = st.builds(
    Durable,
    st.sampled_from(EventKind),
    st.text(min_size=1, max_size=512),
    versions,
    names,
    st.integers(1, 7 * 86_400),
    st.text(max_size=512),
)
every_message = st.one_of(
    st.builds(m.Ping, counts, names, names),
    st.builds(m.Ack, counts, names, counts),
    st.builds(m.Pull),
    st.builds(m.PingReq, counts, names, names, st.text(min_size=1, max_size=253), ports),
    st.builds(m.Nack, counts, names),
    st.builds(m.Announce, members),
    st.builds(m.Claim, names, versions, statuses, names),
    st.builds(
        m.Loads,
        st.lists(st.builds(m.LoadRow, names, counts, loads, counts), max_size=3),
        st.lists(st.builds(m.QualityRow, names, counts, qualities), max_size=3),
    ),
    st.builds(m.Tops, st.lists(st.builds(m.TopRow, names, counts, tops), max_size=3)),
    st.builds(m.Root, st.binary(min_size=m.ROOT_BYTES, max_size=m.ROOT_BYTES)),
    st.builds(m.Buckets, st.binary(min_size=128, max_size=128)),
    st.builds(m.Entries, st.integers(0, m.BUCKETS - 1), labels, labels, entries, digests),
    st.builds(m.Want, st.lists(names, max_size=5).map(tuple), digests),
    st.builds(m.Tell, durables),
    st.builds(m.Join, members),
    st.builds(m.Welcome, names, versions, counts),
)


@given(st.lists(every_message, max_size=6))
def test_messages_come_back_as_they_were(sent: list[m.AnyMessage]) -> None:
    assert m.decode(m.join([m.encode(one) for one in sent])) == sent


@given(st.binary(max_size=300))
def test_junk_is_a_decode_error_and_nothing_else(junk: bytes) -> None:
    with contextlib.suppress(DecodeError):
        m.decode(junk)


@given(st.lists(every_message, min_size=1, max_size=2), st.data())
def test_a_damaged_payload_is_decoded_whole_or_not_at_all(
    sent: list[m.AnyMessage], data: st.DataObject
) -> None:
    payload = bytearray(m.join([m.encode(one) for one in sent]))
    payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DecodeError):
        m.decode(bytes(payload))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"[[]]",
        b"[[99]]",  # no such message
        b'[[0,1,"a"]]',  # too short
        b'[[0,-1,"a","b"]]',  # below its bound
        b'[[0,1,"","b"]]',
        b'[[5,"a",1,9,"b"]]',  # no such status
        b'[[6,[["a",1,[1,1,1,1,101,1]]]]]',  # health above 100
        b'[[6,[["a",1,[1,1,1,1,99,1]],["b",-1,[1,1,1,1,99,1]]]]]',  # the second row is none
        b'[[7,[["a",1,[["/p",NaN]]]]]]',
        b'[[7,[["a",1,[["/p",-1]]]]]]',
        b'[[7,[["a",1,[["/1",1],["/2",1],["/3",1],["/4",1],["/5",1],["/6",1]]]]]]',  # more than five
        b'[[8,"AAAA"]]',  # a digest of the wrong length
        b"[" * 100_000,
    ],
)
def test_what_is_out_of_bounds_is_refused(payload: bytes) -> None:
    with pytest.raises(DecodeError, match="decode"):
        m.decode(payload)


def test_a_later_version_may_add_fields() -> None:
    """Positional records grow at their end; who does not know the new field reads on, and old ones have its default."""
    assert m.decode(b'[[1,5,"pune",0,"new"]]') == [m.Ack(5, "pune")]
    [old] = m.decode(b'[[6,[["pune",7,[1,2,3,4,5,6]]]]]')
    assert old == m.Loads([m.LoadRow("pune", 7, Load(1, 2, 3, 4, 5, 6), applied=0)])


def test_rows_that_were_encoded_one_by_one_make_the_message_of_them_all() -> None:
    rows = [m.LoadRow(name, 7, Load(1, 2, 3, 4, 5, 6)) for name in ("pune", "delhi")]
    framed = m.LOADS_FRAME[0] + b",".join(m.encode(row) for row in rows) + m.LOADS_FRAME[1]
    assert m.decode(m.join([framed])) == [m.Loads(rows)]
    assert m.decode(m.join([m.TOPS_FRAME[0] + m.TOPS_FRAME[1]])) == [m.Tops([])]


@given(members, st.integers(0, 2**31))
def test_a_record_that_leaves_out_what_says_nothing_is_the_same(member: Member, away_s: int) -> None:
    for away in (0, away_s):
        assert m.decode(m.join([m.encode_record(member, away)])) == [m.Announce(member, away)]
    assert len(m.encode_record(member)) <= len(m.encode(m.Announce(member)))


def test_a_row_without_keys_is_as_it_was_before_there_were_any() -> None:
    row = m.LoadRow("pune", 7, Load(1, 2, 3, 4, 5, 6))
    assert m.encode_row(row) == b'["pune",7,[1,2,3,4,5,6,0],0]'
    held = m.LoadRow("pune", 7, row.load, keys=b"\x3f\xa1")
    assert m.encode_row(held) == b'["pune",7,[1,2,3,4,5,6,0],0,"P6E="]'
    for one in (row, held):
        assert m.decode(m.join([m.LOADS_FRAME[0] + m.encode_row(one) + m.LOADS_FRAME[1]])) == [m.Loads([one])]


def test_what_is_not_signed_is_as_it_was_before_there_were_signatures() -> None:
    claim = m.Claim("pune", 7, Status.SUSPECT, "delhi")
    assert m.encode(claim) == b'[5,"pune",7,1,"delhi"]'
    one = Member("pune", 7, Status.ALIVE, "10.0.0.1", 7700)
    for told, end in (
        (one, b""),
        (replace(one, keys=63), b",63"),
        (replace(one, proof=b"\x3f"), b',"","Pw=="'),
    ):
        bare = b'["pune",7,0,"10.0.0.1",7700,"","","","","",{},"",0' + end + b"]"
        assert m.encode_record(told) == b"[4," + bare + b"]"
        assert m.encode_record(told, 5) == b"[4," + bare + b",5]"
        assert m.decode(b"[" + m.encode_record(told, 5) + b"]") == [m.Announce(told, 5)]
