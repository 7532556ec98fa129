"""S3-FIFO: bounded always, and neither scans nor one-hit wonders wash out what is popular."""

import itertools
import random
from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cache import store as module
from edge.cache.store import Store

STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "put", "get", "get", "drop"]), st.integers(0, 30), st.integers(0, 60)),
    max_size=200,
)

Steps = list[tuple[str, int, int]]


class Model:
    """S3-FIFO as the paper says it, in lists; sizes count, and what was in the main queue stays there."""

    def __init__(self, bytes_max: int, objects_max: int) -> None:
        self.bytes_max, self.objects_max = bytes_max, objects_max
        self.small: list[str] = []
        self.main: list[str] = []
        self.ghost: list[str] = []
        self.size: dict[str, int] = {}
        self.uses: dict[str, int] = {}

    def get(self, key: str) -> bool:
        if key in self.size:
            self.uses[key] = min(3, self.uses[key] + 1)
        return key in self.size

    def drop(self, key: str) -> None:
        if self.size.pop(key, None) is not None:
            (self.small if key in self.small else self.main).remove(key)

    def put(self, key: str, size: int) -> None:
        was_main, uses = key in self.main, self.uses.get(key, 0) if key in self.size else 0
        known = key in self.ghost
        self.drop(key)
        while sum(self.size.values()) + size > self.bytes_max or len(self.size) >= self.objects_max:
            self.evict()
        to_main = was_main or known or uses > 0
        if to_main and key in self.ghost:
            self.ghost.remove(key)
        (self.main if to_main else self.small).append(key)
        self.size[key], self.uses[key] = size, uses

    def evict(self) -> None:
        small_bytes = sum(self.size[key] for key in self.small)
        full = small_bytes > 0.1 * self.bytes_max or len(self.small) > 0.1 * self.objects_max
        if self.small and (full or not self.main):
            key = self.small.pop(0)
            if self.uses[key] > 1:
                self.uses[key] = 0
                self.main.append(key)
                return
            del self.size[key]
            self.ghost = [*(one for one in self.ghost if one != key), key]
            self.ghost = self.ghost[-max(16, len(self.size)) :]
        else:
            key = self.main.pop(0)
            if self.uses[key]:
                self.uses[key] -= 1
                self.main.append(key)
            else:
                del self.size[key]


@given(STEPS)
def test_bounds_hold_and_what_is_held_is_what_the_model_holds(steps: Steps) -> None:
    follow(steps)


@pytest.mark.parametrize("seed", range(3))
def test_the_same_over_a_long_time(seed: int) -> None:
    rng = random.Random(seed)
    what = ["put"] * 10 + ["get"] * 10 + ["drop"]
    follow([(rng.choice(what), rng.randrange(40), rng.randrange(60)) for _ in range(5_000)])


def follow(steps: Steps) -> None:
    store: Store[int] = Store(bytes_max=200, objects_max=8)
    model = Model(200, 8)
    latest: dict[str, int] = {}
    for number, (what, name, size) in enumerate(steps):
        key = str(name)
        if what == "put":
            assert store.put(key, number, size)
            model.put(key, size)
            latest[key] = number
        elif what == "drop":
            store.drop(key)
            model.drop(key)
        else:
            assert store.get(key) == (latest[key] if model.get(key) else None)
        assert len(store) == len(model.size) <= 8
        assert store.size_bytes == sum(model.size.values()) <= 200
        assert len(store._ghost) <= 16
    assert {key for key in latest if store.peek(key) == latest[key]} == set(model.size)
    assert all(store.peek(key) is None for key in latest if key not in model.size)


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


def test_one_hit_wonders_leave_before_what_was_asked_for_twice() -> None:
    store: Store[int] = Store(bytes_max=1_000, objects_max=100)
    for number in range(10):
        store.put(str(number), number, 100)
    for _ in range(2):
        store.get("0")  # the oldest
    for number in range(10, 15):
        store.put(str(number), number, 100)
    assert [number for number in range(10) if store.peek(str(number)) is None] == [1, 2, 3, 4, 5]


def test_what_is_put_anew_keeps_its_place_among_the_proven() -> None:
    store: Store[int] = Store(bytes_max=1_000, objects_max=100)
    store.restore("a", 1, 100)
    store.put("a", 2, 100)  # a playlist's next version
    for number in range(9):
        store.put(str(number), number, 100)
    for number in range(10, 30):
        store.put(str(number), number, 100)
    assert store.get("a") == 2


