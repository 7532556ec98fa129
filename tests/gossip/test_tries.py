"""How good the own ways are, by the tries of the last seconds."""

import pytest

from edge.gossip.tries import Tries


def lossy(answered: int, missed: int, periods: int = 200) -> float:
    """The share after so many probes, five a second, each with these tries."""
    tries = Tries(0.0)
    for number in range(periods):
        tries.add(answered, missed, number / 5)
    return tries.share(periods / 5)


def test_no_try_is_no_fault() -> None:
    assert Tries(0.0).share(100.0) == 1.0


def test_one_lost_datagram_is_no_storm() -> None:
    tries = Tries(0.0)
    tries.add(0, 1, 0.0)
    assert tries.share(0.0) == 0.8


@pytest.mark.parametrize(("answered", "missed", "share"), [(1, 0, 1.0), (1, 1, 0.52), (1, 2, 0.35)])
def test_the_share_is_that_of_the_last_seconds(answered: int, missed: int, share: float) -> None:
    assert lossy(answered, missed) == pytest.approx(share, abs=0.02)


def test_a_storm_is_seen_within_seconds_and_forgotten_as_soon() -> None:
    tries = Tries(0.0)
    for number in range(25):
        tries.add(1, 2, number / 5)
    assert tries.share(5.0) < 0.5
    for number in range(100):
        tries.add(1, 0, 5 + number / 5)
    assert tries.share(25.0) > 0.85
