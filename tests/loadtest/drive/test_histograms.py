"""Adding histograms up is as good as having recorded all in one, in any order."""

import random

import pytest

from loadtest.drive.histograms import Histogram, merged


def recorded(seconds: list[float]) -> str:
    one = Histogram()
    for each in seconds:
        one.record(each)
    return one.encoded()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_merging_is_adding(seed: int) -> None:
    rng = random.Random(seed)
    one, two, three = ([10 ** rng.uniform(-6, 1.8) for _ in range(rng.randrange(40))] for _ in range(3))
    whole = merged([recorded(one + two + three)]).figures()
    assert merged([recorded(one), recorded(two), recorded(three)]).figures() == whole
    assert merged([recorded(three), merged([recorded(two), recorded(one)]).encoded()]).figures() == whole


def test_three_digits_and_a_minute_at_most() -> None:
    one = Histogram()
    one.record(0.0123456)
    assert abs(one.percentile_ms(50) - 12.3456) < 0.0124
    one.record(3600.0)
    assert abs(one.figures()["max"] - 60_000) < 60


def test_an_empty_one_has_figures() -> None:
    assert set(Histogram().figures().values()) == {0}
