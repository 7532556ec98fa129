"""What the cluster watches, from what its nodes tell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.decide.popularity import FADE_S, SILENT_AFTER_S, TRENDS_MAX, Popularity, picture, stream_of
from edge.model import HotSegment, Member, Status, TopSegments
from edge.state.reports import Report, ReportTable
from edge.state.view import ClusterView, NodeView

NOW = 1000.0


def node(name: str, told: dict[str, float], zone: str = "", **more: object) -> NodeView:
    """One that has told its list just now; `at`, `status`, `region` and `lang` say otherwise."""
    at, status, lang = more.get("at", NOW), more.get("status", Status.ALIVE), more.get("lang", "")
    assert isinstance(at, float)
    assert isinstance(status, Status)
    tags = {"lang": str(lang)} if lang else {}
    region = str(more.get("region", ""))
    made = Member(name, 1, status, "10.0.0.1", 1, zone=zone or name, region=region, tags=tags)
    return NodeView(made, top=Report(1, tuple(HotSegment(*one) for one in told.items()), at))


def view(*nodes: NodeView) -> ClusterView:
    """As the first of them holds it."""
    return ClusterView(1, nodes[0].name, tuple(sorted(nodes, key=lambda one: one.name)))


def rates(*nodes: NodeView) -> dict[str, float]:
    return {one.path: one.rate for one in picture(view(*nodes), NOW).trends}


def scores(*nodes: NodeView, prefer: tuple[str, ...] = ()) -> dict[str, float]:
    return {one.path: one.score for one in picture(view(*nodes), NOW, prefer).trends}


def test_rates_of_a_path_are_summed_over_nodes_and_zones() -> None:
    cluster = (
        node("a", {"/1": 10.0, "/2": 4.0}, zone="west"),
        node("b", {"/1": 5.0}, zone="west"),
        node("c", {"/1": 1.0, "/3": 2.0}, zone="north"),
    )
    first, *others = picture(view(*cluster), NOW).trends
    assert (first.path, first.rate, first.nodes) == ("/1", 16.0, ("a", "b", "c"))
    assert first.zones == (("north", 1.0), ("west", 15.0))
    assert {one.path for one in others} == {"/2", "/3"}


def test_of_a_node_the_freshest_list_counts_once_however_it_came() -> None:
    """What is told on by others is the same list, and an older one may come later."""
    held = ReportTable[TopSegments](8)
    for version, rate in ((2, 3.0), (1, 9.0), (2, 3.0)):
        held.put("a", Report(version, (HotSegment("/1", rate),), NOW))
    told = NodeView(Member("a", 1, Status.ALIVE, "10.0.0.1", 1), top=held.get("a"))
    assert rates(told) == {"/1": 3.0}


def test_who_is_unreachable_or_gone_counts_no_more_and_who_is_cut_off_does_until_then() -> None:
    here = node("a", {"/1": 1.0})
    assert rates(here, node("b", {"/1": 2.0}, status=Status.SUSPECT)) == {"/1": 3.0}
    for status in (Status.UNREACHABLE, Status.LEFT):
        assert rates(here, node("b", {"/1": 2.0}, status=status)) == {"/1": 1.0}


def test_who_is_silent_fades() -> None:
    def held(silent_s: float) -> float:
        told = picture(view(node("a", {}), node("b", {"/1": 8.0}, at=NOW - silent_s)), NOW).trends
        return told[0].rate if told else 0.0

    assert held(SILENT_AFTER_S) == 8.0
    assert held(SILENT_AFTER_S + FADE_S) == pytest.approx(8.0 / 2.71828, rel=0.001)
    assert held(SILENT_AFTER_S + 5 * FADE_S) == 0.0
    assert [held(age) for age in range(60)] == sorted((held(age) for age in range(60)), reverse=True)


def test_what_is_near_weighs_more() -> None:
    me = node("a", {}, zone="pune", region="west")
    found = scores(
        me,
        node("b", {"/zone": 8.0}, zone="pune"),
        node("c", {"/region": 8.0}, zone="mumbai", region="west"),
        node("d", {"/far": 8.0}, zone="delhi", region="north"),
    )
    assert found == {"/zone": 8.0, "/region": 4.0, "/far": 2.0}
    assert list(found) == ["/zone", "/region", "/far"]


def test_zones_that_share_a_language_are_akin() -> None:
    me = node("a", {}, zone="pune", lang="mr+hi")
    found = scores(
        me,
        node("b", {"/delhi": 8.0}, zone="delhi", lang="hi"),
        node("c", {"/chennai": 8.0}, zone="chennai", lang="ta+en"),
        node("d", {"/nowhere": 8.0}, zone="nowhere"),
    )
    assert found == {"/delhi": 4.0, "/chennai": 2.0, "/nowhere": 2.0}


def test_preferred_paths_count_twice() -> None:
    found = scores(node("a", {"/m/hi/1.m4s": 3.0, "/m/ta/1.m4s": 5.0}), prefer=("*/hi/*",))
    assert found == {"/m/hi/1.m4s": 6.0, "/m/ta/1.m4s": 5.0}


def test_no_more_is_kept_than_is_of_use_and_equal_ones_stand_in_order() -> None:
    cluster = [node(f"n{number:03}", {f"/{number:03}": 1.0}, zone="x") for number in range(200)]
    found = picture(view(*cluster), NOW).trends
    assert [one.path for one in found] == [f"/{number:03}" for number in range(TRENDS_MAX)]


def test_a_new_segment_is_as_hot_as_those_before_it_in_the_zone() -> None:
    cluster = view(
        node("a", {"/live/v240/8.m4s": 30.0, "/live/v240/7.m4s": 10.0}, zone="west"),
        node("b", {"/live/v240/8.m4s": 5.0, "/live/v720/8.m4s": 2.0}, zone="west"),
        node("c", {"/live/v240/8.m4s": 500.0}, zone="north"),
    )
    held = Popularity(lambda: cluster)
    assert held.heat("/live/v240/9.m4s", NOW) == 45.0
    assert held.heat("/live/v720/9.m4s", NOW) == 2.0
    assert held.heat("/vod/9.m4s", NOW) == 0.0


@pytest.mark.parametrize(
    ("path", "stream"),
    [
        ("/live/v240/17.m4s", "/live/v240/#.m#s"),
        ("/live/seg-17-v1-a1.ts", "/live/seg-#-v#-a#.ts"),
        ("/live/init.mp4", "/live/init.mp#"),
        ("17", "#"),
    ],
)
def test_streams_are_named_by_what_their_segments_have_in_common(path: str, stream: str) -> None:
    assert stream_of(path) == stream


def test_it_is_made_at_most_once_a_second() -> None:
    looks = []

    def look() -> ClusterView:
        looks.append(1)
        return view(node("a", {"/1": 1.0}))

    held = Popularity(look)
    for step in range(31):
        held.at(NOW + step / 10)
    assert len(looks) == 4


@given(
    st.dictionaries(
        st.sampled_from("abcdefgh"),
        st.dictionaries(st.sampled_from(["/1", "/2", "/3"]), st.floats(0.1, 1e6), min_size=1, max_size=3),
        min_size=1,
    ),
    st.data(),
)
def test_each_node_counts_once(told: dict[str, dict[str, float]], data: st.DataObject) -> None:
    nodes = [node(name, rows, zone=data.draw(st.sampled_from("xy"))) for name, rows in told.items()]
    found = picture(view(*nodes), NOW)
    for path in ("/1", "/2", "/3"):
        named = [name for name, rows in told.items() if path in rows]
        if not named:
            assert path not in [one.path for one in found.trends]
            continue
        [trend] = [one for one in found.trends if one.path == path]
        assert trend.rate == pytest.approx(sum(told[name][path] for name in named))
        assert sorted(trend.nodes) == sorted(named)
        assert sum(rate for _, rate in trend.zones) == pytest.approx(trend.rate)
        assert 0.25 * trend.rate * 0.999 <= trend.score <= trend.rate * 1.001
