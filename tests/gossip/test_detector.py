import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.gossip.detector import THRESHOLD_MAX, THRESHOLD_MIN, Heartbeats, Threshold, phi_of


@pytest.mark.parametrize(
    # of a normal distribution: the chance to be later than the mean is 1/2, 2 deviations later 2.3%, 3 0.13%
    ("silence_s", "expected"),
    [(1.0, 0.30), (1.2, 1.64), (1.3, 2.87)],
)
def test_phi_is_the_logarithm_of_the_chance_to_hear_later(silence_s: float, expected: float) -> None:
    assert phi_of(silence_s, mean_s=1.0, std_s=0.1) == pytest.approx(expected, abs=0.05)


@given(st.floats(0, 1e6), st.floats(1e-3, 100), st.floats(1e-3, 100))
def test_longer_silence_never_makes_doubt_smaller(silence: float, mean: float, std: float) -> None:
    assert 0 <= phi_of(silence, mean, std) <= phi_of(silence + 1, mean, std) <= 30


def test_regular_heartbeats_make_a_short_silence_doubtful_and_irregular_ones_do_not() -> None:
    regular, irregular = Heartbeats(0.0, 1.0), Heartbeats(0.0, 1.0)
    now = 0.0
    for number in range(200):
        now = float(number + 1)
        regular.beat(now)
        irregular.beat(now + (0.9 if number % 2 else 0.0))
    assert regular.phi(now + 3) > 8
    assert irregular.phi(now + 3) < 3


def test_the_threshold_adapts_to_false_alarms() -> None:
    threshold = Threshold()
    assert threshold.doubt(4.0) == 0.5
    assert threshold.doubt(20.0) == 1.0
    for _ in range(50):
        threshold.heard(20.0)
    assert threshold.value == THRESHOLD_MAX
    assert threshold.false_alarms == 50
    for _ in range(20_000):
        threshold.heard(0.3)
    assert threshold.value == THRESHOLD_MIN
