import pytest

from edge.demo.cities import CITIES


def test_the_cities_share_the_whole_audience() -> None:
    assert len({city.name for city in CITIES}) == 8
    assert sum(city.share for city in CITIES) == pytest.approx(1.0)


def test_three_hundred_viewers_load_mumbai_well_and_leave_nobody_idle() -> None:
    load = {city.name: 300 * city.share / city.capacity(300) for city in CITIES}

    assert 0.7 <= load["mumbai"] <= 0.8
    assert load["mumbai"] == max(load.values())
    assert min(load.values()) > 0.3


@pytest.mark.parametrize("viewers", [0, 1, 24])
def test_a_small_audience_still_finds_capacity_everywhere(viewers: int) -> None:
    assert all(city.capacity(viewers) >= 8 for city in CITIES)
