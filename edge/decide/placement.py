"""Where a node gets what it lacks: from the owner in its zone, which alone asks the origin; elsewhere if that fails.

The owner of a path is the first by rendezvous hashing among the nodes of the zone that can give. All who hold the same
members agree on it, whatever their loads, so that of a zone one request goes to the origin. Suspects give nothing, so
in a cut only the island is asked. CDN-Loop (RFC 8586) names the nodes that a request has passed: two at most.

What is hot has copies: the next nodes in that order own it, too, and the others ask one or the other of them, by their
own places in it. Those ask the first, so the origin is asked no more often. In a zone a node asks only nodes that stand
before it in an order on which all agree, whatever they hold of members and rates: no request goes in a circle, and none
asks the origin but who is first to itself, or to a node that asked it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from edge.decide.measures import LAST_RESORT
from edge.decide.rendezvous import ranked
from edge.state.view import ClusterView, NodeView

COPIES_MAX = 4  # of what is hot in a zone
HOPS_MAX = 2  # nodes that have asked already, from which on only the origin is asked
_NEAR = 2  # further nodes of the zone that are asked for what they hold, where what is outside is dear


@dataclass(frozen=True, slots=True)
class Source:
    """One place to ask."""

    node: str = ""  # empty: the origin
    url: str = ""  # public address, without a trailing slash
    held_only: bool = False  # it is to give what it holds, and ask nobody


ORIGIN = Source()
NOWHERE = Source(held_only=True)  # nobody else is to be asked


def sources(
    view: ClusterView, path: str, hops: Sequence[str], *, outside: bool = True, copies: int = 1
) -> Iterator[Source]:
    """Whom to ask for `path`, in order; the origin is always among them.

    Most fills ask one, so what comes later is found only when it is wanted: ranking all nodes costs more than asking.

    Args:
        view: the cluster.
        path: what is lacking.
        hops: names of the nodes through which the request came here; they are not asked.
        outside: whether fills from outside the zone are as good as others; False: nodes of the zone are asked first
            for what they hold.
        copies: how many nodes of the zone own the path; never more than half of them, nor than `COPIES_MAX`.
    """
    me = view.node(view.self_name)
    zone = me.member.zone if me else ""
    if me is None or len(hops) >= HOPS_MAX or not _all_of(zone, hops, view):
        yield ORIGIN  # of two nodes that have asked, or one of another zone, this is the last resort
        return
    near = ranked(path, _givers(view, hops, lambda its: its == zone))
    owners = _owners_for(me, near, copies if not hops else 1)
    yield from (_source(one) for one in owners)
    if not outside:
        held = [one for one in near if one is not me and one not in owners]
        yield from (_source(one, held_only=True) for one in held[:_NEAR])
    # Whose owner gives nothing asks another zone's before the origin; an owner asks the origin before that.
    if not owners:
        yield ORIGIN
    far = ranked(path, _givers(view, hops, lambda its: its != zone))
    yield from (_source(one) for one in far[:1])
    if owners:
        yield ORIGIN


def held_by(view: ClusterView, path: str, names: Sequence[str]) -> Iterator[Source]:
    """Those of some nodes that are to be asked for what they hold; each path's askers begin with another one."""
    nodes = (one for one in view.nodes if one.name in names and one.name != view.self_name)
    givers = ranked(f"{path} {view.self_name}", (one for one in nodes if one.takes_viewers))
    yield from (_source(one, held_only=True) for one in givers[:_NEAR])


def _owners_for(me: NodeView, near: Sequence[NodeView], copies: int) -> list[NodeView]:
    """The owners that a node asks before all others: its own choice of them, and the first where that gives nothing."""
    if not near or near[0] is me:
        return []
    owners = near[: max(1, min(copies, COPIES_MAX, len(near) // 2))]
    if me in owners:
        return [near[0]]
    choice = owners[near.index(me) % len(owners)] if me in near else owners[0]
    return [choice] if choice is near[0] else [choice, near[0]]


def _all_of(zone: str, hops: Sequence[str], view: ClusterView) -> bool:
    nodes = (view.node(name) for name in hops)
    return all(one is not None and one.member.zone == zone for one in nodes)


def _givers(view: ClusterView, hops: Sequence[str], where: Callable[[str], bool]) -> Iterator[NodeView]:
    """Who can give, in zones that are asked for; this node is among them, others that have asked are not."""
    passed = [name for name in hops if name != view.self_name]
    for one in view.nodes:
        gives = where(one.member.zone) and one.takes_viewers and one.level < LAST_RESORT
        if gives and one.name not in passed:
            yield one


def _source(node: NodeView, *, held_only: bool = False) -> Source:
    return Source(node.name, node.member.public.rstrip("/"), held_only)
