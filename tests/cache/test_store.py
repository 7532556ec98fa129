"""S3-FIFO: bounded always, and a scan does not wash out what is popular."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cache.store import Store

STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "get", "drop"]), st.integers(0, 30), st.integers(0, 60)), max_size=200
)


@given(STEPS)
def test_bounds_hold_and_what_is_found_is_what_was_put(steps: list[tuple[str, int, int]]) -> None:
    store: Store[int] = Store(bytes_max=200, objects_max=8)
    latest: dict[str, tuple[int, int]] = {}
    for number, (what, name, size) in enumerate(steps):
        key = str(name)
        if what == "put":
            assert store.put(key, number, size)
            latest[key] = (number, size)
            assert store.get(key) == number
        elif what == "drop":
            store.drop(key)
            latest.pop(key, None)
            assert store.get(key) is None
        elif (found := store.get(key)) is not None:
            assert found == latest[key][0]
        assert len(store) <= 8
        assert store.size_bytes <= 200
        assert len(store._ghost) <= 16
    held = [key for key in latest if store.get(key) is not None]
    assert len(held) == len(store)
    assert sum(latest[key][1] for key in held) == store.size_bytes


def test_what_is_larger_than_the_store_is_refused_and_replaces_nothing_by_its_old_self() -> None:
    store: Store[str] = Store(bytes_max=10, objects_max=10)
    assert store.put("a", "small", 5)
    assert not store.put("a", "large", 11)
    assert store.get("a") is None
    assert store.size_bytes == 0


@pytest.mark.parametrize(("bytes_max", "objects_max"), [(10_000, 1_000_000), (1_000_000, 100)])
def test_a_scan_leaves_the_popular_alone(bytes_max: int, objects_max: int) -> None:
    store: Store[int] = Store(bytes_max, objects_max)
    popular = [f"hot{number}" for number in range(50)]
    for key in popular:
        store.put(key, 1, 100)
    for _ in range(3):
        for key in popular:
            store.get(key)
    for number in range(5_000):
        store.put(f"scan{number}", 0, 100)
        if number % 500 == 0:
            for key in popular:
                store.get(key)
    assert sum(store.get(key) is not None for key in popular) == 50


def test_a_newcomer_that_left_too_early_is_let_in_for_good() -> None:
    store: Store[int] = Store(bytes_max=1_000, objects_max=100)
    for number in range(12):
        store.put(str(number), number, 100)
    assert store.get("0") is None
    assert store.evictions == 2
    store.put("0", 0, 100)
    for number in range(100, 120):
        store.put(str(number), number, 100)
    assert store.get("0") == 0
