from hypothesis import given
from hypothesis import strategies as st

from edge.gossip.timers import Timers


@given(st.lists(st.integers(0, 5), max_size=20))
def test_due_actions_run_in_order_of_time_then_of_entry(whens: list[int]) -> None:
    timers, ran = Timers(), list[tuple[int, int]]()
    for number, when in enumerate(whens):
        timers.at(when, lambda _, key=(when, number): ran.append(key))  # type: ignore[misc]
    timers.run(5)
    assert ran == sorted((when, number) for number, when in enumerate(whens))
    assert timers.next() is None


def test_a_cancelled_action_never_runs_and_is_nothing_to_wait_for() -> None:
    timers, ran = Timers(), list[float]()
    timers.at(1, ran.append).cancel()
    timers.at(2, ran.append)
    assert timers.next() == 2
    timers.run(1.5)
    assert ran == []
    timers.run(3)
    assert ran == [3]


def test_what_an_action_adds_for_now_runs_in_the_same_call() -> None:
    timers, ran = Timers(), list[str]()

    def first(now: float) -> None:
        ran.append("first")
        timers.at(now, lambda _: ran.append("second"))

    timers.at(1, first)
    timers.run(1)
    assert ran == ["first", "second"]
