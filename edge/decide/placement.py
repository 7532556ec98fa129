"""Where a node gets what it lacks: from the owner in its zone, which alone asks the origin; elsewhere if that fails.

The owner of a path is the first by rendezvous hashing among the nodes of the zone that can give. All who hold the same
members agree on it, whatever their loads, so that of a zone one request goes to the origin. Suspects give nothing, so
in a cut only the island is asked. CDN-Loop (RFC 8586) names the nodes that a request has passed: two at most.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from edge.decide.measures import LAST_RESORT
from edge.decide.rendezvous import ranked
from edge.state.view import ClusterView, NodeView

HOPS_MAX = 2  # nodes that have asked already, from which on only the origin is asked
_NEAR = 2  # further nodes of the zone that are asked for what they hold, where what is outside is dear


@dataclass(frozen=True, slots=True)
class Source:
    """One place to ask."""

    node: str = ""  # empty: the origin
    url: str = ""  # public address, without a trailing slash
    held_only: bool = False  # it is to give what it holds, and ask nobody


ORIGIN = Source()


def sources(view: ClusterView, path: str, hops: Sequence[str], *, outside: bool = True) -> Iterator[Source]:
    """Whom to ask for `path`, in order; the origin is always among them.

    Most fills ask one, so what comes later is found only when it is wanted: ranking all nodes costs more than asking.

    Args:
        view: the cluster.
        path: what is lacking.
        hops: names of the nodes through which the request came here; they are not asked.
        outside: whether fills from outside the zone are as good as others; False: nodes of the zone are asked first
            for what they hold.
    """
    me = view.node(view.self_name)
    zone = me.member.zone if me else ""
    if me is None or len(hops) >= HOPS_MAX or not _all_of(zone, hops, view):
        yield ORIGIN  # of two nodes that have asked, or one of another zone, this is the last resort
        return
    near = ranked(path, _givers(view, hops, lambda its: its == zone))
    owner = near[0] if near and near[0] is not me and not hops else None
    if owner:
        yield _source(owner)
    if not outside:
        held = [one for one in near if one is not me and one is not owner]
        yield from (_source(one, held_only=True) for one in held[:_NEAR])
    # Whose owner gives nothing asks another zone's before the origin; an owner asks the origin before that.
    if not owner:
        yield ORIGIN
    far = ranked(path, _givers(view, hops, lambda its: its != zone))
    yield from (_source(one) for one in far[:1])
    if owner:
        yield ORIGIN


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
