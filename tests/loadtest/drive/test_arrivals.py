"""Who comes when: along the curve, the same for the same seed, and shared out without loss."""

import itertools
import statistics

import pytest

from loadtest.drive.arrivals import Demand, Session, demand, sessions, share
from loadtest.scenario.load import load

TOSS = load("toss-to-toss")
VIEWERS = 400
WANTED = demand(TOSS, VIEWERS, 6.0)
ALL = sessions(WANTED, range(VIEWERS), 1)


def watching(some: list[Session], at_s: float) -> int:
    return sum(one.begin_s <= at_s < one.end_s for one in some)


def test_the_peak_is_what_was_asked_for() -> None:
    assert max(WANTED.wanted) == pytest.approx(VIEWERS)
    assert WANTED.seconds == TOSS.for_s / 6


@pytest.mark.parametrize("at_s", [12.0, 30.0, 48.0, 70.0, 90.0, 110.0])
def test_those_who_watch_follow_the_curve(at_s: float) -> None:
    spread = 4 * VIEWERS**0.5 / 2  # four standard deviations of how many thresholds are below the curve
    assert watching(ALL, at_s) == pytest.approx(WANTED.at(at_s), abs=spread)


def test_at_the_peak_all_are_there() -> None:
    assert watching(ALL, 90.0) == VIEWERS


def test_whoever_leaves_is_followed_by_another_and_stays_are_exponential() -> None:
    flat = Demand(600_000.0, 600.0, 1, [0.0, 600_000.0], [1.0, 1.0])
    some = sessions(flat, [0], 3)
    stays = [one.end_s - one.begin_s for one in some]
    assert all(one.end_s == after.begin_s for one, after in itertools.pairwise(some))
    assert statistics.fmean(stays) == pytest.approx(600, rel=0.1)
    assert statistics.pstdev(stays) == pytest.approx(600, rel=0.1)


def test_the_timetable_depends_on_the_seed_only() -> None:
    assert sessions(WANTED, range(VIEWERS), 1) == ALL
    assert sessions(WANTED, range(VIEWERS), 2) != ALL


def test_machines_and_workers_share_the_audience() -> None:
    parts = [
        sessions(WANTED, share(VIEWERS, index, 3)[worker::2], 1) for index in range(3) for worker in (0, 1)
    ]
    assert sorted(one for part in parts for one in part) == ALL


def test_those_who_are_there_at_the_start_do_not_come_at_once() -> None:
    early = sorted(one.begin_s for one in sessions(demand(load("origin-outage"), 100, 60.0), range(100), 1))
    assert early[0] >= 0
    assert early[-1] > early[0]
