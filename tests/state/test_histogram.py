"""Buckets as Prometheus counts them."""

from hypothesis import given
from hypothesis import strategies as st

from edge.state.histogram import Histogram


def test_a_value_at_a_bound_is_in_its_bucket() -> None:
    found = Histogram((0.1, 1.0))
    for value in (0.0, 0.1, 0.1000001, 1.0, 7.0):
        found.add(value)
    assert found.counts == [2, 2, 1]
    assert list(found.upto()) == [(0.1, 2), (1.0, 4), (float("inf"), 5)]
    assert found.total == 8.2000001


@given(st.lists(st.floats(0, 20)), st.lists(st.floats(0.001, 10), unique=True).map(sorted).map(tuple))
def test_each_bound_has_as_many_below_as_there_are(values: list[float], bounds: tuple[float, ...]) -> None:
    found = Histogram(bounds)
    for value in values:
        found.add(value)
    for bound, count in found.upto():
        assert count == sum(value <= bound for value in values)
