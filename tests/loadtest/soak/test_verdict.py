"""The soak's arithmetic: what rises is found under the noise of real memory, and what only jumps about is not."""

import random
from collections.abc import Callable

import pytest

from loadtest.soak.verdict import HOUR_S, RISE_BYTES, WARM_UP_S, Sample, judge, slope, warm_up_s

MB = 1e6


def series(own_mb: Callable[[float], float], *, length_s: float = HOUR_S, life: int = 0) -> list[Sample]:
    """Samples every ten seconds, with the jitter that the allocator of a real node shows."""
    rng = random.Random(7)
    return [
        Sample(
            at_s, "delhi", life, round(own_mb(at_s) * MB + rng.gauss(0, 0.3 * MB)), 0, 0, 20, at_s / 20, {}
        )
        for at_s in (10.0 * look for look in range(int(length_s / 10)))
    ]


def warming(at_s: float) -> float:
    return 40 + 8 * min(1.0, at_s / WARM_UP_S)


def test_memory_that_has_warmed_up_and_stays_is_flat() -> None:
    (verdict,) = judge(series(warming), HOUR_S)
    assert verdict.judged
    assert verdict.flat
    assert verdict.median_bytes == pytest.approx(48 * MB, rel=0.01)
    assert verdict.cores == pytest.approx(0.05)


@pytest.mark.parametrize("leak_mb_h", [3.0, 10.0])
def test_a_leak_is_found(leak_mb_h: float) -> None:
    (verdict,) = judge(series(lambda at_s: warming(at_s) + leak_mb_h * at_s / HOUR_S), HOUR_S)
    assert not verdict.flat
    assert verdict.rise_bytes_h == pytest.approx(leak_mb_h * MB, rel=0.1)


def test_a_leak_of_two_in_a_hundred_is_found_in_what_is_large() -> None:
    def grown(share: float) -> bool:
        return judge(series(lambda at_s: 1000 * (1 + share * at_s / HOUR_S)), HOUR_S)[0].flat

    assert grown(0.015)
    assert not grown(0.025)


def test_a_peak_and_the_teeth_of_a_saw_are_no_leak() -> None:
    def jumps(at_s: float) -> float:
        return 48 + (30 if 2000 < at_s < 2200 else 0) + at_s % 300 / 100

    (verdict,) = judge(series(jumps), HOUR_S)
    assert verdict.flat


def test_descriptors_that_rise_are_found() -> None:
    samples = [
        Sample(one.at_s, one.node, 0, one.own_bytes, 0, 0, 20 + int(one.at_s / 300), one.cpu_s, {})
        for one in series(warming)
    ]
    (verdict,) = judge(samples, HOUR_S)
    assert verdict.rise_bytes_h < RISE_BYTES
    assert not verdict.flat


def test_what_is_short_is_not_judged() -> None:
    (verdict,) = judge(series(lambda at_s: 40 + at_s, length_s=600), 600)
    assert not verdict.judged
    assert verdict.flat


def test_the_longest_life_of_a_node_that_died_is_judged() -> None:
    before = series(lambda _: 20)[:100]
    after = [one for one in series(lambda _: 60, life=1) if one.at_s > 1000]
    (verdict,) = judge(before + after, HOUR_S)
    assert verdict.median_bytes == pytest.approx(60 * MB, rel=0.01)


def test_a_day_of_samples_is_thinned_not_refused() -> None:
    day_s = 24 * HOUR_S
    (verdict,) = judge(series(warming, length_s=day_s), day_s)
    assert verdict.flat
    assert warm_up_s(day_s) == WARM_UP_S


def test_one_sample_has_no_slope() -> None:
    assert slope([1.0], [2.0]) == 0.0
    assert slope([], []) == 0.0
