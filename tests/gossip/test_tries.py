"""How good the own ways are, by the probes of the last seconds."""

import pytest

from edge.gossip.tries import Tries


def after(tries: Tries, begin_s: float, seconds: int, missed_of_five: int) -> float:
    """The share at the end of so many seconds with five probes in each."""
    for number in range(5 * seconds):
        tries.add(begin_s + number / 5, answered=number % 5 >= missed_of_five)
    return tries.share(begin_s + seconds)


def test_no_probe_is_no_fault() -> None:
    assert Tries().share(100.0) == 1.0


def test_one_lost_datagram_is_no_storm() -> None:
    tries = Tries()
    tries.add(0.0, answered=False)
    assert tries.share(0.0) == 0.8


@pytest.mark.parametrize(("missed_of_five", "share"), [(0, 1.0), (2, 0.6), (4, 0.2)])
def test_the_share_is_that_of_the_last_seconds(missed_of_five: int, share: float) -> None:
    assert after(Tries(), 0.0, 300, missed_of_five) == pytest.approx(share, abs=0.03)


def test_a_storm_is_seen_within_a_minute_and_forgotten_in_two() -> None:
    tries = Tries()
    after(tries, 0.0, 300, 0)
    assert after(tries, 300.0, 45, 4) < 0.6
    assert after(tries, 345.0, 100, 0) > 0.9


def test_a_storm_that_has_just_begun_is_seen_in_seconds() -> None:
    tries = Tries()
    after(tries, 0.0, 300, 0)
    assert after(tries, 300.0, 4, 4) > 0.8  # by the last half minute
    assert tries.worst(304.0) < 0.45


def test_a_few_lost_datagrams_are_none() -> None:
    tries = Tries()
    after(tries, 0.0, 300, 0)
    tries.add(300.0, answered=False)
    assert tries.worst(300.0) > 0.9
