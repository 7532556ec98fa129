"""Whether there is room for what is scheduled."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.decide.demand import BUDGET_LEAST, budget_factor, by_zone, needed, room_of, shares, verdict
from edge.decide.scheduled import Scheduled
from edge.model import Load, Member, Status
from edge.state.reports import Report
from edge.state.view import ClusterView, NodeView

FINAL = Scheduled("final", 0, 25_000_000, 1_100_000)


def node(name: str, zone: str, capacity: int = 100_000, status: Status = Status.ALIVE) -> NodeView:
    member = Member(name, 1, status, "10.0.0.1", 1, public="http://10.0.0.1", zone=zone)
    return NodeView(member, Report(1, Load(0, 0, 0, capacity, 100, 0), 0.0))


def cluster(**zones: int) -> ClusterView:
    nodes = [node(f"{zone}-{number}", zone) for zone, count in zones.items() for number in range(count)]
    return ClusterView(1, nodes[0].name, tuple(nodes))


def test_the_ladder_formula() -> None:
    assert needed(FINAL, 5) == 30_500_000
    assert needed(replace(FINAL, growth_per_minute=0), 5) == 25_000_000


def test_a_verdict_says_how_many_nodes_are_lacking() -> None:
    room = room_of(cluster(mumbai=284), 1.0)
    assert verdict(30_500_000, room, 1.0).text == "short by 2.1 M streams: add 21 nodes of 100,000"
    assert verdict(28_400_001, room, 1.0).text == "short by 1 streams: add 1 node of 100,000"
    assert verdict(28_000_000, room, 1.0).text == "enough: 400.0 K streams to spare"


def test_only_the_safe_part_of_a_capacity_counts() -> None:
    found = verdict(1_000_000, room_of(cluster(mumbai=10), 0.9), 0.9)
    assert (found.safe, found.short, found.add) == (900_000, 100_000, 2)


def test_who_is_not_alive_or_takes_no_viewers_carries_nothing() -> None:
    silent = NodeView(Member("d", 1, Status.ALIVE, "10.0.0.1", 1, public="http://10.0.0.1", zone="mumbai"))
    nodes = (
        node("a", "mumbai"),
        node("b", "mumbai", status=Status.SUSPECT),
        node("c", "mumbai", capacity=0),
        silent,
    )
    room = room_of(ClusterView(1, "a", nodes), 1.0)
    assert (room.streams, room.nodes) == (100_000, 1)


def test_without_any_node_the_verdict_says_so() -> None:
    room = room_of(ClusterView(1, "a", ()), 0.9)
    assert verdict(10, room, 0.9).text == "short by 10 streams: no living node takes viewers"


def test_zones_that_are_not_named_share_what_is_left() -> None:
    event = replace(FINAL, zones={"mumbai": 0.4})
    assert shares(event, room_of(cluster(mumbai=2, delhi=3, pune=1), 1.0)) == pytest.approx(
        {"mumbai": 0.4, "delhi": 0.45, "pune": 0.15}
    )


def test_a_zone_may_be_short_where_the_cluster_is_not() -> None:
    event = replace(FINAL, peak=400_000, growth_per_minute=0, zones={"mumbai": 0.9})
    found = by_zone([event], room_of(cluster(mumbai=2, delhi=8), 1.0), 5, 1.0)
    assert found["mumbai"].text == "short by 160.0 K streams: add 2 nodes of 100,000"
    assert not found["delhi"].short


def test_a_zone_without_a_node_is_short_of_usual_ones() -> None:
    event = replace(FINAL, peak=100_000, growth_per_minute=0, zones={"pune": 1.0})
    assert by_zone([event], room_of(cluster(delhi=8), 1.0), 5, 1.0)["pune"].add == 1


ZONES = st.dictionaries(st.sampled_from(["mumbai", "delhi", "pune", "agra"]), st.integers(1, 9), min_size=1)


@given(ZONES, st.dictionaries(st.sampled_from(["mumbai", "delhi"]), st.floats(0.01, 0.5)))
def test_shares_make_a_whole_and_budgets_are_only_moved(
    zones: dict[str, int], given: dict[str, float]
) -> None:
    room = room_of(cluster(**zones), 1.0)
    event = replace(FINAL, zones=given)
    found = shares(event, room)
    if not set(zones) <= set(given):
        assert math.isclose(sum(found.values()), 1)
    budget = sum(count * budget_factor([event], room, zone) for zone, count in zones.items())
    assert budget <= sum(zones.values()) * (1 + BUDGET_LEAST) + 1e-6


@given(ZONES, st.integers(0, 10**7), st.floats(0.1, 1))
def test_as_many_nodes_as_a_verdict_wants_are_enough(zones: dict[str, int], peak: int, safe: float) -> None:
    found = verdict(peak, room_of(cluster(**zones), safe), safe)
    zones = {**zones, "new": found.add} if found.add else zones
    # whole streams are counted, so one may be lacking
    assert verdict(peak, room_of(cluster(**zones), safe), safe).short <= 1


def test_a_node_of_a_zone_with_twice_its_part_of_the_viewers_fetches_twice_as_much() -> None:
    room = room_of(cluster(mumbai=5, delhi=5), 1.0)
    event = replace(FINAL, zones={"mumbai": 1.0})
    assert (budget_factor([event], room, "mumbai"), budget_factor([event], room, "delhi")) == (2.0, 0.25)
    assert budget_factor([], room, "mumbai") == 1.0
