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
    store = IndexedStore(bytes_max=100, objects_max=6)  # objects of 101 to 120 bytes are refused
    for step in steps:
        before = {key: value for key in KEYS if (value := store.peek(key))}
        if isinstance(step, Purge):
            expected = {key for key, value in before.items() if hits(step, key, value.tags)}
            found = store.purge(step, now=1010.0)
            assert len(found) == len(set(found))
            assert set(found) == expected
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


def test_a_purge_among_100_000_objects_is_quick() -> None:
    store = IndexedStore(bytes_max=1 << 30, objects_max=100_000)
    for number in range(100_000):
        event = number // 1000
        key = f"/live/event{event:02}/v{number % 3}/{number}.m4s"
        store.put(key, stored(key, [f"event-{event}", "all"]), 1000)
    for purge in (
        Purge("prefix", "/live/event07/"),
        Purge("tag", "event-8"),
        Purge("prefix", "/live/event09", soft=True),
    ):
        begun = time.perf_counter()
        found = store.purge(purge, now=1010.0)
        assert time.perf_counter() - begun < 0.05
        assert len(found) == 1000
    assert len(store) == 98_000
