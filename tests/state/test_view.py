from edge.model import HotSegment, Load, Member, Status, incarnation_of
from edge.state.reports import Report
from edge.state.view import ClusterView, NodeView


def node(name: str, status: Status = Status.ALIVE, *paths: tuple[str, float]) -> NodeView:
    member = Member(name, incarnation_of(1), status, "10.0.0.1", 7700, public=f"http://{name}")
    top = tuple(HotSegment(path, rate) for path, rate in paths)
    return NodeView(member, None, Report(1, top, 0.0))


def test_the_clusters_hot_segments_are_summed_over_live_nodes() -> None:
    view = ClusterView(
        1,
        "a",
        (
            node("a", Status.ALIVE, ("/1", 3.0), ("/2", 2.5)),
            node("b", Status.ALIVE, ("/2", 1.0)),
            node("c", Status.UNREACHABLE, ("/1", 99.0)),
        ),
    )
    assert view.hot() == (("/2", 3.5, 2), ("/1", 3.0, 1))
    assert view.hot(1) == (("/2", 3.5, 2),)
    assert [one.name for one in view.alive] == ["a", "b"]
    assert view.node("nobody") is None


def test_who_takes_viewers() -> None:
    def loaded(health: int, capacity: int) -> NodeView:
        one = node("a")
        return NodeView(one.member, Report(1, Load(0, 0, 0, capacity, health, 0), 0.0))

    assert node("a").takes_viewers
    assert loaded(100, 10).takes_viewers
    assert not loaded(0, 10).takes_viewers
    assert not loaded(100, 0).takes_viewers
    assert not node("a", Status.SUSPECT).takes_viewers
    hidden = Member("a", incarnation_of(1), Status.ALIVE, "10.0.0.1", 7700, public="")
    assert not NodeView(hidden).takes_viewers
