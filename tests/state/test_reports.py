import random

from hypothesis import given
from hypothesis import strategies as st

from edge.model import Load
from edge.state.reports import Report, ReportTable
from edge.wire.messages import LoadRow

LOAD = Load(1, 2, 3, 4, 5, 6)

reports = st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 50)), max_size=30)


def table(told: list[tuple[str, int]]) -> ReportTable[int]:
    made: ReportTable[int] = ReportTable(100)
    for node, seq in told:
        made.put(node, Report(seq, value=seq, at=0.0))
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


@given(reports)
def test_news_is_what_is_newer_than_what_is_held(told: list[tuple[str, int]]) -> None:
    made = table(told)
    rows = [LoadRow(node, version, LOAD) for node, version in told] + [
        LoadRow("c", 1, LOAD),
        LoadRow("a", 51, LOAD),
    ]
    news = made.news(rows)
    assert [row for row in news if row.version <= 50] == [rows[-2]]
    assert rows[-1] in news


def test_what_is_forgotten_is_gone() -> None:
    made = table([("a", 1)])
    made.forget("a")
    made.forget("never known")
    assert made.get("a") is None
    assert len(made) == 0


def test_what_an_earlier_process_reported_is_forgotten_by_version() -> None:
    made = table([("a", 40), ("b", 60)])
    for node in "abc":
        made.forget(node, before=50)
    assert made.nodes() == ["b"]


def test_a_full_table_takes_news_but_no_further_node() -> None:
    made: ReportTable[int] = ReportTable(1)
    assert made.put("a", Report(1, 1, 0.0))
    assert not made.put("b", Report(1, 1, 0.0))
    assert made.put("a", Report(2, 2, 0.0))
