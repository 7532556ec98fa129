from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.demo.viewers import by_zone
from edge.model import ConfigError


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.floats(0.01, 10), min_size=1), st.integers(0, 500))
def test_everybody_gets_a_zone_as_near_to_the_shares_as_whole_people_allow(
    shares: dict[str, float], viewers: int
) -> None:
    counts = Counter(by_zone(shares, viewers))
    assert counts.total() == viewers
    total = sum(shares.values())
    assert all(abs(counts[zone] - viewers * share / total) < 1 for zone, share in shares.items())


def test_shares_of_nothing_are_a_mistake() -> None:
    with pytest.raises(ConfigError, match="--share: no zone of a node has a share above 0"):
        by_zone({"pune": 0.0}, 10)
