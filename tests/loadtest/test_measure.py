"""The measurements of the benchmark, at sizes that take a moment."""

import pytest

from loadtest.sim import calm, measure, spread
from loadtest.sim.cities import one_way_s, places


def test_cities_get_nodes_by_their_share_and_ways_are_as_long_as_the_map_says() -> None:
    chosen = places(100)
    assert sum(one.city == "mumbai" for one in chosen) == 28
    by_city = {one.city: one for one in chosen}
    assert len(by_city) == 8
    # 1,150 km as the crow flies: 0.5 ms + 1.6 · 1,150 / 200,000 s
    assert one_way_s(by_city["mumbai"], by_city["delhi"]) == pytest.approx(0.0097, abs=0.0004)
    assert one_way_s(by_city["pune"], by_city["pune"]) == 0.0005


def test_an_event_reaches_all_at_once_and_few_datagrams_carry_it() -> None:
    found = spread.spreading(40, 5, loss=0.1)
    assert found.missed == 0
    assert found.to_95_s < 0.1
    assert found.to_all_s <= found.worst_s < 1
    assert found.datagrams < 22


def test_ages_are_those_of_what_is_held() -> None:
    found = measure.load_age(20, 0.1, seconds=1)
    assert 0.02 < found.p95_s < found.p99_s < 0.5
    assert found.sent.bytes > 1000


def test_a_quiet_cluster_is_quiet() -> None:
    sent = measure.quiet(10, seconds=10)
    assert sent.datagrams <= 5
    assert sent.bytes <= 600


def test_a_crash_is_measured_from_both_ends() -> None:
    found = measure.crashes(10, 2, changes_per_s=0)
    for shunned, declared in zip(found.shunned_s, found.declared_s, strict=True):
        assert 0 < shunned < declared < 8


def test_loss_alone_kills_nobody() -> None:
    found = calm.lossy(20, 0.25, 20)
    assert found.unreachable == 0


def test_one_that_stands_still_takes_no_other_down() -> None:
    assert calm.paused(12, 40).unreachable == 0


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 99)])
def test_percentiles(share: float, expected: float) -> None:
    assert measure.percentile(list(range(100)), share) == expected
