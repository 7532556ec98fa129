import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.model import HotSegment
from edge.state import traffic
from edge.state.traffic import VIEWER_TTL_S, DecayingSum, HotSegments, Traffic, Viewers, Vitals, health

FINE = Vitals(capacity=100, lag_s=0.0, fill_failures=0.0, draining=False)


def test_a_steady_stream_has_its_rate() -> None:
    counted = DecayingSum()
    for tick in range(400):
        counted.add(5, tick / 10)
    assert counted.rate(40.0) == pytest.approx(50, rel=0.05)
    assert counted.rate(40.0 + traffic.RATE_TAU_S) == pytest.approx(50 / math.e, rel=0.05)


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, 20)), max_size=60))
def test_the_order_of_clock_readings_never_makes_a_rate_negative(told: list[tuple[int, float]]) -> None:
    counted = DecayingSum()
    for amount, at in told:
        counted.add(amount, at)
        assert 0 <= counted.rate(at) <= sum(each for each, _ in told) / traffic.RATE_TAU_S


def test_the_five_hottest_are_told_hottest_first() -> None:
    hot = HotSegments()
    for number in range(1, 8):
        for _ in range(number):
            hot.add(f"/{number}", 1.0)
    assert [one.path for one in hot.top(1.0)] == ["/7", "/6", "/5", "/4", "/3"]
    assert hot.top(1.0)[0] == HotSegment("/7", round(7 / traffic.RATE_TAU_S, 1))
    assert hot.top(60.0) == ()


def test_equal_rates_stand_in_order_of_path() -> None:
    hot = HotSegments()
    for path in ("/b", "/c", "/a"):
        hot.add(path, 1.0)
    assert [one.path for one in hot.top(1.0)] == ["/a", "/b", "/c"]


@given(st.lists(st.integers(0, 400), min_size=50, max_size=400), st.integers(4, 32))
def test_the_table_is_bounded_and_no_rate_is_underestimated(asked: list[int], capacity: int) -> None:
    """The law of Space-Saving, as the batch form keeps it: an estimate errs upwards only."""
    hot, true = HotSegments(capacity), dict.fromkeys(range(401), 0)
    for one in asked:
        hot.add(f"/{one}", 0.0)
        true[one] += 1
    assert len(hot) <= 2 * capacity
    for segment in hot.top(0.0):
        assert segment.rate >= round(true[int(segment.path[1:])] / traffic.RATE_TAU_S, 1)


def true_rates(asked: list[tuple[str, float]], now: float) -> dict[str, float]:
    """What a table without a bound would tell."""
    rates: dict[str, float] = {}
    for path, at in asked:
        faded = math.exp((at - now) / traffic.RATE_TAU_S) / traffic.RATE_TAU_S
        rates[path] = rates.get(path, 0.0) + faded
    return rates


def errors(capacity: int, asked: list[tuple[str, float]], now: float) -> list[float]:
    """By how much the table of this capacity overestimates each path that it holds, over what it may."""
    hot = HotSegments(capacity)
    for path, at in asked:
        hot.add(path, at)
    true = true_rates(asked, now)
    allowed = sum(true.values()) / (capacity + 1)
    found = []
    for path in true:
        if path in hot:
            found.append((hot._sums[path].rate(now) - true[path]) / allowed)
        else:
            assert true[path] <= allowed * 1.01
    return found


@given(
    st.lists(st.tuples(st.integers(0, 60), st.floats(0, 2)), min_size=30, max_size=300), st.integers(1, 16)
)
def test_estimates_err_upwards_by_at_most_the_share_of_one_place_in_the_table(
    steps: list[tuple[int, float]], capacity: int
) -> None:
    """The bound of Space-Saving, N/k, holds for rates that fade, too; what is not in the table is below it.

    But for what comes of taking a millisecond for one moment: a thirtieth of a percent of the greatest rate.
    """
    asked, now = [], 0.0
    for number, pause_s in steps:
        now += pause_s / 10
        asked.append((f"/{number}", now))
    assert all(-0.01 <= error <= 1.01 for error in errors(capacity, asked, now))


