from hypothesis import given
from hypothesis import strategies as st

from edge.gossip.broadcast import Broadcasts, Queue, Taken, send_limit

sizes = st.lists(st.integers(1, 400), max_size=30)


def filled(urgent: list[int], regular: list[int], bulk: list[int]) -> Broadcasts:
    made = Broadcasts()
    for queue, lengths in zip((made.urgent, made.regular, made.bulk), (urgent, regular, bulk), strict=True):
        for number, length in enumerate(lengths):
            queue.put(str(number), b"x" * length, 3)
    return made


def keys(queue: Queue) -> list[str]:
    return [key for key, _ in queue.waiting()]


def take_one(queue: Queue) -> str:
    """Send the record that is first in line."""
    key, encoded = queue.waiting()[0]
    taken = Taken()
    queue.take(len(encoded) + 1, taken)
    for _, sends, batch in taken.batches:
        queue.sent(sends, batch)
    return key


@given(sizes, sizes, sizes, st.integers(0, 2000))
def test_what_is_taken_fits_the_budget_and_the_next_in_line_would_not(
    urgent: list[int], regular: list[int], bulk: list[int], budget: int
) -> None:
    made = filled(urgent, regular, bulk)
    taken = made.take(budget)
    payload = b",".join(made.messages(taken))
    assert not taken.batches or len(payload) <= budget
    room = budget - made.regular.overhead_bytes - made.bulk.overhead_bytes - 2
    for queue in (made.urgent, made.regular, made.bulk):
        if left := queue.waiting():
            taken_keys = {key for one, _, batch in taken.batches if one is queue for key, _ in batch}
            first = next((encoded for key, encoded in left if key not in taken_keys), None)
            assert first is None or taken.bytes + len(first) + 1 > room


@given(sizes, sizes, sizes, st.integers(0, 2000))
def test_what_is_put_back_is_all_there(
    urgent: list[int], regular: list[int], bulk: list[int], budget: int
) -> None:
    made = filled(urgent, regular, bulk)
    before = [sorted(queue.waiting()) for queue in (made.urgent, made.regular, made.bulk)]
    made.restore(made.take(budget))
    assert [sorted(queue.waiting()) for queue in (made.urgent, made.regular, made.bulk)] == before


def test_no_class_starves_another() -> None:
    """memberlist's queue is one list, membership first: during churn user data waits for minutes."""
    made = filled([90] * 100, [90] * 100, [90] * 100)
    taken = made.take(1014)
    shares = [
        sum(len(batch) for one, _, batch in taken.batches if one is queue)
        for queue in (made.urgent, made.regular, made.bulk)
    ]
    assert shares == [4, 4, 2]


def test_a_class_uses_what_the_others_leave() -> None:
    assert filled([], [99] * 100, []).take(1014).bytes == 10 * 100
    assert filled([99], [], [99] * 100).take(1014).bytes == 10 * 100


def test_the_least_sent_goes_first_then_the_freshest_and_the_last_send_ends_it() -> None:
    queue = Queue()
    for key in "abc":
        queue.put(key, key.encode(), 2)
    assert keys(queue) == ["c", "b", "a"]
    assert take_one(queue) == "c"
    assert keys(queue) == ["b", "a", "c"]
    assert [take_one(queue) for _ in range(5)] == ["b", "a", "a", "b", "c"]
    assert keys(queue) == []


def test_records_that_share_a_datagram_keep_their_order() -> None:
    made = Broadcasts()
    for key in "abc":
        made.urgent.put(key, key.encode(), 3)
    made.sent(made.take(100))
    assert keys(made.urgent) == ["c", "b", "a"]


def test_newer_news_of_a_key_takes_the_place_of_older() -> None:
    queue = Queue()
    queue.put("pune", b"old", 1)
    queue.put("pune", b"new", 1)
    assert queue.waiting() == [("pune", b"new")]
    queue.drop("pune")
    queue.drop("nobody")
    assert len(queue) == 0


def test_each_node_tells_a_record_about_log_n_times() -> None:
    assert [send_limit(4, members) for members in (1, 8, 9, 99, 999, 5000)] == [4, 4, 4, 8, 12, 16]
