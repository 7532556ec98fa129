"""One node's HTTP requests are known to another, and nobody else's are."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.wire.keys import KeyRing
from edge.wire.passport import VALID_S, bearer, stamp

OLD, NEW = (base64.b64encode(bytes([byte]) * 32).decode() for byte in (1, 2))
RING = KeyRing.parse(OLD, "keys")
NOW = 1_795_000_000.5


def known(
    field: str, ring: KeyRing = RING, cluster: str = "live", target: str = "delhi", ahead_s: float = 0
) -> str:
    return bearer(field, ring, cluster, target, NOW + ahead_s)


def test_a_node_of_the_cluster_is_known_by_name() -> None:
    assert known(stamp(RING, "live", "pune", "delhi", NOW)) == "pune"


def test_so_it_is_while_the_key_is_rotated() -> None:
    field = stamp(RING, "live", "pune", "delhi", NOW)
    assert known(field, KeyRing.parse(f"{NEW}\n{OLD}", "keys")) == "pune"
    assert known(field, KeyRing.parse(NEW, "keys")) == ""


@pytest.mark.parametrize(
    "other", [{"cluster": "test"}, {"target": "agra"}, {"ahead_s": VALID_S + 2}, {"ahead_s": -VALID_S - 2}]
)
def test_it_is_good_for_one_target_of_one_cluster_and_a_minute(other: dict[str, str | float]) -> None:
    assert known(stamp(RING, "live", "pune", "delhi", NOW), **other) == ""  # type: ignore[arg-type]


@given(
    st.text(max_size=200)
    | st.tuples(st.text(), st.integers(), st.text()).map(lambda one: "; ".join(map(str, one)))
)
def test_junk_is_nobody(field: str) -> None:
    assert known(field) == ""


def test_another_name_needs_another_stamp() -> None:
    assert known(stamp(RING, "live", "pune", "delhi", NOW).replace("pune", "agra")) == ""
