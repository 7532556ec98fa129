"""What players say of themselves (CTA-5004)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cache.cmcd import NOTHING, Cmcd, in_query, of_query, parse


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'bl=21300,br=3200,bs,cid="final",d=4004,ot=v,sid="6e2fb550",st=l,tb=6000',
            Cmcd(br=3200, bl=21300, tb=6000, bs=True, ot="v", st="l", sid="6e2fb550"),
        ),
        ("mtp=25400, rtp=15000, su", Cmcd(mtp=25400, rtp=15000, su=True)),
        ("bs=false,su=true", Cmcd(su=True)),
        ("br=1,br=2", Cmcd(br=1)),
        ("br=-1,mtp=1e9,bl=,rtp=9999999999,ot=x,st=", NOTHING),
        ("br=" + "\N{ARABIC-INDIC DIGIT ONE}", NOTHING),
        (f'sid="{"x" * 100}"', Cmcd(sid="x" * 64)),
        ("com.example-key=1,br=5", Cmcd(br=5)),
        ("", NOTHING),
    ],
)
def test_what_is_said_is_read_and_what_is_malformed_is_not_told(text: str, said: Cmcd) -> None:
    assert parse(text) == said


def test_a_query_holds_it_in_one_argument() -> None:
    query = "token=a%3Db&CMCD=br%3D3200%2Cbs%2Csid%3D%22abc%22&_HLS_msn=7"
    assert of_query(in_query(query)) == Cmcd(br=3200, bs=True, sid="abc")
    assert in_query("xCMCD=br%3D1") == in_query("") == ""


@given(st.text(max_size=5000))
def test_junk_raises_nothing(junk: str) -> None:
    for said in (parse(junk), of_query(junk), of_query(in_query(f"a=b&CMCD={junk}"))):
        assert all(one is None or one >= 0 for one in said[:5])
        assert len(said.sid) <= 64


NUMBERS = st.none() | st.integers(0, 999_999_999)
SAID = st.builds(
    Cmcd,
    *([NUMBERS] * 5),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "v", "av", "tt"]),
    st.sampled_from(["", "v", "l"]),
    st.sampled_from(["", "abc"]),
)


@given(SAID)
def test_what_is_written_is_read(said: Cmcd) -> None:
    pairs = [
        name if value is True else f"{name}={value}" for name, value in said._asdict().items() if _told(value)
    ]
    assert parse(",".join(pairs)) == said


def _told(value: object) -> bool:
    return value is not None and value is not False and value != ""
