"""Who is asked first: provider, zone, region and distance, and who is never asked."""

from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from edge.decide.routing import RouteQuery, RoutingPolicy, RoutingTable, route
from edge.decide.routing.explain import explain
from edge.model import Load, Member, Status, incarnation_of
from edge.state.reports import Report
from edge.state.view import ClusterView, Link, NodeView

POLICY = RoutingPolicy()
PATHS = [f"/live/{number}.m3u8" for number in range(40)]


def node(name: str, load: float = 0.0, *, link: Link | None = None, level: int = 0, **its: str) -> NodeView:
    member = Member(name, incarnation_of(1), Status.ALIVE, "10.0.0.1", 7700, public=f"http://{name}")
    member = structs.replace(member, **its)
    return NodeView(member, Report(1, Load(int(1000 * load), 0, 0, 1000, 100, 0, level), 0.0), link=link)


def view(*nodes: NodeView, me: str = "") -> ClusterView:
    return ClusterView(1, me or nodes[0].name, tuple(sorted(nodes, key=lambda one: one.name)))


def chosen(cluster: ClusterView, path: str = "/x.m3u8", **asked: Any) -> tuple[str, str]:
    answer = route(cluster, RouteQuery(path, **asked), {})
    assert answer is not None
    return answer.node, answer.reason


def all_chosen(cluster: ClusterView, **asked: Any) -> set[str]:
    return {chosen(cluster, path, **asked)[0] for path in PATHS}


def test_nodes_of_the_viewers_provider_come_first_in_his_zone() -> None:
    cluster = view(*(node(f"{isp}-{number}", 0.5, zone="west", isp=isp) for isp in "ab" for number in (1, 2)))
    assert all_chosen(cluster, zone="west", isp="a") == {"a-1", "a-2"}
    assert chosen(cluster, zone="west", isp="a")[1].startswith("zone west, isp a; choice ")
    assert all_chosen(cluster, zone="west") == {"a-1", "a-2", "b-1", "b-2"}
    assert all_chosen(cluster, zone="west", isp="c") == {"a-1", "a-2", "b-1", "b-2"}


def test_a_provider_is_no_reason_to_leave_the_zone_or_to_run_hot() -> None:
    there = node("there", 0.1, zone="east", isp="a")
    cluster = view(node("own", 0.9, zone="west", isp="a"), node("other", 0.3, zone="west", isp="b"), there)
    name, reason = chosen(cluster, zone="west", isp="a")
    assert name == "other"
    assert reason.startswith("zone west, isp a has no room; ")


def test_a_full_zone_spills_to_its_region_and_then_elsewhere() -> None:
    full = node("pune", 1.0, zone="pune", region="west")
    near, far = node("surat", 0.9, zone="surat", region="west"), node("delhi", zone="delhi", region="north")
    assert chosen(view(full, near, far), zone="pune")[0] == "surat"
    assert chosen(view(full, near, far), zone="pune")[1].startswith("zone pune is full, region west; ")
    near = node("surat", 1.0, zone="surat", region="west")
    name, reason = chosen(view(full, near, far), zone="pune")
    assert (name, reason.partition(";")[0]) == ("delhi", "zone pune is full, elsewhere")


def test_a_region_is_known_from_a_zone_all_of_whose_nodes_are_gone() -> None:
    gone = node("pune", zone="pune", region="west")
    gone = replace(gone, member=structs.replace(gone.member, status=Status.UNREACHABLE))
    cluster = view(
        gone, node("surat", zone="surat", region="west"), node("delhi", zone="delhi", region="north")
    )
    assert all_chosen(cluster, zone="pune") == {"surat"}
    assert chosen(cluster, zone="pune")[1].startswith("no node in zone pune, region west; ")
    assert all_chosen(cluster, zone="unheard-of", region="north") == {"delhi"}
    assert all_chosen(cluster, region="north") == {"delhi"}
    assert all_chosen(cluster, zone="unheard-of") == {"delhi", "surat"}


def test_of_zones_that_are_else_alike_the_nearer_one_takes_what_spills() -> None:
    """A node knows the ways from its own zone only; viewers of others are spread."""
    full = node("a", 1.0, zone="a")
    cluster = view(
        full, node("b", zone="b", link=Link(0.030, 0.0)), node("c", zone="c", link=Link(0.004, 0.0)), me="a"
    )
    assert all_chosen(cluster, zone="a") == {"c"}
    assert all_chosen(replace(cluster, self_name="b"), zone="a") == {"b", "c"}
    assert all_chosen(cluster, zone="d") == {"b", "c"}


