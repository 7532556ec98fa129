"""What nginx is given to store, without an nginx: room first, then bytes a second."""

import pytest

from cache.pretend_origin import Clock
from edge.config import NginxConfig
from edge.nginx.files import Volume
from edge.nginx.pace import FULL, PACE, Pace

MIB = 1 << 20
CONFIG = NginxConfig(max_bytes=100 * MIB, fill_bytes_s=2 * MIB, disk_high=0.8)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def pace(clock: Clock, used: int = 0) -> Pace:
    made = Pace(CONFIG, clock)
    made.look(Volume(used * MIB, 1000 * MIB))
    return made


def test_below_its_bound_the_cache_takes_all_that_comes(clock: Clock) -> None:
    made = pace(clock)
    assert [made.why_not(MIB, held * MIB) for held in range(100)] == [""] * 100


def test_at_its_bound_only_so_many_bytes_a_second(clock: Clock) -> None:
    made = pace(clock)
    taken = 0
    for _ in range(1000):  # ten seconds, a hundred megabytes a second
        clock.now += 0.01
        taken += made.why_not(MIB, 100 * MIB) == ""
    assert 20 <= taken <= 22  # the burst, and what the rate allows


def test_an_object_larger_than_the_rate_is_waited_for_by_the_next_ones(clock: Clock) -> None:
    made = pace(clock)
    assert made.why_not(10 * MIB, 100 * MIB) == ""
    clock.now += 3.9
    assert made.why_not(1, 100 * MIB) == PACE
    clock.now += 0.2
    assert made.why_not(1, 100 * MIB) == ""


def test_what_is_urgent_waits_for_no_token_and_the_others_for_those_it_took(clock: Clock) -> None:
    made = pace(clock, used=700)
    assert [made.why_not(MIB, 100 * MIB, urgent=True) for _ in range(50)] == [""] * 50
    clock.now += 23.9
    assert made.why_not(1, 100 * MIB) == PACE
    clock.now += 0.2
    assert made.why_not(1, 100 * MIB) == ""
    assert made.why_not(101 * MIB, 100 * MIB, urgent=True) == FULL


def test_no_more_is_given_than_there_was_room_for(clock: Clock) -> None:
    made = pace(clock, used=790)
    assert [made.why_not(4 * MIB, 0) for _ in range(4)] == ["", "", FULL, FULL]
    assert made.full
    made.look(Volume(790 * MIB, 1000 * MIB))  # what was given has not come there yet
    assert made.why_not(1, 0) == FULL


def test_it_goes_on_when_some_more_is_free(clock: Clock) -> None:
    made = pace(clock, used=801)
    assert made.full
    for used, full in ((790, True), (779, False), (790, False), (800, True)):
        made.look(Volume(used * MIB, 1000 * MIB))
        assert made.full is full
    made.look(Volume(0, 0))
    assert made.full


def test_what_turns_out_larger_counts_too(clock: Clock) -> None:
    made = pace(clock, used=790)
    assert made.why_not(MIB, 0) == ""
    made.give(9 * MIB, 0)
    assert made.why_not(MIB, 0) == FULL
