"""What was announced, as an event and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.decide.schedule import LATE_S, Announced, announced, cluster_ahead_s, read
from edge.model import ConfigError, Durable, EventKind, Member, Status
from edge.state.view import ClusterView, Link, NodeView


def event(key: str, body: str, kind: EventKind = EventKind.SCHEDULE) -> Durable:
    return Durable(kind, key, 1 << 16, "edge-0", 60, body)


@given(
    st.text(), st.text(max_size=15).filter(lambda zone: ":" not in zone), st.integers(0, 2**48) | st.none()
)
def test_what_is_announced_is_read_as_it_was_meant(name: str, zone: str, at_ms: int | None) -> None:
    path = "/" + name.lstrip("/")
    made = announced(path, zone, at_ms)
    assert read(event(made.key, made.body)) == Announced(path, zone, at_ms, "edge-0")


@pytest.mark.parametrize(
    ("key", "body"),
    [
        ("toss", '{"at_ms":1}'),
        ("prewarm:", '{"at_ms":1}'),
        ("prewarm:pune:live", '{"at_ms":1}'),
        ("prewarm:pune:/live", "{}"),
        ("prewarm:pune:/live", '{"at_ms":"soon"}'),
        ("prewarm:pune:/live", "tomorrow"),
    ],
)
def test_what_is_not_understood_is_nothing(key: str, body: str) -> None:
    assert read(event(key, body)) is None


def test_other_kinds_of_events_announce_nothing() -> None:
    made = announced("/live", "", 1)
    assert read(event(made.key, made.body, EventKind.USER)) is None


@pytest.mark.parametrize(
    ("path", "zone"), [("live", ""), ("//live", ""), ("/live", "a:b"), ("/live", 70 * "x")]
)
def test_what_cannot_be_is_refused(path: str, zone: str) -> None:
    with pytest.raises(ConfigError):
        announced(path, zone, 1)


def test_it_is_over_some_time_after_its_own_or_once_withdrawn() -> None:
    made = announced("/live", "", 1000)
    assert not made.is_over(0)
    assert not made.is_over(1000 + 1000 * LATE_S)
    assert made.is_over(1001 + 1000 * LATE_S)
    assert announced("/live", "", None).is_over(0)


def test_the_time_is_the_clusters() -> None:
    def one(name: str, ahead_s: float) -> NodeView:
        return NodeView(Member(name, 1, Status.ALIVE, "10.0.0.1", 1), link=Link(0.01, 0.0, ahead_s))

    me = NodeView(Member("a", 1, Status.ALIVE, "10.0.0.1", 1))
    view = ClusterView(1, "a", (me, one("b", 2.0), one("c", 2.1), one("d", 900.0), one("e", 1.0)))
    assert cluster_ahead_s(view) == 2.0
    assert cluster_ahead_s(ClusterView(1, "a", (me,))) == 0.0
