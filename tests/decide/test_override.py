import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.decide.override import LEVEL_MAX, Override, active, named, read
from edge.model import ConfigError, Durable, EventKind

NOW = 1_800_000_000_000
LATER = NOW + 60_000


def event(key: str, body: str, kind: EventKind = EventKind.OVERRIDE) -> Durable:
    return Durable(kind, key, NOW << 16, "delhi", 3600, body)


def test_an_override_is_a_key_and_a_body_with_its_real_end() -> None:
    made = named("zone", "pune", 3, LATER)
    assert (made.key, made.body) == ("monsoon/zone/pune", f'{{"level":3,"until_ms":{LATER}}}')
    assert made.about == "zone pune"
    assert read(event(made.key, made.body)) == Override("zone", "pune", 3, LATER, "delhi")
    assert named("cluster", "", 2, LATER).key == "monsoon/cluster"


@given(
    st.sampled_from(["node", "zone"]),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=15),
    st.none() | st.integers(0, LEVEL_MAX),
    st.integers(0, 2**48),
)
def test_what_is_written_is_read(scope: str, name: str, level: int | None, until_ms: int) -> None:
    made = named(scope, name, level, until_ms)
    assert read(event(made.key, made.body)) == Override(scope, name, level, until_ms, "delhi")


@pytest.mark.parametrize(
    ("key", "body"),
    [
        ("monsoon/cluster", "on"),
        ("monsoon/cluster", '{"level": 5, "until_ms": 1}'),
        ("monsoon/cluster", '{"level": 2}'),
        ("monsoon/planet", '{"level": 2, "until_ms": 1}'),
        ("monsoon/node", '{"level": 2, "until_ms": 1}'),
        ("monsoon/cluster/pune", '{"level": 2, "until_ms": 1}'),
        ("route/pune", '{"level": 2, "until_ms": 1}'),
    ],
)
def test_what_is_no_override_of_this_version_is_left_alone(key: str, body: str) -> None:
    assert read(event(key, body)) is None


def test_an_event_of_another_kind_is_no_override() -> None:
    made = named("cluster", "", 2, LATER)
    assert read(event(made.key, made.body, EventKind.USER)) is None


@pytest.mark.parametrize(
    ("scope", "name", "level", "words"),
    [
        ("planet", "", 2, "scope: 'planet' is none; write one of node, zone, cluster"),
        ("node", "", 2, "name: '' does not fit; name one node, in at most 63 bytes"),
        ("zone", "x" * 64, 2, "name: "),
        ("cluster", "pune", 2, "name: 'pune' does not fit; the cluster has none"),
        ("cluster", "", 5, "level: 5 does not fit; write 0 to 4"),
    ],
)
def test_what_is_wrong_is_told(scope: str, name: str, level: int, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        named(scope, name, level, LATER)
    assert str(raised.value).startswith(words)


def test_the_most_specific_one_that_is_not_over_counts() -> None:
    cluster, zone, node = (
        named("cluster", "", 1, LATER),
        named("zone", "west", 2, LATER),
        named("node", "pune", 0, LATER),
    )
    others = [named("zone", "east", 4, LATER), named("node", "delhi", 4, LATER)]
    assert active([*others, cluster, zone, node], "pune", "west", NOW) == node
    assert active([*others, cluster, zone], "pune", "west", NOW) == zone
    assert active([*others, cluster], "pune", "west", NOW) == cluster
    assert active(others, "pune", "west", NOW) is None


def test_one_that_is_over_or_withdrawn_does_not_count() -> None:
    over = named("node", "pune", 4, NOW)
    withdrawn = named("zone", "west", None, LATER)
    cluster = named("cluster", "", 1, LATER)
    assert active([over, withdrawn, cluster], "pune", "west", NOW) == cluster
    assert active([over], "pune", "west", NOW - 1) == over
