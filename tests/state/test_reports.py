import random

from hypothesis import given
from hypothesis import strategies as st

from edge.state.reports import Report, ReportTable

reports = st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 50)), max_size=30)


def table(told: list[tuple[str, int]]) -> ReportTable[int]:
    made: ReportTable[int] = ReportTable()
    for node, seq in told:
        made.put(node, Report(epoch=1, seq=seq, value=seq, at=0.0))
    return made


@given(reports, st.randoms(use_true_random=False))
def test_in_whatever_order_and_how_often_reports_come_the_newest_stays(
    told: list[tuple[str, int]], rng: random.Random
) -> None:
    again = told + told
    rng.shuffle(again)
    for node in "ab":
        assert table(told).get(node) == table(again).get(node)
        newest = max((seq for one, seq in told if one == node), default=None)
        held = table(told).get(node)
        assert (held.value if held else None) == newest


def test_another_process_of_the_node_begins_anew() -> None:
    made = table([("a", 40)])
    assert made.put("a", Report(epoch=2, seq=1, value=1, at=1.0))
    assert not made.put("a", Report(epoch=2, seq=1, value=9, at=2.0))
    held = made.get("a")
    assert held is not None
    assert held.value == 1


def test_what_is_forgotten_is_gone() -> None:
    made = table([("a", 1)])
    made.forget("a")
    made.forget("never known")
    assert made.get("a") is None
    assert len(made) == 0
