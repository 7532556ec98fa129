"""Caps: from what players see to what they may watch."""

from hypothesis import given
from hypothesis import strategies as st

from edge.decide.quality import (
    NO_CAP,
    PATIENCE_MAX,
    SETTLE_S,
    Cap,
    CapPolicy,
    Seen,
    Standing,
    agreed,
    cap_of,
    propose,
    seen,
)
from edge.model import Member, PlaceQuality, Status, incarnation_of
from edge.state.reports import Report
from edge.state.view import ClusterView, NodeView

LADDER = (300, 700, 1500, 3000, 6000, 16000)
POLICY = CapPolicy(ladder_kbps=LADDER, stalls_high=0.03, stalls_low=0.01, hold_s=30)
BAD = Seen(sessions=100, kbps=2400, reach_kbps=2000, stalls=0.1)
WELL = BAD._replace(stalls=0.0, reach_kbps=20_000)


def place(isp: str = "", sessions: int = 100, stalls: int = 0, cap: int = 0, **more: int) -> PlaceQuality:
    rates = {"kbps": 2400, "reach_kbps": 2000} | more
    return PlaceQuality("mumbai", isp, sessions, stalls=stalls, cap_kbps=cap, **rates)


def view(*told: tuple[PlaceQuality, ...], at: float = 0.0, status: Status = Status.ALIVE) -> ClusterView:
    nodes = [
        NodeView(
            Member(f"edge-{number}", incarnation_of(1), status, "10.0.0.1", 7700), quality=Report(1, one, at)
        )
        for number, one in enumerate(told)
    ]
    return ClusterView(1, "edge-0", tuple(nodes))


def test_what_nodes_see_is_weighted_by_their_sessions() -> None:
    found = seen(view((place(stalls=100, sessions=30),), (place(sessions=90, reach_kbps=4000),)), 1.0)
    assert found == {("mumbai", ""): Seen(120, 2400, 4000, 0.025)}


def test_what_is_old_or_of_a_node_that_is_not_alive_does_not_count() -> None:
    assert seen(view((place(),)), 31.0) == {}
    assert seen(view((place(),), status=Status.SUSPECT), 1.0) == {}


def test_trouble_caps_at_once_to_what_the_throughput_bears() -> None:
    found = propose(Standing(), BAD, POLICY, 5.0)
    assert (found.cap_kbps, found.since) == (1500, 5.0)
    assert found.reason == "10.0% of requests come from players that ran dry, of 100 sessions"
    assert (
        propose(Standing(), BAD._replace(reach_kbps=0), POLICY, 5.0).cap_kbps == 1500
    )  # below what is watched
    assert propose(Standing(), BAD._replace(reach_kbps=0, kbps=0), POLICY, 5.0).cap_kbps == 6000
    assert (
        propose(Standing(), BAD._replace(reach_kbps=100), POLICY, 5.0).cap_kbps == 300
    )  # never below the lowest


def test_each_step_down_waits_until_players_have_followed_the_last() -> None:
    capped = Standing(1500, since=0.0)
    bad = BAD._replace(kbps=1200)
    assert propose(capped, bad, POLICY, SETTLE_S - 0.1).cap_kbps == 1500
    assert propose(capped, bad, POLICY, SETTLE_S).cap_kbps == 700
    assert propose(Standing(300, since=0.0), bad, POLICY, 100.0).cap_kbps == 300


def test_a_cap_is_eased_rung_by_rung_after_all_was_well_for_long() -> None:
    standing, caps, now = Standing(1500, since=0.0), list[int](), 0.0
    while standing.cap_kbps and now < 1000:
        caps += [] if caps and caps[-1] == standing.cap_kbps else [standing.cap_kbps]
        now += 1
        standing = propose(standing, WELL, POLICY, now)
    assert caps == [1500, 3000, 6000]
    assert 90 <= now <= 95
    assert standing.cap_kbps == NO_CAP


def test_it_is_not_eased_to_what_the_throughput_does_not_bear() -> None:
    standing = Standing(1500, since=0.0, well_since=0.0)
    assert propose(standing, WELL._replace(reach_kbps=3000), POLICY, 500.0).cap_kbps == 1500
    assert propose(standing, None, POLICY, 500.0).cap_kbps == 3000  # nobody tells of the place any more


def test_easing_that_brings_trouble_back_makes_patient() -> None:
    standing, now, waits = Standing(1500, since=0.0), 0.0, []
    for _ in range(5):
        begun = now
        while standing.cap_kbps == 1500:
            now += 1
            standing = propose(standing, WELL, POLICY, now)
        waits.append(round(now - begun - 1))
        now += 20
        standing = propose(standing, BAD, POLICY, now)
    assert waits == [30, 60, 120, 240, 240]
    assert standing.patience == PATIENCE_MAX


def test_what_lies_between_good_and_bad_changes_nothing() -> None:
    between = BAD._replace(stalls=0.02)
    assert propose(Standing(), between, POLICY, 5.0).cap_kbps == NO_CAP
    standing = propose(Standing(1500, since=0.0, well_since=0.0), between, POLICY, 100.0)
    assert (standing.cap_kbps, standing.well_since) == (1500, None)


def test_the_cap_is_what_more_than_half_of_the_nodes_propose() -> None:
    def cap(*proposed: int) -> Cap:
        return agreed(view(*((place(cap=one),) for one in proposed)), 1.0)["mumbai", ""]

    assert cap(1500) == Cap(1500, 1, 1)
    assert cap(1500, 0) == Cap(None, 2, 2)
    assert cap(1500, 700, 0) == Cap(1500, 2, 3)
    assert cap(0, 0, 300) == Cap(None, 3, 3)


def test_a_viewer_gets_the_cap_of_his_provider_where_that_is_known() -> None:
    caps = agreed(view((place(cap=1500), place("bsnl", cap=700), place("jio"))), 1.0)
    assert cap_of(caps, "mumbai", "bsnl") == 700
    assert cap_of(caps, "mumbai", "jio") is None
    assert cap_of(caps, "mumbai", "airtel") == 1500
    assert cap_of(caps, "mumbai", "") == 1500
    assert cap_of(caps, "pune", "bsnl") is None


@given(st.lists(st.sampled_from([0, *LADDER]), min_size=1, max_size=9), st.randoms(use_true_random=False))
def test_equal_proposals_in_any_order_give_equal_caps(proposed: list[int], chance: object) -> None:
    rows = [(place(cap=one),) for one in proposed]
    assert agreed(view(*rows), 1.0) == agreed(view(*reversed(rows)), 1.0)


sights = st.builds(
    Seen,
    st.integers(1, 10_000),
    st.floats(0, 20_000),
    st.floats(0, 50_000),
    st.sampled_from([0.0, 0.02, 0.2]),
)


@given(st.lists(st.none() | sights, max_size=60))
def test_a_cap_is_always_a_rung_and_rises_no_faster_than_the_hold(course: list[Seen | None]) -> None:
    standing = Standing()
    for second, found in enumerate(course):
        after = propose(standing, found, POLICY, float(second))
        assert after.cap_kbps in (NO_CAP, *LADDER)
        eased = standing.cap_kbps and (after.cap_kbps or 10**9) > standing.cap_kbps
        assert not eased or second - standing.since >= POLICY.hold_s
        standing = after