def test_a_lower_bound_evicts_at_once() -> None:
    store: Store[int] = Store(bytes_max=1_000, objects_max=100)
    for number in range(10):
        store.restore(str(number), number, 100)
    store.limit(450)
    assert (store.bytes_max, store.size_bytes, store.evictions) == (450, 400, 6)
    assert [number for number in range(10) if store.peek(str(number)) is not None] == [6, 7, 8, 9]


def test_one_put_looks_at_a_bounded_number_of_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOKS_MAX", 10)
    store: Store[int] = Store(bytes_max=10_000, objects_max=100)
    for number in range(100):
        store.restore(str(number), number, 100)
        for _ in range(3):
            store.get(str(number))
    store.put("new", 0, 100)
    assert store.peek("10") is None  # ten were spared, though all had been used three times
    assert [store._main[str(number)].frequency for number in (0, 9, 11, 99)] == [2, 2, 3, 3]


def hits_of(trace: list[int], capacity: int, policy: str) -> int:
    """Hits of plain FIFO and LRU."""
    held: OrderedDict[int, None] = OrderedDict()
    hits = 0
    for key in trace:
        if key in held:
            hits += 1
            if policy == "lru":
                held.move_to_end(key)
            continue
        held[key] = None
        if len(held) > capacity:
            held.popitem(last=False)
    return hits


def test_it_beats_fifo_and_lru_on_skewed_requests_with_scans() -> None:
    """Zipf(1.0) over 5,000 objects, a store for 500; after every 5,000 requests a scan over 1,000 new ones."""
    rng = random.Random(7)
    weights = list(itertools.accumulate(1 / rank for rank in range(1, 5_001)))
    popular = rng.choices(range(5_000), cum_weights=weights, k=50_000)
    trace: list[int] = []
    for number in range(10):
        trace += popular[number * 5_000 : (number + 1) * 5_000]
        trace += range(10_000 * (number + 1), 10_000 * (number + 1) + 1_000)
    store: Store[int] = Store(bytes_max=500, objects_max=10_000)
    hits = 0
    for key in trace:
        if store.get(str(key)) is None:
            store.put(str(key), key, 1)
        else:
            hits += 1
    share, fifo, lru = (
        count / len(trace) for count in (hits, hits_of(trace, 500, "fifo"), hits_of(trace, 500, "lru"))
    )
    assert share > fifo + 0.08
    assert share > lru + 0.04


def test_what_is_retained_stays_though_nobody_uses_it() -> None:
    store = Store[str](1000, 1000)
    store.retained = {f"hot{number}" for number in range(4)}
    for number in range(4):
        store.put(f"hot{number}", "", 100)
    for number in range(100):
        store.put(f"cold{number}", "", 100)
    assert all(store.peek(f"hot{number}") == "" for number in range(4))
    assert store.size_bytes <= 1000


def test_what_is_retained_leaves_half_of_the_room_to_what_is_used() -> None:
    store = Store[str](1000, 1000)
    store.retained = {f"hot{number}" for number in range(100)}
    for number in range(100):
        store.put(f"hot{number}", "", 50)
    for number in range(200):  # scans pass it by
        store.put(f"cold{number}", "", 50)
    assert sum(store.peek(f"hot{number}") is not None for number in range(100)) > 15
    used = []
    for number in range(8):
        store.put(f"used{number}", "", 50)
        used.append(f"used{number}")
        for _ in range(3):
            assert all(store.get(key) is not None for key in used)
    assert sum(store.peek(f"hot{number}") is not None for number in range(100)) in (9, 10, 11, 12)


def test_what_is_retained_no_more_leaves_as_everything_does() -> None:
    store = Store[str](1000, 1000)
    store.retained = {"hot"}
    store.put("hot", "", 100)
    store.retained = ()
    for number in range(100):
        store.put(f"cold{number}", "", 100)
    assert store.peek("hot") is None


@given(STEPS, st.sets(st.integers(0, 30)))
def test_retained_or_not_the_bounds_hold(steps: Steps, retained: set[int]) -> None:
    store = Store[str](200, 12)
    store.retained = {str(key) for key in retained}
    for step, key, size in steps:
        if step == "put":
            store.put(str(key), "", size)
        elif step == "get":
            store.get(str(key))
        else:
            store.drop(str(key))
        assert store.size_bytes <= 200
        assert len(store) <= 12
