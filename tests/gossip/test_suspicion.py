import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.gossip.suspicion import Suspicion, appeals_for, least_s, timeout_s


@pytest.mark.parametrize(("members", "expected"), [(1, 1.0), (10, 1.0), (100, 2.0), (1000, 3.0)])
def test_the_least_time_grows_with_the_logarithm(members: int, expected: float) -> None:
    assert least_s(5, members, 0.2) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("confirmations", "expected"),
    # Lifeguard §IV.B: max - (max - min) · log(C+1) / log(K+1), here with min 1, max 3, K 3
    [
        (0, 3.0),
        (1, 3 - 2 * math.log(2) / math.log(4)),
        (2, 3 - 2 * math.log(3) / math.log(4)),
        (3, 1.0),
        (9, 1.0),
    ],
)
def test_each_confirmation_shortens_it_the_first_most(confirmations: int, expected: float) -> None:
    assert timeout_s(1.0, 3.0, confirmations, 3) == pytest.approx(expected)


def test_where_nobody_else_could_confirm_the_least_time_holds() -> None:
    assert timeout_s(1.0, 3.0, 0, 0) == 1.0


def test_an_accuser_counts_once_and_no_more_than_needed() -> None:
    suspicion = Suspicion(7, 100.0, least=1.0, greatest=3.0, expected=2)
    assert suspicion.confirm("a")
    assert suspicion.deadline == 103.0
    assert not suspicion.confirm("a")
    assert suspicion.confirm("b")
    assert suspicion.confirm("c")
    assert suspicion.deadline == 101.0
    assert not suspicion.confirm("d")
    assert list(suspicion.accusers) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("answered", "further"),
    [(1.0, 0), (0.95, 0), (0.85, 1), (0.56, 4), (0.36, 9), (0.1, 10), (0.0, 10)],
)
def test_a_bad_link_makes_a_node_ask_further_before_its_verdict(answered: float, further: int) -> None:
    """At 25% loss each way 0.56 of the tries are answered, at 40% 0.36."""
    assert appeals_for(answered) == further


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_worse_the_link_the_more_it_asks(one: float, other: float) -> None:
    worse, better = sorted((one, other))
    assert appeals_for(worse) >= appeals_for(better) >= 0
