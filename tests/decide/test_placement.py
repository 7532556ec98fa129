"""Who is asked for what a node lacks."""

from hypothesis import given
from hypothesis import strategies as st

from edge.decide.placement import ORIGIN, sources
from edge.model import Load, Member, Status
from edge.state.reports import Report
from edge.state.view import ClusterView, NodeView

PATHS = [f"/live/v240/{number}.m4s" for number in range(200)]
CLUSTER = {f"{zone}-{number}": zone for zone in ("mumbai", "pune", "delhi") for number in range(4)}


def node(
    name: str, zone: str, status: Status = Status.ALIVE, capacity: int = 100, level: int = 0
) -> NodeView:
    load = Load(10, 0, 0, capacity, health=100, lag_ms=0, level=level)
    made = Member(name, 1, status, "10.0.0.1", 1, public=f"http://{name}:7780/", zone=zone)
    return NodeView(made, Report(1, load, 0.0))


def view(of: str, zones: dict[str, str] | None = None, *instead: NodeView) -> ClusterView:
    nodes = {name: node(name, zone) for name, zone in (zones or CLUSTER).items()}
    nodes |= {one.name: one for one in instead}
    return ClusterView(1, of, tuple(nodes[name] for name in sorted(nodes)))


def names(
    of: str, path: str, *hops: str, outside: bool = True, instead: tuple[NodeView, ...] = ()
) -> list[str]:
    return [one.node or "origin" for one in sources(view(of, None, *instead), path, hops, outside=outside)]


def owner(path: str, zone: str) -> str:
    """The one of a zone that asks the origin first."""
    [found] = [name for name, its in CLUSTER.items() if its == zone and names(name, path)[0] == "origin"]
    return found


def test_all_of_a_zone_agree_on_the_one_that_asks_the_origin() -> None:
    for path in PATHS:
        for zone in ("mumbai", "pune", "delhi"):
            mine = owner(path, zone)
            assert {names(one, path)[0] for one, its in CLUSTER.items() if its == zone and one != mine} == {
                mine
            }


def test_each_node_owns_its_share() -> None:
    owned = [owner(path, "pune") for path in PATHS]
    assert all(30 <= owned.count(f"pune-{number}") <= 70 for number in range(4))


def test_a_node_that_goes_leaves_the_others_what_they_had() -> None:
    gone = node("pune-0", "pune", Status.SUSPECT)
    for path in PATHS:
        if (before := owner(path, "pune")) != "pune-0":
            asker = next(f"pune-{number}" for number in (1, 2, 3) if f"pune-{number}" != before)
            assert names(asker, path, instead=(gone,))[0] == before


def test_the_owner_asks_the_origin_then_an_owner_elsewhere() -> None:
    mine = owner(PATHS[0], "pune")
    first, second = names(mine, PATHS[0])
    assert first == "origin"
    assert second in (owner(PATHS[0], "mumbai"), owner(PATHS[0], "delhi"))


def test_who_has_no_owner_to_answer_asks_elsewhere_before_the_origin() -> None:
    mine = owner(PATHS[0], "pune")
    other = next(name for name, zone in CLUSTER.items() if zone == "pune" and name != mine)
    found = names(other, PATHS[0])
    assert (found[0], found[2]) == (mine, "origin")
    assert CLUSTER[found[1]] != "pune"


def test_a_request_of_the_own_zone_goes_no_further_in_it_and_one_from_elsewhere_only_to_the_origin() -> None:
    for path in PATHS[:20]:
        assert names("pune-0", path, "pune-1")[0] == "origin"
        assert names("pune-0", path, "delhi-1") == ["origin"]
        assert names("pune-0", path, "pune-1", "pune-2") == ["origin"]
        assert names("pune-0", path, "a stranger") == ["origin"]


def test_where_what_is_outside_is_dear_the_zone_is_asked_for_what_it_holds() -> None:
    mine = owner(PATHS[0], "pune")
    asked = list(sources(view(mine), PATHS[0], (), outside=False))
    assert [one.held_only for one in asked] == [True, True, False, False]
    assert {CLUSTER[one.node] for one in asked[:2]} == {"pune"}
    assert asked[2] == ORIGIN


def test_who_drains_or_hardly_serves_owns_nothing() -> None:
    mine = owner(PATHS[0], "pune")
    other = next(name for name, zone in CLUSTER.items() if zone == "pune" and name != mine)
    for instead in (node(mine, "pune", capacity=0), node(mine, "pune", level=4)):
        assert mine not in names(other, PATHS[0], instead=(instead,))


def test_a_node_alone_asks_the_origin() -> None:
    alone = ClusterView(1, "a", (node("a", ""),))
    assert list(sources(alone, "/x", ())) == [ORIGIN]
    assert list(sources(ClusterView(1, "a", ()), "/x", ())) == [ORIGIN]


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["", "x", "y"]), min_size=1),
    st.lists(st.sampled_from("abcdefgh"), max_size=3),
    st.booleans(),
)
def test_nobody_asks_itself_nor_who_has_asked(zones: dict[str, str], hops: list[str], outside: bool) -> None:
    me = min(zones)
    passed = [name for name in hops if name != me]
    found = list(sources(view(me, zones), "/live/1.m4s", passed, outside=outside))
    assert found.count(ORIGIN) == 1
    asked = [one.node for one in found if one.node]
    assert len(set(asked)) == len(asked)
    assert not {me, *passed} & set(asked)
    assert not any(one.url.endswith("/") for one in found)
