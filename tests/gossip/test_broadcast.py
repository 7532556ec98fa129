from hypothesis import given
from hypothesis import strategies as st

from edge.gossip.broadcast import Broadcasts, Queue, send_limit

sizes = st.lists(st.integers(1, 400), max_size=30)


def filled(urgent: list[int], regular: list[int], bulk: list[int]) -> Broadcasts:
    made = Broadcasts()
    for queue, lengths in zip((made.urgent, made.regular, made.bulk), (urgent, regular, bulk), strict=True):
        for number, length in enumerate(lengths):
            queue.put(str(number), b"x" * length, 3)
    return made


@given(sizes, sizes, sizes, st.integers(0, 2000))
def test_what_is_picked_fits_the_budget_and_nothing_that_fits_is_left(
    urgent: list[int], regular: list[int], bulk: list[int], budget: int
) -> None:
    made = filled(urgent, regular, bulk)
    picked = made.pick(budget)
    used = sum(len(one.encoded) + 1 for one in picked)
    assert used <= budget
    left = [
        one for queue in (made.urgent, made.regular, made.bulk) for one in queue.ranked() if one not in picked
    ]
    assert all(used + len(one.encoded) + 1 > budget for one in left)


def test_no_class_starves_another() -> None:
    """memberlist's queue is one list, membership first: during churn user data waits for minutes."""
    made = filled([90] * 100, [90] * 100, [90] * 100)
    picked = made.pick(1000)
    shares = [sum(one.queue is queue for one in picked) for queue in (made.urgent, made.regular, made.bulk)]
    assert shares == [4, 4, 2]


def test_a_class_uses_what_the_others_leave() -> None:
    assert len(filled([], [99] * 100, []).pick(1000)) == 10
    assert len(filled([99], [], [99] * 100).pick(1000)) == 10


def test_the_least_sent_goes_first_then_the_freshest_and_the_last_send_ends_it() -> None:
    queue = Queue()
    for key in "abc":
        queue.put(key, key.encode(), 2)
    assert [one.key for one in queue.ranked()] == ["c", "b", "a"]
    queue.ranked()[0].sent()
    assert [one.key for one in queue.ranked()] == ["b", "a", "c"]
    for one in queue.ranked():
        one.sent()
    assert [one.key for one in queue.ranked()] == ["b", "a"]


def test_newer_news_of_a_key_takes_the_place_of_older() -> None:
    queue = Queue()
    queue.put("pune", b"old", 1)
    old = queue.ranked()[0]
    queue.put("pune", b"new", 1)
    old.sent()  # a datagram with it was on its way
    assert [one.encoded for one in queue.ranked()] == [b"new"]
    queue.drop("pune")
    queue.drop("nobody")
    assert len(queue) == 0


def test_each_node_tells_a_record_about_log_n_times() -> None:
    assert [send_limit(4, members) for members in (1, 8, 9, 99, 999, 5000)] == [4, 4, 4, 8, 12, 16]
