"""The table of networks and places."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.decide import places
from edge.decide.places import PrefixTable, networks_of, read_places
from edge.decide.routing import Place
from edge.model import ConfigError

TABLE = """\
# prefix            zone    isp     region
103.21.0.0/16       mumbai  jio     west
103.21.44.0/22      pune    jio     west      # a part of it
103.21.45.7         -       airtel
2405:200::/32       delhi   jio
0.0.0.0/0,-,other
"""


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("103.21.0.1", Place("mumbai", "west", "jio")),
        ("103.21.45.8", Place("pune", "west", "jio")),
        ("103.21.45.7", Place("", "", "airtel")),
        ("::ffff:103.21.0.1", Place("mumbai", "west", "jio")),
        ("2405:200:1::9", Place("delhi", "", "jio")),
        ("2405:200:1::9%eth0", Place("delhi", "", "jio")),
        ("2001:db8::1", None),
        ("8.8.8.8", Place("", "", "other")),
        ("no address", None),
        ("", None),
    ],
)
def test_the_longest_prefix_says_where_an_address_is(address: str, place: Place | None) -> None:
    assert read_places(TABLE, "places").find(address) == place


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("10.0.0.0/8 a\n10.1.0.0/33 b", "places:2: '10.1.0.0/33' is no network; write e.g. 10.0.0.0/8"),
        ("\n\n10.1.2.3/8 b", "places:3: '10.1.2.3/8' is no network; write 10.0.0.0/8, or the prefix"),
        ("10.0.0.0/8", "places:1: has 1 columns; write: prefix zone isp region"),
        ("10.0.0.0/8 a b c d", "places:1: has 5 columns"),
        ("10.0.0.0/8 a\n10.0.0.0/8 b", "places:2: 10.0.0.0/8 is there twice"),
        ("10.0.0.0/8 " + 64 * "x", "places:1: has a name that is too long"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_places(text, "places")
    assert str(error.value).startswith(told)


def test_a_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "NETWORKS_MAX", 3)
    with pytest.raises(ConfigError, match="places:4: more than 3 networks"):
        read_places("\n".join(f"10.{number}.0.0/16 a" for number in range(9)), "places")


def test_a_setting_of_networks_names_its_entry() -> None:
    assert networks_of(("10.0.0.0/8", "::1"), "x").find("10.2.3.4")
    with pytest.raises(ConfigError, match=r"x\[1\]: 'ten' is no network"):
        networks_of(("10.0.0.0/8", "ten"), "x")


networks = st.one_of(
    st.builds(
        lambda number, bits: ipaddress.IPv4Network((number, bits), strict=False),
        st.integers(0, 2**32 - 1),
        st.integers(0, 32),
    ),
    st.builds(
        lambda number, bits: ipaddress.IPv6Network((number, bits), strict=False),
        st.integers(0, 2**128 - 1),
        st.integers(0, 128),
    ),
)


@given(st.lists(networks, max_size=12), st.data())
def test_a_table_finds_what_looking_through_all_would_find(
    entered: list[ipaddress.IPv4Network | ipaddress.IPv6Network], data: st.DataObject
) -> None:
    table = PrefixTable[str]()
    fresh = [table.put(one, str(one)) for one in entered]
    assert sum(fresh) == len(table) == len(set(entered))
    inside = [str(one.network_address) for one in entered] + [str(one.broadcast_address) for one in entered]
    address = data.draw(st.sampled_from([*inside, "1.2.3.4", "::1"]))
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    holding = [one for one in entered if one.version == parsed.version and parsed in one]
    wanted = str(max(holding, key=lambda one: one.prefixlen)) if holding else None
    assert table.find(address) == wanted
