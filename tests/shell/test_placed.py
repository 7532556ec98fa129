"""Whom a fill asks, as the view of the moment says; and how often that view is made."""

from cache.pretend_origin import Clock
from edge.decide.placement import ORIGIN, Source, sources
from edge.model import Member, Status
from edge.shell.peers import VIEW_FOR_S, Placed
from edge.state.view import ClusterView, NodeView


def view_of(*names: str) -> ClusterView:
    """Of the node `me`; all are of one zone."""
    members = [Member(name, 1, Status.ALIVE, "10.0.0.1", 7700, public=f"http://{name}") for name in names]
    return ClusterView(1, "me", tuple(NodeView(one) for one in members))


ALONE, BOTH = view_of("me"), view_of("me", "owner")
OWNER = Source("owner", "http://owner")
PATHS = [f"/live/{number}.m4s" for number in range(100)]
PATH = next(path for path in PATHS if OWNER in sources(BOTH, path, ()))


def test_a_view_serves_all_fills_of_some_milliseconds() -> None:
    clock, views = Clock(), [BOTH, ALONE]
    placed = Placed(views.pop, clock=clock)
    for _ in range(10):
        assert list(placed(PATH, ())) == [ORIGIN]
    clock.now += VIEW_FOR_S
    for _ in range(10):
        assert list(placed(PATH, ())) == [OWNER, ORIGIN]
