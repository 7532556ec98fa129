"""Laws of signed records: whoever passes one on, it is its owner's word, or it is seen that it is not."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from edge.model import Member, Status
from edge.wire.errors import DecodeError
from edge.wire.messages import Announce, decode, encode, join
from edge.wire.signatures import Signer, proven, said
from pretend import member
from wire.test_messages import members

SIGNER = Signer(bytes(32), "test")
# RFC 8032 §7.1, test 1
SECRET = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
PUBLIC = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


def passed_on(told: Announce) -> Announce:
    [heard] = decode(join([encode(told)]))
    assert isinstance(heard, Announce)
    return heard


@given(members, st.integers(1, 5), st.sampled_from(Status))
def test_a_record_is_proven_after_any_number_of_hops(one: Member, hops: int, status: Status) -> None:
    told = Announce(SIGNER.signed(one))
    for _ in range(hops):
        told = passed_on(told)
    assert proven(told.member, "test")
    assert not proven(told.member, "another")
    others = structs.replace(told.member, status=status)
    assert proven(others, "test") is ((status is Status.LEFT) == (one.status is Status.LEFT))


@given(members, st.data())
def test_any_changed_byte_is_noticed(one: Member, data: st.DataObject) -> None:
    signed = SIGNER.signed(one)
    payload = bytearray(join([encode(Announce(signed))]))
    payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        [heard] = decode(bytes(payload))
    except DecodeError:
        return
    if isinstance(heard, Announce) and proven(heard.member, "test"):
        assert structs.replace(heard.member, status=one.status) == signed
        assert (heard.member.status is Status.LEFT) == (one.status is Status.LEFT)


@given(members, members)
def test_no_two_records_are_signed_alike(one: Member, other: Member) -> None:
    bare = [structs.replace(each, status=Status.ALIVE) for each in (one, other)]
    assert (said(bare[0], "test") == said(bare[1], "test")) is (bare[0] == bare[1])


def test_keys_are_those_of_the_standard() -> None:
    assert Signer(bytes.fromhex(SECRET), "test").key.hex() == PUBLIC


def test_what_is_signed_is_the_same_in_every_version() -> None:
    """Who changes this locks its nodes out of clusters that run."""
    one = structs.replace(member("7", zone="pune"), tags={"lon": "73.9", "lat": "18.5"}, keys=b"\x3f")
    assert said(one, "demo") == (
        b'["edge member record 1","demo","7",117637120000000,false,"10.0.0.7",7700,"","","","pune","",'
        b'{"lat":"18.5","lon":"73.9"},"",0,"Pw=="]'
    )
