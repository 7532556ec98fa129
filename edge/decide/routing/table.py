"""One view made ready for many questions: who takes viewers, where, and who is asked if the nearest have no room."""

import math
from collections.abc import Iterator, Mapping, Sequence

from edge.decide.measures import LAST_RESORT
from edge.decide.routing.crowd import Choice, Crowd
from edge.decide.routing.layout import Layout, Seat, regions_of, share, ways_of
from edge.decide.routing.policy import RoutingPolicy
from edge.decide.routing.question import RouteAnswer, RouteQuery
from edge.model import Status
from edge.state.view import ClusterView, NodeView


class RoutingTable:
    """Answers for one view.

    Args:
        view: the cluster; suspects, draining nodes and those without capacity get nobody. Those that degrade their
            service get nobody new beyond the safe load from level 3 on, and at level 4 only whom no other can take.
        policy: how to spread viewers.
        counts: viewers on their way to each node, on top of its reported load.
        before: an earlier table, of which what has not changed is kept.
    """

    def __init__(
        self,
        view: ClusterView,
        policy: RoutingPolicy,
        counts: Mapping[str, int],
        before: "RoutingTable | None" = None,
    ) -> None:
        self.view = view
        self.policy = policy
        self.counts = counts
        seated = [one for one in view.nodes if _has_seat(one)]
        seats = tuple(_seats(seated))
        self._layout: Layout = _layout(
            seats, regions_of(view), ways_of(view), before._layout if before else None
        )
        usual: list[NodeView | None] = []
        last: list[NodeView | None] = []
        for one in seated:
            takes = one.takes_viewers
            at_last = one.level >= LAST_RESORT
            usual.append(one if takes and not at_last else None)
            last.append(one if takes and at_last else None)
        crowds = (usual, last) if any(last) else (usual,)
        self.crowds = [Crowd(self._layout, nodes, counts, policy) for nodes in crowds]

    def route(self, query: RouteQuery) -> RouteAnswer | None:
        """The node to send a viewer to, or None where none takes viewers. Nothing is remembered: see `add`."""
        found = self.choose(query)
        return None if found is None else self.told(query, found)

    def choose(self, query: RouteQuery) -> Choice | None:
        """The same, before it is put into words."""
        found = None
        for new in (True, False)[: 1 if query.new else 2]:
            for crowd in self.crowds:
                if found := crowd.nearest(query, new) or crowd.fullest(query, new):
                    return self._settled(query, found, new) if query.previous else found
        return found

    def add(self, node: str) -> None:
        """A viewer was sent to `node`."""
        if (number := self._layout.index.get(node)) is not None:
            for crowd in self.crowds:
                crowd.add(number)

    def told(self, query: RouteQuery, choice: Choice) -> RouteAnswer:
        """A choice in words."""
        one = choice.crowd.nodes[choice.node]
        assert one is not None
        load = choice.crowd.loads[choice.node]
        reason = (
            f"{self.scope(query, choice)}; choice {choice.rank} by hash, load {load:.2f} of {choice.allowed:.2f}"
            f" allowed{choice.note}"
        )
        return RouteAnswer(one.member.name, one.member.public.rstrip("/"), reason)

    def scope(self, query: RouteQuery, choice: Choice) -> str:
        """Among whom a choice was made, and why there."""
        label, zone = choice.group.label, query.zone
        if not choice.step.far:
            return label
        if not zone:
            return f"no zone asked for, {label}"
        return (
            f"zone {zone} is full, {label}"
            if choice.crowd.has_nodes(zone)
            else f"no node in zone {zone}, {label}"
        )

    def _settled(self, query: RouteQuery, best: Choice, new: bool) -> Choice:
        """The node that the viewer is at, unless the best one is clearly better: nearer with room, or less loaded."""
        crowd = best.crowd
        at = crowd.layout.index.get(query.previous)
        if at is None or at == best.node or crowd.loads[at] >= (crowd.safe[at] if new else math.inf):
            return best
        load, rival, near = crowd.loads[at], crowd.loads[best.node], self.policy.hysteresis
        steps = crowd.layout.steps(query)
        way = next(number for number, one in enumerate(steps) if crowd.layout.zone_of[at] in one.zones)
        step = steps[way]
        nearer = way - next((number for number, one in enumerate(steps) if one is best.step), len(steps))
        if nearer > 0 and rival < self.policy.full_load - near:
            return best
        if load >= (self.policy.full_load if nearer < 0 else rival) + near:
            return best
        group = next(one for one in step.groups if at in one.nodes)
        rank = crowd.layout.order(group, query.path).index(at) + 1
        return Choice(crowd, step, group, at, rank, crowd.allowed(step), ", where the viewer is", stays=True)


def _has_seat(one: NodeView) -> bool:
    """Whether a node may take viewers sooner or later: a suspect, or one that is not well, keeps its place by hash."""
    member = one.member
    told = one.load is None or one.load.value.capacity > 0
    return told and member.status in (Status.ALIVE, Status.SUSPECT) and bool(member.public)


def _layout(
    seats: tuple[Seat, ...], regions: dict[str, str], ways: dict[str, dict[str, int]], earlier: Layout | None
) -> Layout:
    if earlier and earlier.made_of == (seats, regions, ways):
        return earlier
    return Layout(seats, regions, ways, earlier)


def _seats(nodes: Sequence[NodeView]) -> Iterator[Seat]:
    for one in nodes:
        member = one.member
        yield Seat(member.name, member.zone, member.region, member.isp, share(one))
