"""Signals out of a view, levels of zones, and what a level means."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config import MonsoonConfig
from edge.decide.measures import REFUSALS, SAFE_LOAD, Asked, Measures, measures_of, refusal
from edge.decide.signals import Local, Side, Signals, ZoneLevel, observe, zone_levels
from edge.model import Load, Member, Status, incarnation_of
from edge.state.reports import Report
from edge.state.view import ClusterView, Link, NodeView, Partition

CONFIG = MonsoonConfig(ladder_kbps=800, stale_s=900)


def node(
    name: str, zone: str, load: tuple[int, int] = (0, 100), level: int = 0, loss: float | None = None
) -> NodeView:
    """`load` is viewers and capacity."""
    member = Member(name, incarnation_of(1), Status.ALIVE, "10.0.0.1", 7700, zone=zone)
    report = Report(1, Load(load[0], 0, 0, load[1], 100, 0, level), 0.0)
    return NodeView(member, report, link=None if loss is None else Link(0.01, loss))


def dead(one: NodeView) -> NodeView:
    member = one.member
    gone = Member(
        member.name, member.incarnation, Status.UNREACHABLE, member.host, member.port, zone=member.zone
    )
    return replace(one, member=gone)


def view(*nodes: NodeView, partition: Partition | None = None) -> ClusterView:
    return ClusterView(1, "a", nodes, partition)


def test_a_whole_cluster_in_good_health_gives_the_signals_of_a_good_day() -> None:
    cluster = view(node("a", "west"), node("b", "west", loss=0.0), node("c", "east", loss=0.0))
    assert observe(cluster, Local()) == Signals()
    assert observe(view(), Local()) == Signals()  # before the own record is there


def test_quality_is_the_share_of_own_probes_that_are_answered() -> None:
    assert observe(view(node("a", "west")), Local(answered=0.7)).quality == 0.7


def test_load_is_that_of_the_node_and_that_of_its_zone() -> None:
    cluster = view(
        node("a", "west", (90, 100)),
        node("b", "west", (30, 100)),
        dead(node("c", "west", (500, 500))),
        node("d", "west", (70, 0)),  # made for no viewers
        node("e", "east", (100, 100)),
    )
    seen = observe(cluster, Local())
    assert (seen.node_load, seen.zone_load) == (0.9, 0.6)


@pytest.mark.parametrize(("majority", "side"), [(True, Side.MAJORITY), (False, Side.MINORITY)])
def test_a_partition_tells_side_and_lost_share(majority: bool, side: Side) -> None:
    cut = Partition("a-1", 0.0, ("a",), ("b", "c", "d"), (("east", 3),), True, majority)
    seen = observe(view(node("a", "west"), partition=cut), Local(0.5, 0.2))
    assert seen == Signals(side=side, lost_share=0.75, origin_failures=0.5, lag_s=0.2)


def test_a_zone_is_at_the_level_that_more_than_half_of_its_nodes_have_reached() -> None:
    levels = {"one": [3], "two": [0, 4], "three": [2, 2, 4], "four": [0, 2, 2, 2], "even": [0, 0, 2, 2]}
    nodes = [
        node(f"{zone}-{number}", zone, level=level)
        for zone, found in levels.items()
        for number, level in enumerate(found)
    ]
    found = {one.zone: (one.level, one.nodes) for one in zone_levels(view(*nodes))}
    assert found == {"one": (3, 1), "two": (0, 2), "three": (2, 3), "four": (2, 4), "even": (0, 4)}


def test_nodes_that_are_not_reached_say_nothing_of_their_zone() -> None:
    cluster = view(node("a", "west", level=1), dead(node("b", "west", level=4)), dead(node("c", "east")))
    assert zone_levels(cluster) == (ZoneLevel("west", 1, 1),)


@given(st.lists(st.integers(0, 4), min_size=3, max_size=9), st.integers(0, 4), st.integers(0, 8))
def test_one_odd_node_does_not_move_a_zone_that_agrees(levels: list[int], odd: int, place: int) -> None:
    agreed = [levels[0]] * len(levels)
    agreed[place % len(agreed)] = odd
    nodes = [node(str(number), "west", level=level) for number, level in enumerate(agreed)]
    assert zone_levels(view(*nodes))[0].level == levels[0]


def test_each_level_adds_to_the_one_below() -> None:
    assert measures_of(0, CONFIG) == Measures()
    assert measures_of(1, CONFIG) == Measures(level=1, cap_kbps=800, wide_prefetch=True)
    assert measures_of(2, CONFIG) == Measures(
        level=2,
        cap_kbps=800,
        wide_prefetch=True,
        stale_s=900,
        ttl_factor=4,
        retain_popular=True,
        popular_factor=4,
        cross_zone_fills=False,
        backup_channel=True,
    )
    assert measures_of(3, CONFIG) == replace(
        measures_of(2, CONFIG),
        level=3,
        cap_kbps=400,
        shed_recorded=True,
        session_load_max=SAFE_LOAD,
        retry_after_s=5,
    )
    assert measures_of(4, CONFIG) == replace(
        measures_of(3, CONFIG), level=4, cached_only=True, retry_after_s=10
    )


def test_only_from_level_3_on_is_anybody_refused() -> None:
    assert [measures_of(level, CONFIG).admits_all for level in range(5)] == [True, True, True, False, False]
    assert all(
        one.default is not None or one.name in ("cap_kbps", "session_load_max") for one in fields(Measures)
    )


LIVE = Asked(playlist=False, live=True, cached=False, known=True, load=0.5)


@pytest.mark.parametrize(
    ("asked", "at_3", "at_4"),
    [
        (LIVE, "", "uncached"),
        (replace(LIVE, cached=True), "", ""),
        (replace(LIVE, playlist=True), "", ""),
        (replace(LIVE, live=False), "recorded", "recorded"),
        (replace(LIVE, live=False, cached=True), "recorded", "recorded"),
        (replace(LIVE, live=False, playlist=True), "recorded", "recorded"),
        (replace(LIVE, playlist=True, known=False), "", ""),
        (replace(LIVE, playlist=True, known=False, load=SAFE_LOAD), "session", "session"),
        (replace(LIVE, known=False, load=2.0), "", "uncached"),
        (replace(LIVE, playlist=True, load=2.0), "", ""),
    ],
)
def test_who_is_refused(asked: Asked, at_3: str, at_4: str) -> None:
    assert refusal(measures_of(2, CONFIG), asked) == ""
    assert refusal(measures_of(3, CONFIG), asked) == at_3
    assert refusal(measures_of(4, CONFIG), asked) == at_4


@given(st.integers(0, 4), st.builds(Asked, load=st.floats(0, 5)))
def test_what_a_level_refuses_the_next_one_does_too(level: int, asked: Asked) -> None:
    reason = refusal(measures_of(level, CONFIG), asked)
    assert not reason or reason in REFUSALS
    if level < 4 and reason:
        assert refusal(measures_of(level + 1, CONFIG), asked)
