"""One node's routing: a table of the view of the moment, and what this node assigned since its loads were reported."""

import math
from collections.abc import Callable

from edge.decide.routing.assigned import Assigned
from edge.decide.routing.explain import explain
from edge.decide.routing.policy import RoutingPolicy
from edge.decide.routing.question import Explanation, RouteAnswer, RouteQuery
from edge.decide.routing.table import RoutingTable
from edge.state.view import ClusterView

VIEW_EVERY_S = (
    0.05  # thousands of reports a second come in; a new table for each would cost more than all answers
)


class Router:
    """Answers viewers' questions.

    Args:
        view: the cluster as this node holds it at the moment.
        policy: how to spread viewers; may be changed at any time.
        assigned: whom this node sent, where another of its routers does so, too.
    """

    def __init__(
        self,
        view: Callable[[], ClusterView],
        policy: RoutingPolicy | None = None,
        assigned: Assigned | None = None,
    ) -> None:
        self.policy = policy or RoutingPolicy()
        self.tables = 0  # made so far
        self._view = view
        self._assigned = Assigned() if assigned is None else assigned
        self._table: RoutingTable | None = None
        self._looked_at = -math.inf

    def table(self, now: float) -> RoutingTable:
        """The table of the moment: at most one new each `VIEW_EVERY_S`, and none while nothing changes."""
        held = self._table
        if held and 0 <= now - self._looked_at < VIEW_EVERY_S and held.policy is self.policy:
            return held
        self._looked_at = now
        view = self._view()
        counts = self._assigned.counts(view, now)
        if held is None or view is not held.view or counts != held.counts or held.policy is not self.policy:
            self.tables += 1
            held = self._table = RoutingTable(view, self.policy, counts, held)
        return held

    def within(self, part: Callable[[ClusterView], ClusterView]) -> "Router":
        """A router among part of the nodes; whom either sends counts for both."""
        return Router(lambda: part(self._view()), self.policy, self._assigned)

    def look_again(self) -> None:
        """The next question is answered from the view of its moment: something has changed that cannot wait."""
        self._looked_at = -math.inf

    def route(self, query: RouteQuery, now: float) -> RouteAnswer | None:
        """The node to send a viewer to, who is on his way there from now on; None where none takes viewers."""
        table = self.table(now)
        choice = table.choose(query)
        if choice is None:
            return None
        answer = table.told(query, choice)
        if answer.node != query.previous:
            self._assigned.add(answer.node, now)
            choice.crowd.add(choice.node)
        return answer

    def explain(self, query: RouteQuery, now: float) -> Explanation:
        """What `route` would answer, and why; nobody is on his way for it."""
        return explain(self.table(now), query)
