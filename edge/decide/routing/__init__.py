"""Which node a viewer is sent to, and why: zone and provider first, then hashing with bounded load and two choices.

Decisions take a view, a policy and what this node itself assigned; equal ones give equal answers. No clock is read
here and nothing is sent.
"""

from collections.abc import Mapping

from edge.decide.routing.assigned import Assigned
from edge.decide.routing.policy import RoutingPolicy, policy_of
from edge.decide.routing.question import NOWHERE, Candidate, Explanation, Place, RouteAnswer, RouteQuery
from edge.decide.routing.router import Router
from edge.decide.routing.table import RoutingTable
from edge.state.view import ClusterView

__all__ = [
    "NOWHERE",
    "Assigned",
    "Candidate",
    "Explanation",
    "Place",
    "RouteAnswer",
    "RouteQuery",
    "Router",
    "RoutingPolicy",
    "RoutingTable",
    "policy_of",
    "route",
]

_USUAL = RoutingPolicy()


def route(
    view: ClusterView, query: RouteQuery, pending: Mapping[str, int], policy: RoutingPolicy = _USUAL
) -> RouteAnswer | None:
    """The answer to one question; who has many makes a `RoutingTable` of the view."""
    return RoutingTable(view, policy, pending).route(query)
