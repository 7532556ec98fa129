from collections import Counter

import pytest

from edge.decide.routing import Assigned, RouteQuery, RoutingPolicy, RoutingTable, route
from edge.decide.routing.assigned import KEPT_S, SHOWS_S
from edge.model import Load, Member, Status, incarnation_of
from edge.state.reports import Report
from edge.state.view import ClusterView, NodeView

NOBODY: dict[str, int] = {}
POLICY = RoutingPolicy()


def node(
    name: str, streams: int = 0, capacity: int = 1000, zone: str = "", status: Status = Status.ALIVE
) -> NodeView:
    member = Member(
        name, incarnation_of(1), status, "10.0.0.1", 7700, public=f"http://{name}.example/", zone=zone
    )
    return NodeView(member, Report(1, Load(streams, 0, 0, capacity, 100, 0), 0.0))


def reported(name: str, at: float) -> NodeView:
    """A node whose last report came at a moment."""
    return NodeView(node(name).member, Report(1, Load(0, 0, 0, 1000, 100, 0), at))


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
    assert answer.reason.startswith("zone west is full, ")
    nowhere = route(full, RouteQuery("/x", "south"), NOBODY)
    assert nowhere is not None
    assert nowhere.reason.startswith("no node in zone south, anywhere; ")


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


def test_a_herd_that_comes_in_one_gossip_round_is_spread() -> None:
    """Every report still says empty; what this node assigned counts."""
    table = RoutingTable(view(*(node(f"n{number}", capacity=100) for number in range(4))), POLICY, NOBODY)
    shares: Counter[str] = Counter()
    for _ in range(200):
        answer = table.route(RouteQuery("/live/main.m3u8"))
        assert answer is not None
        table.add(answer.node)
        shares[answer.node] += 1
    assert max(shares.values()) <= 1.25 * 50 + 1


def test_viewers_on_their_way_are_forgotten_when_reports_show_them() -> None:
    assigned = Assigned()
    for name, at in (("a", 10.0), ("a", 10.5), ("b", 10.0)):
        assigned.add(name, at)
    assert assigned.counts(view(reported("a", 9.0)), 10.9) == {"a": 2, "b": 1}
    shown = view(reported("a", 10.3 + SHOWS_S), reported("b", 9.0))
    assert assigned.counts(shown, 10.9) == {"a": 1, "b": 1}
    assert assigned.counts(shown, 10.1 + KEPT_S) == {"a": 1}
    assert assigned.counts(shown, 10.6 + KEPT_S) == {}
    assert assigned._sent == {}


def test_the_memory_of_those_on_their_way_is_bounded() -> None:
    assigned = Assigned()
    for number in range(100_000):
        assigned.add("a", number / 1000)
    assert len(assigned._sent["a"]) <= 42
    assert assigned.counts(view(node("b")), 99.999) == {"a": 2000 + 50}


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


def test_a_crowd_for_one_path_does_not_move_as_one() -> None:
    """Every view is half a second old: many nodes send viewers before any of them hears of it."""
    cluster = view(*(node(f"n{number}", streams) for number, streams in enumerate((550, 500, 500, 450))))
    table = RoutingTable(cluster, POLICY, NOBODY)
    path = next(f"/{number}" for number in range(99) if chosen(cluster, f"/{number}") == "n0")
    answers = [table.route(RouteQuery(path, viewer=f"viewer {number}")) for number in range(1000)]
    found = Counter(answer.node for answer in answers if answer)
    assert 400 <= found["n0"] <= 600  # it is half way from the mean to what is allowed
    assert answers == [table.route(RouteQuery(path, viewer=f"viewer {number}")) for number in range(1000)]
