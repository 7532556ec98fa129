import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.model import Durable, EventKind
from edge.state.events import AHEAD_MAX_MS, LASTING, EventLog, HybridClock, digest_of

NOW_MS = 1_795_000_000_000


def event(key: str, at_ms: int = NOW_MS, kind: EventKind = EventKind.PURGE, **other: str) -> Durable:
    return Durable(kind, key, at_ms << 16, other.get("origin", "pune"), ttl_s=60, body=other.get("body", ""))


events = st.lists(
    st.builds(
        lambda key, ago, kind, origin, body: event(key, NOW_MS - ago, kind, origin=origin, body=body),
        st.sampled_from("abc"),
        st.integers(0, 5),
        st.sampled_from(EventKind),
        st.sampled_from(["pune", "delhi"]),
        st.sampled_from(["", "soft"]),
    ),
    max_size=25,
)


def log(told: list[Durable], events_max: int = 100) -> EventLog:
    made = EventLog(events_max, buckets=8)
    for one in told:
        made.merge(one, NOW_MS)
    return made


@given(events, st.randoms(use_true_random=False))
def test_merging_commutes_associates_and_is_idempotent(told: list[Durable], rng: random.Random) -> None:
    again = told + told
    rng.shuffle(again)
    assert log(told).events() == log(again).events()
    assert log(told).digests == log(again).digests


@given(events)
def test_the_newest_of_each_key_is_held_and_found_by_its_digest(told: list[Durable]) -> None:
    made = log(told)
    for held in made.events():
        of_key = [one for one in told if (one.kind, one.key) == (held.kind, held.key)]
        assert held.rank == max(one.rank for one in of_key)
        assert made.find(digest_of(held)) == held
        assert made.get(held.kind, held.key) == held
    assert sum(len(made.bucket(index)) for index in range(8)) == len(made)


@given(events)
def test_when_all_is_over_nothing_is_left(told: list[Durable]) -> None:
    made = log(told)
    over = made.expire(NOW_MS + 61_000)
    assert len(over) == len({(one.kind, one.key) for one in told})
    assert made.digests == [0] * 8
    assert len(made) == 0
    assert not any(made.merge(one, NOW_MS + 61_000) for one in told)


def test_an_event_of_the_far_future_is_refused() -> None:
    made = log([])
    assert made.merge(event("a", NOW_MS + AHEAD_MAX_MS), NOW_MS)
    assert not made.merge(event("b", NOW_MS + AHEAD_MAX_MS + 1), NOW_MS)


def test_what_gave_way_to_a_newer_event_does_not_outlive_it() -> None:
    """A node whose clock is ahead hears of the newer one when that is over by its clock."""
    made = log([event("a", NOW_MS)])
    newer = Durable(EventKind.PURGE, "a", (NOW_MS << 16) + 1, "delhi", ttl_s=5, body="")
    assert not made.merge(newer, NOW_MS + 30_000)
    assert made.events() == []
    assert made.digests == [0] * 8


def test_a_full_log_lets_no_purge_go() -> None:
    purges = [event(f"/{number}") for number in range(10)]
    made = log([*purges, event("late")], events_max=10)
    assert made.full
    assert made.events() == sorted(purges, key=lambda one: one.rank)
    assert made.refused == 1
    assert made.merge(event("/3", NOW_MS + 1), NOW_MS)  # of a key that is held


def test_a_purge_takes_the_room_of_the_oldest_of_the_least() -> None:
    users = [event(f"u{number}", NOW_MS + number, EventKind.USER) for number in range(5)]
    schedules = [event(f"s{number}", NOW_MS, EventKind.SCHEDULE) for number in range(5)]
    made = log([*users, *schedules], events_max=10)
    assert made.merge(event("/x"), NOW_MS)
    assert made.get(EventKind.USER, "u0") is None
    assert not made.merge(event("old", NOW_MS, EventKind.USER), NOW_MS)
    assert made.merge(event("new", NOW_MS + 9, EventKind.USER), NOW_MS)
    assert made.get(EventKind.USER, "u1") is None
    for number in range(9):
        assert made.merge(event(f"/{number}"), NOW_MS)
    assert all(one.kind is EventKind.PURGE for one in made.events())


@given(events, st.integers(3, 6), st.randoms(use_true_random=False))
def test_full_logs_come_to_hold_the_same_in_whatever_order_they_hear(
    told: list[Durable], events_max: int, order: random.Random
) -> None:
    cold = [one for one in told if one.kind not in LASTING]
    first = log(cold, events_max)
    order.shuffle(cold)
    assert log(cold, events_max).events() == first.events()


@given(st.lists(st.one_of(st.integers(0, 10), st.integers(0, 10 << 16)), max_size=30))
def test_the_clock_rises_over_all_that_it_gave_and_saw(steps: list[int]) -> None:
    clock, last = HybridClock(), -1
    for step in steps:
        if step > 10:
            clock.saw(step)
            last = max(last, step)
        else:
            given_at = clock.next(step)
            assert given_at > last
            assert given_at >= step << 16
            last = given_at


@pytest.mark.parametrize("kind", list(EventKind))
def test_kinds_do_not_share_keys(kind: EventKind) -> None:
    made = log([event("a", kind=other) for other in EventKind])
    assert len(made) == 4
    assert made.get(kind, "a") is not None


def test_what_has_left_is_told_once() -> None:
    made = log([event("a"), event("b")])
    assert made.take_gone() == []
    made.merge(event("a", NOW_MS + 1), NOW_MS)
    assert made.take_gone() == [(event("a"), digest_of(event("a")))]
    made.expire(NOW_MS + 61_000)
    assert [one.event for one in made.take_gone()] == [event("b"), event("a", NOW_MS + 1)]
    assert made.take_gone() == []
