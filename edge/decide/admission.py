"""Admission: whether a new session may begin on a node, and where else it could. Pure; chance comes as an argument.

Who is watching comes before who is new, live before DVR before VOD: as a node fills up, it stops taking new VOD
sessions first, and live ones last.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from edge.decide.measures import LAST_RESORT, SAFE_LOAD
from edge.state.view import ClusterView, NodeView

_CAREFUL = 3  # level from which on a node takes nobody new beyond `SAFE_LOAD`


class Priority(Enum):
    """Of a new session; the value is the share of the safe load up to which it is let in."""

    LIVE = 1.0
    DVR = 0.95
    VOD = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who asks for a multivariant playlist."""

    known: bool  # whether he is watching here already
    priority: Priority = Priority.LIVE


def limit_of(priority: Priority, safe_load: float, level: int = 0) -> float:
    """Load, viewers over capacity, from which on a node at a level of degradation takes no new session."""
    return min(safe_load * priority.value, SAFE_LOAD if level >= _CAREFUL else safe_load)


def admits(session: Session, viewers: int, capacity: int, limit: float) -> bool:
    """Whether a session may begin, or go on, on a node that has so many viewers.

    Args:
        session: who asks.
        viewers: who are watching here.
        capacity: how many the node can carry.
        limit: from `limit_of`.
    """
    return session.known or has_room(viewers, capacity, limit)


def has_room(viewers: int, capacity: int, limit: float) -> bool:
    """Whether one viewer more still fits."""
    return viewers + 1 <= limit * capacity


def room_of(node: NodeView, pending: int, limit: float) -> bool:
    """Whether a node has room as far as its last report and what is on the way to it tell."""
    if node.load is None:
        return True  # it has told nothing yet
    load = node.load.value
    bound = min(limit, SAFE_LOAD) if load.level >= _CAREFUL else limit
    return has_room(load.streams + pending, load.capacity, bound)


def with_room(view: ClusterView, pending: Mapping[str, int], limit: float) -> ClusterView:
    """The view with only those nodes that have room.

    Members that a cut has taken away are not alive, so nobody is sent out of an island.
    """
    nodes = tuple(
        one
        for one in view.nodes
        if one.takes_viewers and one.level < LAST_RESORT and room_of(one, pending.get(one.name, 0), limit)
    )
    return replace(view, nodes=nodes)


def elsewhere(view: ClusterView, pending: Mapping[str, int], limit: float) -> ClusterView:
    """The view with only those other nodes that have room: what routing may choose of for whom this node refuses."""
    found = with_room(view, pending, limit)
    return replace(found, nodes=tuple(one for one in found.nodes if one.name != view.self_name))


def retry_after_s(least_s: int, rng: random.Random) -> int:
    """When to come back: between `least_s` and twice that, so that a crowd does not come back as one."""
    return rng.randint(least_s, 2 * least_s)
