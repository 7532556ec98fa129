"""What a node can say of its load, after what it said before: honest counts always can, and swings cannot."""

from hypothesis import given
from hypothesis import strategies as st

from edge.gossip.plausible import JUMP, LOOK_S, OUTLIER, Claims, usual_capacity
from edge.gossip.reputation import Fault
from edge.model import REPORT_STEPS_PER_S, Load
from edge.state.reports import Report
from edge.state.traffic import Viewers

USUAL = 1000.0


def report(at: float, streams: int, capacity: int = 1000) -> Report[Load]:
    return Report(int(at * REPORT_STEPS_PER_S), Load(streams, 0, 0, capacity, 100, 0), at)


def faults(streams: list[int], step_s: float = LOOK_S) -> list[Fault]:
    claims = Claims(0.0)
    found = [claims.take(report(number * step_s, one), USUAL) for number, one in enumerate(streams)]
    return [one for one in found if one]


@given(st.lists(st.lists(st.integers(0, 400), max_size=60), min_size=2, max_size=60))
def test_whoever_counts_viewers_never_swings(asked: list[list[int]]) -> None:
    """Each half second some viewers ask, whoever they are; what the node counts then is what it tells."""
    viewers, claims = Viewers(), Claims(0.0)
    for step, names in enumerate(asked):
        now = step * LOOK_S
        for name in names:
            viewers.see(str(name), now)
        assert claims.take(report(now, viewers.count(now)), USUAL) is None


def test_who_swings_is_seen_at_the_first_fall() -> None:
    assert faults([0, 0, 500, 500, 0]) == [Fault.SWING]
    assert len(faults([0, 500, 0, 500, 0, 500, 0])) == 3


def test_viewers_who_have_been_there_for_long_may_all_leave_at_once() -> None:
    assert not faults([500] * 30 + [0] * 5)


def test_a_capacity_may_shrink_and_grow_back_but_not_beyond_what_it_was() -> None:
    claims = Claims(0.0)
    said = [1000, 50, 1000, 1000 * JUMP + 1, 1000]
    found = [claims.take(report(float(number), 10, one), USUAL) for number, one in enumerate(said)]
    assert found == [None, None, None, Fault.CAPACITY, None]
    assert claims.capacity == 1000


def test_a_large_node_is_one_and_a_huge_one_is_not() -> None:
    assert Claims(0.0).take(report(0.0, 0, int(USUAL) * OUTLIER), USUAL) is None
    assert Claims(0.0).take(report(0.0, 0, int(USUAL) * OUTLIER + 1), USUAL) is Fault.CAPACITY


def test_few_capacities_make_nothing_usual() -> None:
    assert usual_capacity([10, 0, 10, 10]) == 0
    assert usual_capacity([10, 10, 10, 1000]) == 10
