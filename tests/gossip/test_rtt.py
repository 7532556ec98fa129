import pytest

from edge.gossip.awareness import Awareness
from edge.gossip.rtt import RTO_MAX_S, RttEstimator


def test_the_timeout_follows_the_way() -> None:
    """RFC 6298 §2: SRTT = R, RTTVAR = R/2 at first; then gains of 1/8 and 1/4."""
    rtt = RttEstimator()
    assert rtt.timeout_s(0.05) == 0.2
    rtt.answered(0.1)
    assert rtt.timeout_s(0.05) == pytest.approx(0.1 + 4 * 0.05)
    rtt.answered(0.2)
    assert rtt.rttvar_s == pytest.approx(0.05 + (0.1 - 0.05) / 4)
    assert rtt.srtt_s == pytest.approx(0.1 + 0.1 / 8)


def test_it_has_a_floor_and_a_ceiling() -> None:
    rtt = RttEstimator()
    for _ in range(50):
        rtt.answered(0.0001)
    assert rtt.timeout_s(0.05) == 0.05
    for _ in range(50):
        rtt.answered(4.0)
    assert rtt.timeout_s(0.05) == RTO_MAX_S


def test_an_answer_that_may_belong_to_either_try_is_no_measurement() -> None:
    rtt = RttEstimator()
    rtt.missed()
    rtt.answered(None)
    assert rtt.srtt_s is None
    assert 0 < rtt.loss < 1 / 16


def test_a_node_that_hears_little_waits_longer() -> None:
    awareness = Awareness(8)
    assert awareness.multiplier == 1
    awareness.add(3)
    assert awareness.multiplier == 4
    awareness.add(99)
    assert awareness.multiplier == 9
    awareness.add(-99)
    assert awareness.score == 0
