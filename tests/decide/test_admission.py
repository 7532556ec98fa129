"""Admission: who is let in as nodes fill up, alone and with a whole crowd."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decide.crowds import Crowd
from edge.decide.admission import (
    Priority,
    Session,
    admits,
    elsewhere,
    limit_of,
    retry_after_s,
    room_of,
)
from edge.decide.safeload import Limits, SafeLoad, safe_load
from edge.model import Load, Member, Status, incarnation_of
from edge.state.reports import Report
from edge.state.view import ClusterView, NodeView

HOUR_S = 60  # an hour of a match takes a minute here
SEED_FINAL = (15, 20, 18, 25)  # multiples of the base, by hour
BASE_SHARE = 0.05  # of a node's capacity: 5,000 of 100,000 streams
NEW = Session(known=False)


def seed_final(second: float) -> float:
    """Viewers over capacity: the final of four hours, whose last one asks for 125%."""
    hour, rest = divmod(second / HOUR_S, 1)
    now = SEED_FINAL[min(3, int(hour))]
    before = SEED_FINAL[int(hour) - 1] if hour else 0
    return BASE_SHARE * (
        before + (now - before) * min(1.0, 4 * rest)
    )  # each hour's change takes a quarter of it


def star_out_audience_stays(second: float) -> float:
    """Viewers over capacity: they rise to the end, the fall of a star changes nothing."""
    return 0.5 + 0.45 * second / (4 * HOUR_S)


@pytest.mark.parametrize("nodes", [3, 12])
def test_seed_final_refuses_new_sessions_and_cuts_nobody_off(nodes: int) -> None:
    crowd = Crowd(nodes, 1000)
    crowd.run(lambda second: 1000 * nodes * seed_final(second), 3 * HOUR_S)
    assert crowd.refused < 0.01 * crowd.peak  # the second hour fills the cluster to the brim
    refused = crowd.refused
    crowd.run(lambda second: 1000 * nodes * seed_final(second + 3 * HOUR_S), HOUR_S)
    assert crowd.over <= 0
    assert crowd.cut_off == 0
    assert crowd.peak >= 0.99 * 1000 * nodes  # what there is, is used
    assert crowd.refused - refused > 0.2 * 1000 * nodes  # those of the last hour for whom there is no room


def test_star_out_audience_stays_sheds_nobody() -> None:
    crowd = Crowd(8, 1000)
    crowd.run(lambda second: 8000 * star_out_audience_stays(second), 4 * HOUR_S)
    assert (crowd.refused, crowd.cut_off) == (0, 0)
    assert crowd.peak >= 7580  # in whole viewers


def test_a_flash_crowd_is_taken_in_up_to_the_limit_and_not_beyond() -> None:
    crowd = Crowd(4, 500)
    crowd.run(lambda _: 5000, 30)
    assert crowd.over <= 0
    assert crowd.peak == 2000


def test_as_a_node_fills_up_vod_goes_first_and_live_last() -> None:
    admitted = {
        one: sum(
            admits(replace(NEW, priority=one), viewers, 100, limit_of(one, 1.0)) for viewers in range(200)
        )
        for one in Priority
    }
    assert admitted == {Priority.LIVE: 100, Priority.DVR: 95, Priority.VOD: 90}


def test_in_monsoon_mode_the_limit_is_lower() -> None:
    assert limit_of(Priority.LIVE, 1.0, level=2) == 1.0
    assert limit_of(Priority.LIVE, 1.0, level=3) == 0.9
    assert limit_of(Priority.VOD, 0.5, level=3) == 0.45


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.floats(0, 2), st.sampled_from(Priority))
def test_who_watches_is_never_turned_away(viewers: int, capacity: int, limit: float, one: Priority) -> None:
    assert admits(Session(known=True, priority=one), viewers, capacity, limit)


@given(st.integers(0, 2000), st.integers(0, 1000), st.floats(0.1, 1.0))
def test_nobody_new_is_let_in_beyond_the_limit(viewers: int, capacity: int, limit: float) -> None:
    if admits(NEW, viewers, capacity, limit):
        assert viewers + 1 <= limit * capacity


def test_a_crowd_that_is_refused_does_not_come_back_as_one() -> None:
    rng = random.Random(1)
    told = [retry_after_s(10, rng) for _ in range(1000)]
    assert (min(told), max(told)) == (10, 20)
    assert max(told.count(one) for one in told) < 150


def node(name: str, streams: int, *, level: int = 0, status: Status = Status.ALIVE) -> NodeView:
    member = Member(name, incarnation_of(1), status, "10.0.0.1", 7700, public="http://x")
    return NodeView(member, Report(1, Load(streams, 0, 0, 100, 100, 0, level), 0.0))


def test_elsewhere_is_where_others_are_alive_well_and_have_room() -> None:
    nodes = (
        node("a", 0),  # the one that asks
        node("b", 99),
        node("c", 100),
        node("d", 0, status=Status.SUSPECT),  # as all are that a cut has taken away
        node("e", 0, level=4),
        node("f", 90, level=3),
        node("g", 80, level=3),
    )
    view = ClusterView(1, "a", nodes)
    assert [one.name for one in elsewhere(view, {}, 1.0).nodes] == ["b", "g"]
    assert [one.name for one in elsewhere(view, {"b": 1, "g": 5}, 1.0).nodes] == ["g"]
    assert room_of(NodeView(node("x", 0).member), 0, 1.0)  # it has told nothing yet


LIMITS = Limits(streams=1000, kbps=1_000_000, lag_s=0.25)
BUSY = Load(400, 400_000, 400, 1000, 100, 0)
HEAVY = Load(400, 800_000, 400, 1000, 100, 0)


@pytest.mark.parametrize(
    ("load", "lag_s", "found"),
    [
        (BUSY, 0.0, SafeLoad(1000, "streams")),
        (HEAVY, 0.0, SafeLoad(500, "bandwidth")),
        (HEAVY, 0.25, SafeLoad(400, "lag")),
        (BUSY, 0.25, SafeLoad(400, "lag")),
        (Load(3, 3000, 3, 1000, 100, 0), 0.5, SafeLoad(100, "lag")),  # too few to blame them
        (Load(0, 50_000, 0, 1000, 100, 0), 0.5, SafeLoad(1000, "streams")),
        (Load(1, 9_000_000, 1, 1000, 100, 0), 0.0, SafeLoad(1, "bandwidth")),
    ],
)
def test_the_safe_load_is_what_binds_first(load: Load, lag_s: float, found: SafeLoad) -> None:
    assert safe_load(load, lag_s, LIMITS) == found


def test_a_node_for_no_viewers_stays_so_and_an_unknown_bandwidth_binds_nobody() -> None:
    assert safe_load(BUSY, 1.0, Limits(streams=0)).capacity == 0
    assert safe_load(BUSY, 0.0, Limits(streams=1000)) == SafeLoad(1000, "streams")


@given(st.integers(0, 5000), st.integers(0, 10**7), st.floats(0, 3))
def test_it_is_never_more_than_the_node_is_made_for_nor_nothing(
    streams: int, kbps: int, lag_s: float
) -> None:
    assert 1 <= safe_load(Load(streams, kbps, 0, 1000, 100, 0), lag_s, LIMITS).capacity <= 1000
