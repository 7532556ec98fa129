from hypothesis import given
from hypothesis import strategies as st

from edge.wire.replay import WINDOW, ReplayWindow


@given(st.lists(st.integers(0, 3 * WINDOW), max_size=200))
def test_it_accepts_each_counter_once_and_forgets_what_is_older_than_the_window(counters: list[int]) -> None:
    window, seen, highest = ReplayWindow(), set(), -1
    for counter in counters:
        fresh = counter not in seen and counter > highest - WINDOW
        assert window.accept(counter) is fresh
        if fresh:
            seen.add(counter)
            highest = max(highest, counter)


def test_a_leap_leaves_nothing_behind() -> None:
    window = ReplayWindow()
    assert window.accept(2**48 - 1)
    assert not window.accept(0)
    assert window.accept(2**48 - WINDOW)
    assert not window.accept(2**48 - 1 - WINDOW)
