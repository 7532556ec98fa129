"""What is fetched before viewers ask."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config import MonsoonConfig
from edge.decide.measures import measures_of
from edge.decide.popularity import Trend
from edge.decide.prewarm import ByteBudget, Wish, wishes
from edge.model import Load, Member, Status
from edge.state.reports import Report
from edge.state.view import ClusterView, NodeView


def node(name: str, status: Status = Status.ALIVE, capacity: int = 100) -> NodeView:
    load = Load(10, 0, 0, capacity, health=100, lag_ms=0)
    return NodeView(Member(name, 1, status, "10.0.0.1", 1, public=f"http://{name}"), Report(1, load, 0.0))


def trend(path: str, score: float, *nodes: str) -> Trend:
    return Trend(path, 2 * score, score, (("west", 2 * score),), nodes)


CLUSTER = ClusterView(1, "a", (node("a"), node("b"), node("c"), node("lost", Status.SUSPECT)))
TRENDS = [
    trend("/hot", 50.0, "b", "c"),
    trend("/own", 40.0, "a", "b"),
    trend("/there", 30.0, "lost"),
    trend("/half", 3.0, "c", "lost"),
    trend("/cold", 1.0, "b"),
]


def wished(level: int, view: ClusterView = CLUSTER) -> dict[str, tuple[str, ...]]:
    found = wishes(TRENDS, view, measures_of(level, MonsoonConfig()), 5.0)
    return {one.path: one.holders for one in found}


def test_what_is_watched_enough_and_not_here_is_fetched_as_for_a_viewer() -> None:
    assert wished(0) == {"/hot": (), "/there": ()}


def test_at_level_1_more_is_fetched_inside_the_island() -> None:
    assert wished(1) == {"/hot": (), "/there": (), "/half": ("c",)}


@pytest.mark.parametrize("level", [2, 3])
def test_from_level_2_on_only_what_is_in_the_island_is_fetched_and_only_from_there(level: int) -> None:
    assert wished(level) == {"/hot": ("b", "c"), "/half": ("c",)}


def test_at_level_4_nothing_is() -> None:
    assert wished(4) == {}


def test_who_takes_no_viewers_fetches_nothing_for_them() -> None:
    drained = ClusterView(1, "a", (node("a", capacity=0), node("b"), node("c")))
    assert wished(0, drained) == {}
    assert wished(0, ClusterView(1, "nobody", ())) == {}


def test_the_reason_is_said() -> None:
    [first, *_] = wishes(TRENDS, CLUSTER, measures_of(0, MonsoonConfig()), 5.0)
    assert first == Wish("/hot", "100.0 requests/s at 2 nodes")


@given(st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 5000)), min_size=1, max_size=200))
def test_a_budget_holds_over_any_time_but_for_what_was_begun_last(steps: list[tuple[float, int]]) -> None:
    budget, now, spent = ByteBudget(1000), 0.0, 0
    for pause_s, size in steps:
        now += pause_s
        if budget.has_some(now):
            assert spent < 1000 * (now + 2) + 1e-6
            budget.spend(size)
            spent += size


def test_a_budget_is_not_saved_up_for_long() -> None:
    budget = ByteBudget(1000)
    budget.has_some(0.0)
    budget.has_some(3600.0)
    budget.spend(2000)
    assert not budget.has_some(3600.0)
    assert budget.has_some(3600.1)
