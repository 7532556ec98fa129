"""The index finds what a purge hits, quickly, and holds nothing that the store does not."""

import time

from hypothesis import given
from hypothesis import strategies as st

from edge.cache.index import IndexedStore
from edge.cache.objects import CachedObject, Lifetime
from edge.cache.purge import Purge, hits

KEYS = ["/", "/a", "/a?_HLS_msn=1", "/a?_HLS_msn=2", "/a/", "/a/b", "/a/b?_HLS_msn=1", "/a/bc", "/ab/c", "/b"]
PURGES = st.one_of(
    st.builds(Purge, st.just("url"), st.sampled_from(["/", "/a", "/a/b", "/none"]), st.booleans()),
    st.builds(Purge, st.just("prefix"), st.sampled_from(["/", "/a", "/a/", "/a/b", "/none"]), st.booleans()),
    st.builds(Purge, st.just("tag"), st.sampled_from("xyz"), st.booleans()),
)
PUTS = st.tuples(st.sampled_from(KEYS), st.lists(st.sampled_from("xy"), unique=True), st.integers(0, 120))


def stored(key: str, tags: list[str]) -> CachedObject:
    return CachedObject(key, 200, {}, b"", "", "", 1000.0, 0.0, Lifetime(60.0), tuple(tags))


def names_of(one: CachedObject) -> list[tuple[str, str]]:
    """Under what an object can be found."""
    path, question_mark, _ = one.key.partition("?")
    folder = ("folder", path[: path.rindex("/") + 1])
    return [folder, *(("tag", tag) for tag in one.tags), *([("path", path)] if question_mark else [])]


@given(st.lists(st.one_of(PUTS, st.sampled_from(KEYS), PURGES), max_size=60))
def test_the_index_finds_what_the_definition_says_and_holds_nothing_else(
    steps: list[tuple[str, list[str], int] | str | Purge],
) -> None:
    store: IndexedStore[CachedObject] = IndexedStore(bytes_max=100, objects_max=6)  # larger ones are refused
    for step in steps:
        before = {key: value for key in KEYS if (value := store.peek(key))}
        if isinstance(step, Purge):
            expected = {key for key, value in before.items() if hits(step, key, value.tags)}
            assert set(store.purge(step, now=1010.0)) == expected
            assert all(store.peek(key) is (before[key] if step.soft else None) for key in expected)
            assert all(before[key].ttl_s(1010.0) <= 0 for key in expected if step.soft)
        elif isinstance(step, str):
            store.drop(step)
        else:
            key, tags, size = step
            store.put(key, stored(key, tags), size)
        held = [value for key in KEYS if (value := store.peek(key))]
        assert len(held) == len(store)
        listed = [name for one in held for name in names_of(one)]
        assert store.index_entries == len(listed) + len(set(listed))


FEW = st.sampled_from(KEYS[1:5])
MANY_STEPS = st.lists(
    st.one_of(
        st.tuples(FEW, st.lists(st.sampled_from("xy"), unique=True), st.just(1)), FEW, PURGES, st.none()
    ),
    min_size=20,
    max_size=60,
)


@given(MANY_STEPS)
def test_a_purge_that_is_swept_by_slices_counts_from_the_first_moment(
    steps: list[tuple[str, list[str], int] | str | Purge | None],
) -> None:
    store: IndexedStore[CachedObject] = IndexedStore(bytes_max=10_000, objects_max=100, slice_objects=1)
    model: dict[str, tuple[CachedObject, float]] = {}  # with the time from which on it is stale
    for number, step in enumerate(steps):
        now = 1010.0 + number
        match step:
            case None:
                assert store.sweep() == (store.doomed > 0)
            case Purge() as purge:
                expected = {key for key, (value, _) in model.items() if hits(purge, key, value.tags)}
                assert set(store.purge(purge, now)) == expected
                for key in expected:
                    value, stale_from = model.pop(key)
                    if purge.soft:
                        model[key] = (value, min(now, stale_from))
            case str(key):
                got = store.get(key)
                assert (got and (got, got.stale_from)) == model.get(key)
            case (key, tags, size):
                model[key] = (stored(key, tags), float("inf"))
                store.put(key, model[key][0], size)
    while store.sweep():
        assert store.doomed > 0
    assert (store.doomed, len(store)) == (0, len(model))
    for key, (value, stale_from) in model.items():
        assert (store.peek(key), value.stale_from) == (value, stale_from)


def many() -> IndexedStore[CachedObject]:
    """100,000 objects of 100 events; every second one is odd."""
    store: IndexedStore[CachedObject] = IndexedStore(bytes_max=1 << 30, objects_max=100_000)
    for number in range(100_000):
        event = number // 1000
        key = f"/live/event{event:02}/v{number % 3}/{number}.m4s"
        store.put(key, stored(key, [f"event-{event}", "odd" if number % 2 else "even"]), 1000)
    return store


def test_a_purge_among_100_000_objects_holds_nobody_up() -> None:
    store = many()
    for purge, count in (
        (Purge("prefix", "/live/event07/"), 1_000),
        (Purge("tag", "event-8"), 1_000),
        (Purge("prefix", "/live/event09", soft=True), 1_000),
        (Purge("tag", "odd"), 49_000),
        (Purge("prefix", "/live/", soft=True), 49_000),
    ):
        spent: list[float] = []  # this thread's processor time at each step: other programs do not count
        begun = time.thread_time()
        assert len(store.purge(purge, now=1010.0)) == count
        spent.append(time.thread_time() - begun)
        while store.doomed:
            begun = time.thread_time()
            store.sweep()
            spent.append(time.thread_time() - begun)
        assert max(spent) < 0.05
    assert len(store) == 49_000