def test_of_a_zipf_trace_the_hottest_are_right_and_their_rates_nearly_so() -> None:
    """5,000 paths, 60,000 requests in 30 s, a table of 64 to 128."""
    rng = random.Random(7)
    paths = rng.choices(range(5000), [1 / (rank + 1) for rank in range(5000)], k=60_000)
    asked = [(f"/{path}", number / 2000) for number, path in enumerate(paths)]
    hot = HotSegments(64)
    for path, at in asked:
        hot.add(path, at)
    true = true_rates(asked, 30.0)
    best = sorted(true, key=lambda path: -true[path])
    told = hot.top(30.0)
    assert {one.path for one in told[:3]} <= set(best[:4])
    assert max(errors(64, asked, 30.0)) <= 1
    assert all(one.rate <= true[one.path] + sum(true.values()) / 65 + 0.05 for one in told)


def test_the_truly_hot_survive_a_crawl_through_all_segments() -> None:
    hot = HotSegments(capacity=16)
    for number in range(2000):
        hot.add(f"/cold/{number}", number / 1000)
        hot.add("/hot", number / 1000)
    assert hot.top(2.0)[0].path == "/hot"


def test_viewers_are_counted_once_and_leave_when_they_ask_no_more() -> None:
    viewers = Viewers()
    for at in (0.0, 2.0, 4.0):
        viewers.see("a", at)
    viewers.see("b", 4.0)
    assert viewers.count(5.0) == 2
    viewers.see("b", 9.0)
    assert viewers.count(4.0 + traffic.VIEWER_TTL_S) == 1
    assert viewers.count(60.0) == 0


def test_the_table_of_viewers_is_bounded_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "VIEWERS_MAX", 10)
    viewers = Viewers()
    for number in range(25):
        viewers.see(str(number), 0.0)
    assert viewers.count(0.0) == 10
    assert viewers.overflowed == 15


@pytest.mark.parametrize(
    ("lag_s", "failures", "draining", "expected"),
    [
        (0, 0, False, 100),
        (0.05, 0, False, 100),
        (0.525, 0, False, 50),
        (1, 0, False, 0),
        (9, 0, False, 0),
        (0, 1, False, 50),
        (0.525, 1, False, 25),
        (0, 0, True, 0),
    ],
)
def test_health_falls_with_lag_and_failing_fills(
    lag_s: float, failures: float, draining: bool, expected: int
) -> None:
    assert health(Vitals(100, lag_s, failures, draining)) == expected


def test_the_load_record_is_what_was_counted() -> None:
    counted = Traffic()
    for tick in range(200):
        counted.record(f"viewer {tick % 7}", "/live/1.m4s", 12_500, tick / 10)
    load = counted.load(FINE, 20.0)
    assert (load.streams, load.capacity, load.health) == (7, 100, 100)
    assert load.rps == pytest.approx(10, abs=1)
    assert load.kbps == pytest.approx(1000, rel=0.05)
    assert counted.requests_total == 200
    assert counted.bytes_total == 200 * 12_500
    assert counted.top(20.0)[0].path == "/live/1.m4s"


def test_a_path_too_long_for_gossip_is_served_but_not_told() -> None:
    counted = Traffic()
    counted.record("viewer", "/" + 600 * "x", 1, 0.0)
    assert counted.top(0.0) == ()
    assert counted.requests_total == 1


def test_noise_in_a_large_rate_is_no_news() -> None:
    loads = set()
    for extra in range(10):
        counted = Traffic()
        for _ in range(30_000 + extra):
            counted.record("viewer", None, 0, 0.0)
        loads.add(counted.load(FINE, 0.0))
    assert len(loads) == 1


def test_who_is_watching_is_known_until_long_enough_after_the_last_request() -> None:
    counted = Traffic()
    counted.record("a", None, 0, 0.0)
    assert counted.knows("a", VIEWER_TTL_S - 0.1)
    assert not counted.knows("a", VIEWER_TTL_S)
    assert not counted.knows("b", 0.0)
    assert (counted.watching(1.0), counted.watching(VIEWER_TTL_S)) == (1, 0)


def test_the_level_of_degradation_rides_with_the_load() -> None:
    assert Traffic().load(Vitals(100, 0.0, 0.0, False, level=3), 0.0).level == 3
