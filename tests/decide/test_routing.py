from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.decide import routing
from edge.decide.routing import LOAD_BOUND, Pending, RouteQuery, route
from edge.model import Load, Member, Status, incarnation_of
from edge.state.reports import Report
from edge.state.view import ClusterView, NodeView

NOBODY: dict[str, int] = {}


def node(
    name: str, streams: int = 0, capacity: int = 1000, zone: str = "", status: Status = Status.ALIVE
) -> NodeView:
    member = Member(
        name, incarnation_of(1), status, "10.0.0.1", 7700, public=f"http://{name}.example/", zone=zone
    )
    return NodeView(member, Report(1, Load(streams, 0, 0, capacity, 100, 0), 0.0))


def ailing(name: str) -> NodeView:
    """A node that says of itself that it is not well."""
    return NodeView(node(name).member, Report(1, Load(0, 0, 0, 1000, 0, 0), 0.0))


def view(*nodes: NodeView) -> ClusterView:
    return ClusterView(1, nodes[0].name if nodes else "", nodes)


def chosen(cluster: ClusterView, path: str = "/live/1.m3u8", zone: str = "") -> str:
    answer = route(cluster, RouteQuery(path, zone), NOBODY)
    assert answer is not None
    return answer.node


def test_the_answer_names_node_address_and_reason() -> None:
    answer = route(view(node("pune", 100, zone="west")), RouteQuery("/x", "west"), NOBODY)
    assert answer is not None
    assert answer.url == "http://pune.example"
    assert answer.reason == "zone west; choice 1 by hash, load 0.10 of 0.12 allowed"


@pytest.mark.parametrize(
    "absent",
    [
        node("b", status=Status.SUSPECT),
        node("b", status=Status.UNREACHABLE),
        node("b", status=Status.LEFT),
        ailing("b"),
        node("b", capacity=0),
    ],
)
def test_nobody_is_sent_to_a_node_that_cannot_serve(absent: NodeView) -> None:
    cluster = view(node("a", 900), absent)
    assert {chosen(cluster, f"/{number}") for number in range(50)} == {"a"}
    assert route(view(absent), RouteQuery("/x"), NOBODY) is None


def test_the_own_zone_comes_first_until_it_is_full() -> None:
    near, far = node("near", 999, zone="west"), node("far", 0, zone="east")
    assert chosen(view(near, far), zone="west") == "near"
    full = view(node("near", 1000, zone="west"), far)
    answer = route(full, RouteQuery("/x", "west"), NOBODY)
    assert answer is not None
    assert answer.node == "far"
    assert answer.reason.startswith("zone west is full; ")
    nowhere = route(full, RouteQuery("/x", "south"), NOBODY)
    assert nowhere is not None
    assert nowhere.reason.startswith("no node in zone south; ")


def test_when_all_are_full_the_viewer_still_gets_the_best_there_is() -> None:
    assert chosen(view(node("a", 3000), node("b", 1000), node("c", 3000))) == "b"


def test_a_path_stays_with_its_node_and_paths_spread_over_nodes() -> None:
    cluster = view(*(node(f"n{number}") for number in range(10)))
    homes = {path: chosen(cluster, path) for path in (f"/live/{number}.m4s" for number in range(1000))}
    assert all(chosen(cluster, path) == home for path, home in homes.items())
    assert max(Counter(homes.values()).values()) < 1000 / 10 * 1.5


def test_a_node_that_goes_moves_only_its_own_paths() -> None:
    nodes = [node(f"n{number}") for number in range(10)]
    paths = [f"/live/{number}.m4s" for number in range(500)]
    before = {path: chosen(view(*nodes), path) for path in paths}
    after = {path: chosen(view(*nodes[:-1]), path) for path in paths}
    assert {before[path] for path in paths if before[path] != after[path]} == {"n9"}


def test_a_node_with_twice_the_capacity_gets_about_twice_the_paths() -> None:
    cluster = view(node("small", capacity=500), node("large", capacity=1000))
    homes = Counter(chosen(cluster, f"/{number}") for number in range(3000))
    assert 1.7 < homes["large"] / homes["small"] < 2.3


@given(st.lists(st.integers(0, 999), min_size=2, max_size=12))
def test_no_node_above_the_bound_gets_a_viewer(streams: list[int]) -> None:
    cluster = view(*(node(f"n{number:02}", one) for number, one in enumerate(streams)))
    bound = max(routing.IDLE_RATIO, LOAD_BOUND * sum(streams) / len(streams) / 1000)
    loads = {f"n{number:02}": one / 1000 for number, one in enumerate(streams)}
    assert all(loads[chosen(cluster, f"/{number}")] <= bound + 1e-9 for number in range(20))


def test_viewers_on_their_way_count_before_any_report_shows_them() -> None:
    """A herd that comes in one gossip round is spread, although every report still says empty."""
    cluster, pending = view(*(node(f"n{number}", capacity=100) for number in range(4))), Pending()
    for _ in range(200):
        answer = route(cluster, RouteQuery("/live/main.m3u8"), pending.counts(0.0))
        assert answer is not None
        pending.add(answer.node, 0.0)
    shares = pending.counts(0.0)
    assert max(shares.values()) <= 1.25 * 50 + 1
    assert sum(shares.values()) == 200


def test_viewers_on_their_way_are_forgotten_when_reports_show_them() -> None:
    pending = Pending()
    pending.add("a", 0.0)
    pending.add("a", 0.5)
    assert pending.counts(0.9) == {"a": 2}
    assert pending.counts(1.2) == {"a": 1}
    assert pending.counts(1.6) == {}


def test_the_memory_of_those_on_their_way_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "PENDING_MAX", 3)
    pending = Pending()
    for name in "abcde":
        pending.add(name, 0.0)
    assert pending.counts(0.0) == {"c": 1, "d": 1, "e": 1}


def test_equal_views_give_equal_answers_whatever_the_order_of_nodes() -> None:
    nodes = [node(f"n{number}", 10 * number) for number in range(8)]
    for number in range(100):
        assert chosen(view(*nodes), f"/{number}") == chosen(view(*reversed(nodes)), f"/{number}")


def degraded(name: str, level: int, streams: int = 0, zone: str = "") -> NodeView:
    """A node at a level of degradation."""
    one = node(name, streams, zone=zone)
    return NodeView(one.member, Report(1, Load(streams, 0, 0, 1000, 100, 0, level), 0.0))


def test_from_level_3_on_a_node_gets_nobody_new_beyond_the_safe_load() -> None:
    full = view(degraded("a", 3, 900, "west"))
    assert route(full, RouteQuery("/live/1.m3u8", "west"), NOBODY) is None
    assert route(full, RouteQuery("/live/1.m4s", "west", new=False), NOBODY) is not None
    assert chosen(view(degraded("a", 3, 899, "west")), zone="west") == "a"
    assert chosen(view(degraded("a", 2, 950, "west")), zone="west") == "a"
    elsewhere = view(degraded("a", 3, 900, "west"), node("b", 500, zone="east"))
    assert chosen(elsewhere, zone="west") == "b"


def test_at_level_4_a_node_gets_only_whom_no_other_can_take() -> None:
    assert chosen(view(degraded("a", 4, zone="west"), node("b", 950, zone="east")), zone="west") == "b"
    assert chosen(view(degraded("a", 4, zone="west"), degraded("b", 3, 950)), zone="west") == "a"