def test_a_way_that_loses_much_gets_less() -> None:
    clean, lossy = node("clean", link=Link(0.01, 0.04)), node("lossy", link=Link(0.01, 0.75))
    found = [chosen(view(clean, lossy), f"/{number}")[0] for number in range(2000)]
    assert 0.1 < found.count("lossy") / 2000 < 0.15  # a quarter of its half


def test_doubt_weighs_before_anybody_is_accused() -> None:
    sure, doubted = node("sure", link=Link(0.01, 0.0)), node("doubted", link=Link(0.01, 0.0, doubt=0.9))
    found = [chosen(view(sure, doubted), f"/{number}")[0] for number in range(2000)]
    assert 0.1 < found.count("doubted") / 2000 < 0.15  # trust 0.2, in steps of an eighth
    assert {chosen(view(doubted), f"/{number}")[0] for number in range(50)} == {"doubted"}


def test_a_viewer_stays_unless_that_is_clearly_worse() -> None:
    def staying(here: float, there: float) -> bool:
        cluster = view(node("here", here), node("there", there))
        return all_chosen(cluster, previous="here") == {"here"}

    assert staying(0.55, 0.50)
    assert staying(0.50, 0.55)
    assert not staying(0.65, 0.50)


def test_he_comes_back_to_his_zone_when_there_is_room_and_not_before() -> None:
    def at(home: float) -> str:
        cluster = view(node("home", home, zone="west"), node("away", 0.2, zone="east"))
        return chosen(cluster, zone="west", previous="away")[0]

    assert at(0.95) == "away"
    assert at(0.85) == "home"


def test_he_stays_in_his_zone_when_it_fills_up_around_him() -> None:
    cluster = view(node("home", 1.0, zone="west"), node("away", 0.2, zone="east"))
    assert chosen(cluster, zone="west")[0] == "away"
    name, reason = chosen(cluster, zone="west", previous="home")
    assert name == "home"
    assert reason.endswith(", where the viewer is")


@pytest.mark.parametrize("status", [Status.SUSPECT, Status.UNREACHABLE, Status.LEFT])
def test_nobody_stays_with_a_node_that_is_gone(status: Status) -> None:
    here = node("here")
    here = replace(here, member=structs.replace(here.member, status=status))
    assert all_chosen(view(here, node("there", 0.9)), previous="here") == {"there"}


def test_an_explanation_says_of_every_member_why_it_was_not_taken() -> None:
    drains = node("drains", zone="west")
    drains = replace(drains, load=Report(1, Load(5, 0, 0, 1000, 0, 0), 0.0))
    suspect = node("suspect", zone="west")
    suspect = replace(suspect, member=structs.replace(suspect.member, status=Status.SUSPECT))
    cluster = view(
        node("a", 0.5, zone="west", isp="jio"),
        node("b", 0.5, zone="west"),
        node("hot", 0.9, zone="west", isp="jio"),
        node("far", zone="east"),
        node("islet", zone="west", level=4),
        drains,
        suspect,
        replace(node("liar", 0.1, zone="west"), quarantined=True),
    )
    found = explain(RoutingTable(cluster, POLICY, {"a": 10}), RouteQuery("/x.m3u8", "west", isp="jio"))
    assert found.answer
    assert (found.answer.node, found.answer.reason) == ("a", found.reason)
    verdicts = {one.node: one.verdict for one in found.candidates}
    assert verdicts == {
        "a": "taken: zone west, isp jio",
        "b": "not in isp jio",
        "hot": "above the allowed load",
        "far": "farther",
        "islet": "level 4, only for whom no other can take",
        "drains": "drains, or is not well (health 0)",
        "suspect": "suspect",
        "liar": "is not believed (quarantined)",
    }
    assert found.candidates[0].node == "a"
    assert found.candidates[0].load == pytest.approx(0.51)


def test_where_nobody_is_taken_the_explanation_says_so_too() -> None:
    full = view(node("a", 0.95, level=3))
    found = explain(RoutingTable(full, POLICY, {}), RouteQuery("/x.m3u8"))
    assert found.answer is None
    assert found.reason == "no node takes viewers at the moment"
    assert [one.verdict for one in found.candidates] == ["takes nobody new beyond the safe load"]
