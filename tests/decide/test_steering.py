"""In which order a shard's viewers use the nodes, and when that changes."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.decide.shards import Shard
from edge.decide.steering import Steering, SteeringPolicy, SteeringTable
from edge.model import Load, Member, Status, incarnation_of
from edge.state.reports import Report
from edge.state.view import ClusterView, Link, NodeView

POLICY = SteeringPolicy()


def node(name: str, streams: int = 0, *, zone: str = "west", region: str = "", **more: int) -> NodeView:
    """A node for 1,000 viewers; `status`, `health`, `capacity` and `level` as given."""
    status = Status(more.get("status", Status.ALIVE))
    member = Member(
        name,
        incarnation_of(1),
        status,
        "10.0.0.1",
        7700,
        public=f"http://{name}.example/",
        zone=zone,
        region=region,
    )
    load = Load(streams, 0, 0, more.get("capacity", 1000), more.get("health", 100), 0, more.get("level", 0))
    return NodeView(member, Report(1, load, 0.0))


def view(*nodes: NodeView) -> ClusterView:
    return ClusterView(1, nodes[0].name if nodes else "", nodes)


def steer(
    cluster: ClusterView, number: int = 0, zone: str = "west", previous: Steering | None = None
) -> Steering:
    found = SteeringTable(cluster, POLICY).steer(Shard(zone, number), previous)
    assert found is not None
    return found


def owners(cluster: ClusterView) -> list[str]:
    return [steer(cluster, number).nodes[0] for number in range(POLICY.shards)]


WEST = [node(f"west-{number}") for number in range(4)]
EAST = [node(f"east-{number}", zone="east") for number in range(2)]


def test_the_own_zone_comes_first_and_another_is_always_named() -> None:
    for number in range(POLICY.shards):
        zones = [name.partition("-")[0] for name in steer(view(*WEST, *EAST), number).nodes]
        assert zones == ["west", "west", "west", "east"]


def test_the_answer_gives_addresses_and_a_reason() -> None:
    found = steer(view(node("pune", 310)))
    assert found.pathways[0].url == "http://pune.example"
    assert found.reason == "zone west: pune by hash, load 0.31"


def test_each_node_of_a_zone_owns_its_part_of_the_shards() -> None:
    assert Counter(owners(view(*WEST))) == dict.fromkeys((one.name for one in WEST), 4)
    large = replace(WEST[0], load=Report(1, Load(0, 0, 0, 3000, 100, 0), 0.0))
    assert Counter(owners(view(large, *WEST[1:])))["west-0"] == pytest.approx(8, abs=1)


def test_the_shards_of_a_node_that_dies_go_to_the_others_and_few_others_move() -> None:
    before = owners(view(*WEST))
    gone = node("west-0", status=Status.UNREACHABLE)
    after = owners(view(*WEST[1:], gone))
    assert "west-0" not in after
    stayed = [was == now for was, now in zip(before, after, strict=True) if was != "west-0"]
    assert stayed.count(False) <= 2


def test_a_change_says_its_reason_and_the_reason_stays_as_long_as_the_order() -> None:
    number = owners(view(*WEST)).index("west-0")
    before = steer(view(*WEST), number)
    after = steer(view(*WEST[1:], node("west-0", status=Status.UNREACHABLE)), number, previous=before)
    assert after.reason.endswith("; west-0 is unreachable")
    busier = [node(one.name, 90) for one in WEST[1:]]
    again = steer(view(*busier, node("west-0", status=Status.UNREACHABLE)), number, previous=after)
    assert (again.nodes, again.reason) == (after.nodes, after.reason)
    back = steer(view(*WEST), number, previous=again)
    assert back.nodes == before.nodes
    assert back.reason.endswith("gives the group to who owns it")


@pytest.mark.parametrize(
    "absent",
    [
        node("west-0", status=Status.SUSPECT),
        node("west-0", status=Status.UNREACHABLE),
        node("west-0", health=0),
        node("west-0", capacity=0),
    ],
)
def test_who_cannot_serve_is_left_out(absent: NodeView) -> None:
    assert "west-0" not in owners(view(*WEST[1:], absent))


def test_a_full_node_comes_last_and_comes_back_when_it_is_clearly_less_full() -> None:
    number = owners(view(*WEST)).index("west-0")
    others = [node(one.name, 900) for one in WEST[1:2]]
    full = steer(view(node("west-0", 1000), *others), number)
    assert full.nodes == ("west-1", "west-0")
    nearly = steer(view(node("west-0", 950), *others), number, previous=full)
    assert nearly.nodes == ("west-1", "west-0")
    well = steer(view(node("west-0", 850), *others), number, previous=nearly)
    assert well.nodes == ("west-0", "west-1")


def test_a_node_above_its_share_passes_on_some_of_its_shards_only() -> None:
    before = Counter(owners(view(*WEST)))["west-0"]
    hot = view(node("west-0", 600), *(node(one.name, 300) for one in WEST[1:]))
    assert 0 < Counter(owners(hot))["west-0"] <= before
    glowing = view(node("west-0", 990), *(node(one.name, 10) for one in WEST[1:]))
    assert Counter(owners(glowing))["west-0"] < before


def test_a_full_zone_spills_into_the_nearest_with_room() -> None:
    full = [node(f"west-{number}", 1000, region="coast") for number in range(2)]
    near = node("goa", zone="south", region="coast")
    far = node("delhi", zone="north", region="plain")
    found = steer(view(*full, far, near))
    assert found.nodes[:2] == ("goa", "delhi")
    assert found.reason.startswith("no room in zone west: goa")
    assert set(found.nodes[2:]) == {"west-0", "west-1"}


def test_of_zones_that_are_equally_far_the_one_with_the_shorter_way_comes_first() -> None:
    def linked(name: str, zone: str, rtt_s: float) -> NodeView:
        return replace(node(name, zone=zone), link=Link(rtt_s, 0.0))

    def far(found: Steering) -> tuple[str, ...]:
        return found.nodes[1:]

    first = steer(view(node("me"), linked("a", "a", 0.050), linked("b", "b", 0.010)))
    assert far(first) == ("b", "a")
    swapped = steer(
        view(node("me"), linked("a", "a", 0.017), linked("b", "b", 0.016)), previous=first
    )  # far from where they were
    trembling = steer(view(node("me"), linked("a", "a", 0.016), linked("b", "b", 0.017)), previous=swapped)
    assert far(swapped) == far(trembling)


def test_one_at_level_4_is_named_after_all_others_and_one_that_drains_if_there_is_none() -> None:
    assert steer(view(node("west-0", level=4), *EAST)).nodes[-1] == "west-0"
    assert steer(view(node("west-0", health=0))).nodes == ("west-0",)
    dead = node("west-0", status=Status.UNREACHABLE)
    assert SteeringTable(view(dead), POLICY).steer(Shard("west", 0)) is None


def test_shards_ask_at_their_own_pace_and_later_while_the_node_is_nearly_full() -> None:
    paces = {steer(view(*WEST), number).ttl_s for number in range(POLICY.shards)}
    assert len(paces) > 4
    calm = steer(view(*WEST)).ttl_s
    busy = steer(view(node("west-0", 850), *WEST[1:])).ttl_s
    assert busy == pytest.approx(2 * calm, abs=1)
    careful = steer(view(node("west-0", level=3), *WEST[1:])).ttl_s
    assert careful == pytest.approx(4 * calm, abs=2)


NODES = st.builds(
    lambda name, streams, zone, more: node(f"n{name:02}", streams, zone=zone, **more),
    st.integers(0, 12),
    st.integers(0, 2000),
    st.sampled_from(["west", "east", "south"]),
    st.fixed_dictionaries(
        {},
        optional={
            "status": st.sampled_from(list(Status)),
            "health": st.sampled_from([0, 50, 100]),
            "capacity": st.sampled_from([0, 500, 1000]),
            "level": st.integers(0, 4),
        },
    ),
)
VIEWS = st.lists(NODES, min_size=1, max_size=13, unique_by=lambda one: one.name).map(
    lambda nodes: view(*sorted(nodes, key=lambda one: one.name))
)
SHARDS = st.builds(Shard, st.sampled_from(["west", "east"]), st.integers(0, POLICY.shards - 1))


@given(VIEWS, SHARDS, st.none() | VIEWS)
def test_a_living_node_is_named_while_one_lives(
    cluster: ClusterView, shard: Shard, earlier: ClusterView | None
) -> None:
    previous = SteeringTable(earlier, POLICY).steer(shard) if earlier else None
    living = {one.name for one in cluster.alive if one.load and one.load.value.capacity}
    found = SteeringTable(cluster, POLICY).steer(shard, previous)
    assert (found is None) == (not living)
    if found:
        assert set(found.nodes) <= living
        assert 0 < len(set(found.nodes)) == len(found.nodes) <= POLICY.pathways
        assert found.reason
        able = {one.name for one in cluster.nodes if one.takes_viewers}
        assert set(found.nodes) <= able or not able


@given(VIEWS, SHARDS, st.none() | VIEWS)
def test_equal_views_give_equal_answers(
    cluster: ClusterView, shard: Shard, earlier: ClusterView | None
) -> None:
    previous = SteeringTable(earlier, POLICY).steer(shard) if earlier else None
    again = replace(cluster, version=cluster.version + 1)
    assert SteeringTable(cluster, POLICY).steer(shard, previous) == SteeringTable(again, POLICY).steer(
        shard, previous
    )


@given(VIEWS, SHARDS)
def test_an_answer_to_an_unchanged_view_is_the_same_again(cluster: ClusterView, shard: Shard) -> None:
    table = SteeringTable(cluster, POLICY)
    first = table.steer(shard)
    second = table.steer(shard, first)
    assert (second and second.nodes) == (first and first.nodes)


@given(VIEWS, SHARDS, st.integers(1, 3600), st.integers(1, 3600))
def test_the_time_between_two_questions_has_bounds(
    cluster: ClusterView, shard: Shard, ttl_s: int, ttl_max_s: int
) -> None:
    policy = SteeringPolicy(ttl_s=ttl_s, ttl_max_s=ttl_max_s)
    found = SteeringTable(cluster, policy).ttl_s(shard)
    assert max(1, int(0.75 * ttl_s)) <= found <= max(ttl_max_s, 1 + int(1.25 * ttl_s))
