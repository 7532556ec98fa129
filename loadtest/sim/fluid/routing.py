"""The one place where the simulation meets production routing: a question, a view, and who was sent where lately.

A zone's routers are many, and each viewer asks one of them at random. One stands here for all of a zone: it sees what
they see, and of what the zone was sent it knows its own part only, as each of them does.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from edge.decide.routing import RouteQuery, route
from edge.model import Load
from edge.state.view import ClusterView

CAREFUL = 3  # level from which on routing looks at more than the zone (`edge.decide.routing`)


class Asked(NamedTuple):
    """Viewers who ask the same at the same moment."""

    path: str
    zone: str
    isp: str = ""  # today's routing does not ask for it
    new: bool = True  # False: they watch already
    viewer: str = ""  # one of them


class Chooser(Protocol):
    """Whom viewers are sent to."""

    def choose(self, view: ClusterView, asked: Asked, pending: Mapping[str, int]) -> str | None:
        """The node's name; None where no node takes them.

        Args:
            view: the router's.
            asked: the question.
            pending: viewers on their way to each node, as far as the router knows.
        """


class Production:
    """What `edge` does.

    Routing looks at other zones only where a zone is full, or degrades its service. So the zone's nodes are shown
    first, and all where the answer could be another for them: the same answers, for a part of the work.
    """

    def __init__(self) -> None:
        self._near: dict[str, tuple[ClusterView, ClusterView]] = {}

    def choose(self, view: ClusterView, asked: Asked, pending: Mapping[str, int]) -> str | None:
        """As `Chooser.choose`."""
        query = RouteQuery(asked.path, asked.zone, asked.new, viewer=asked.viewer)
        near = self._nodes_near(view, asked.zone)
        if near.nodes and (answer := route(near, query, pending)):
            node = near.node(answer.node)
            if (
                node
                and node.load
                and node.level < CAREFUL
                and _room(node.load.value, pending.get(node.name, 0))
            ):
                return node.name
        whole = route(view, query, pending)
        return whole.node if whole else None

    def _nodes_near(self, view: ClusterView, zone: str) -> ClusterView:
        known = self._near.get(zone)
        if known is None or known[0] is not view:
            nodes = tuple(one for one in view.nodes if one.member.zone == zone)
            known = self._near[zone] = (view, ClusterView(view.version, view.self_name, nodes))
        return known[1]


def _room(load: Load, pending: int) -> bool:
    return load.capacity > 0 and load.ratio + pending / load.capacity < 1


class Sent:
    """Who was sent where within about a second, as one of a zone's routers knows it: production's `Pending`."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._now: dict[str, float] = {}

    def turn(self) -> None:
        """A new second begins."""
        self._last, self._now = self._now, {}

    def add(self, node: str, count: float) -> None:
        """So many of the zone's viewers were sent there."""
        self._now[node] = self._now.get(node, 0.0) + count

    def known(self, routers: int) -> dict[str, int]:
        """The part of it that one of so many routers knows."""
        names = self._last | self._now
        return {name: int((self._last.get(name, 0.0) + self._now.get(name, 0.0)) / routers) for name in names}
