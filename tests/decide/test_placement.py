"""Who is asked for what a node lacks."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from edge.decide.placement import COPIES_MAX, ORIGIN, sources
from edge.decide.rendezvous import score
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


def test_a_request_of_the_own_zone_goes_on_to_the_owner_only_and_one_from_elsewhere_to_the_origin() -> None:
    for path in PATHS[:20]:
        mine = owner(path, "pune")
        passed = next(f"pune-{number}" for number in range(4) if f"pune-{number}" != mine)
        assert names(mine, path, passed)[0] == "origin"
        asked = next(f"pune-{number}" for number in range(4) if f"pune-{number}" not in (mine, passed))
        assert names(asked, path, passed)[0] == mine
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


LARGE = {f"mumbai-{number}": "mumbai" for number in range(12)}


def first_of(of: str, path: str, copies: int = 1) -> str:
    return next(sources(view(of, LARGE), path, (), copies=copies)).node or "origin"


def test_what_is_hot_is_asked_of_several_owners_of_which_one_asks_the_origin() -> None:
    for path in PATHS[:50]:
        asked = Counter(first_of(one, path, copies=3) for one in LARGE)
        assert asked["origin"] == 1
        del asked["origin"]
        assert sorted(asked.values()) == [3, 3, 5]
        [first] = [one for one in LARGE if first_of(one, path) == "origin"]
        others = [one for one in asked if one != first]
        assert [first_of(one, path, copies=3) for one in others] == [first, first]


def test_no_owner_of_what_is_hot_carries_all() -> None:
    """Of 11 nodes that ask, one owner is asked by 11, and of three each by four or five, the others among them."""
    most = [Counter(first_of(one, path, copies=3) for one in LARGE).most_common(1)[0][1] for path in PATHS]
    assert set(most) <= {4, 5}


def test_copies_are_bounded_by_the_zone() -> None:
    for copies in (4, 100):
        assert len({first_of(one, PATHS[0], copies) for one in LARGE}) == 1 + COPIES_MAX
    small = dict.fromkeys(("a", "b", "c"), "pune")
    assert [next(sources(view(one, small), PATHS[0], (), copies=4)).node for one in small].count("") == 1
    assert len({next(sources(view(one, small), PATHS[0], (), copies=4)).node for one in small}) == 2


def test_who_gets_nothing_from_its_own_choice_asks_the_first_then_elsewhere() -> None:
    zones = {**LARGE, "pune-0": "pune"}
    [first] = [one for one in LARGE if first_of(one, PATHS[0]) == "origin"]
    asker = next(one for one in LARGE if first_of(one, PATHS[0], copies=4) not in (first, "origin"))
    found = [one.node or "origin" for one in sources(view(asker, zones), PATHS[0], (), copies=4)]
    assert found[1:] == [first, "pune-0", "origin"]


@dataclass
class Zone:
    """Nodes of one zone that hold different views of it; each keeps what it got."""

    views: dict[str, ClusterView]
    copies: dict[str, int]
    holders: set[str] = field(default_factory=set)
    origin: Counter[str] = field(default_factory=Counter)  # requests, by who made them

    def fetch(self, me: str, path: str, hops: tuple[str, ...] = ()) -> None:
        """A viewer's request at a node, or another node's."""
        assert me not in hops
        assert len(hops) <= 2
        assert all(score(path, me) > score(path, passed) for passed in hops)
        if me in self.holders:
            return
        source = next(sources(self.views[me], path, hops, copies=self.copies[me]))
        if source.node:
            self.fetch(source.node, path, (*hops, me))
        else:
            self.origin[me] += 1
        self.holders.add(me)

    def firsts(self, path: str) -> set[str]:
        """Whom some node holds for the first owner."""
        usable = {me: [one.name for one in its.nodes if one.alive] for me, its in self.views.items()}
        return {max(names, key=lambda name: score(path, name)) for names in usable.values()}


@st.composite
def disagreeing(draw: st.DrawFn, *, strangers: bool = False) -> Zone:
    """Some hold others suspect, or have not heard of them, and each has its own idea of what is hot."""
    names = [f"n{number}" for number in range(draw(st.integers(2, 8)))]
    states = [Status.ALIVE, Status.ALIVE, Status.ALIVE, Status.SUSPECT, *([None] if strangers else [])]
    views = {}
    for me in names:
        held = {one: draw(st.sampled_from(states)) if one != me else Status.ALIVE for one in names}
        nodes = [node(one, "mumbai", status) for one, status in held.items() if status is not None]
        views[me] = ClusterView(1, me, tuple(nodes))
    return Zone(views, {me: draw(st.integers(1, 5)) for me in names})


@given(disagreeing(), st.randoms(use_true_random=False), st.sampled_from(PATHS))
def test_nodes_that_disagree_never_loop_and_ask_the_origin_once_for_each_first_owner_that_any_of_them_sees(
    zone: Zone, order: Random, path: str
) -> None:
    askers = list(zone.views)
    order.shuffle(askers)
    for me in askers:
        zone.fetch(me, path)
    assert 1 <= sum(zone.origin.values()) <= len(zone.firsts(path))
    assert set(zone.origin) <= zone.firsts(path)


@given(disagreeing(strangers=True), st.randoms(use_true_random=False), st.sampled_from(PATHS))
def test_who_is_asked_by_a_node_that_it_has_not_heard_of_may_add_one(
    zone: Zone, order: Random, path: str
) -> None:
    askers = list(zone.views)
    order.shuffle(askers)
    for me in askers:
        zone.fetch(me, path)
    unaware = sum(len(its.nodes) < len(zone.views) for its in zone.views.values())
    assert 1 <= sum(zone.origin.values()) <= len(zone.firsts(path)) + unaware


@given(st.lists(st.integers(1, 5), min_size=2, max_size=8), st.randoms(use_true_random=False))
def test_with_the_same_members_rates_may_differ_and_one_request_goes_to_the_origin(
    copies: list[int], order: Random
) -> None:
    names = [f"n{number}" for number in range(len(copies))]
    views = {me: view(me, dict.fromkeys(names, "mumbai")) for me in names}
    for path in PATHS[:10]:
        zone = Zone(views, dict(zip(names, copies, strict=True)))
        order.shuffle(names)
        for me in names:
            zone.fetch(me, path)
        assert sum(zone.origin.values()) == 1
