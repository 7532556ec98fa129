"""Where a node gets what it lacks: from the owner in its zone, which alone asks the origin; elsewhere if that fails.

The owner of a path is the first by rendezvous hashing among the nodes of the zone that can give. All who hold the same
members agree on it, whatever their loads, so that of a zone one request goes to the origin. Suspects give nothing, so
in a cut only the island is asked. CDN-Loop (RFC 8586) names the nodes that a request has passed: two at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edge.decide.rendezvous import ranked
from edge.state.view import ClusterView, NodeView

HOPS_MAX = 2  # nodes that have asked already, from which on only the origin is asked
_NEAR = 2  # further nodes of the zone that are asked for what they hold, where what is outside is dear
_LAST_RESORT = 4  # level at which a node serves little but what it holds


@dataclass(frozen=True, slots=True)
class Source:
    """One place to ask."""

    node: str = ""  # empty: the origin
    url: str = ""  # public address, without a trailing slash
    held_only: bool = False  # it is to give what it holds, and ask nobody


ORIGIN = Source()


def sources(view: ClusterView, path: str, hops: Sequence[str], *, outside: bool = True) -> list[Source]:
    """Whom to ask for `path`, in order; the origin is always among them.

    Args:
        view: the cluster.
        path: what is lacking.
        hops: names of the nodes through which the request came here; they are not asked.
        outside: whether fills from outside the zone are as good as others; False: nodes of the zone are asked first
            for what they hold.
    """
    me = view.node(view.self_name)
    if me is None or len(hops) >= HOPS_MAX:
        return [ORIGIN]
    zone = me.member.zone
    if any((one := view.node(name)) is None or one.member.zone != zone for name in hops):
        return [ORIGIN]  # this node is another zone's second choice already
    givers = [one for one in view.nodes if _gives(one) and (one is me or one.name not in hops)]
    near = ranked(path, (one for one in givers if one.member.zone == zone))
    far = ranked(path, (one for one in givers if one.member.zone != zone))
    owner = [one for one in near[:1] if one is not me and not hops]
    held = [] if outside else [one for one in near if one is not me and one not in owner][:_NEAR]
    first = [_source(one) for one in owner] + [_source(one, held_only=True) for one in held]
    elsewhere = [_source(one) for one in far[:1]]
    # Whose owner gives nothing asks another zone's before the origin; an owner asks the origin before that.
    return [*first, *elsewhere, ORIGIN] if owner else [*first, ORIGIN, *elsewhere]


def _gives(node: NodeView) -> bool:
    level = node.load.value.level if node.load else 0
    return node.takes_viewers and level < _LAST_RESORT


def _source(node: NodeView, *, held_only: bool = False) -> Source:
    return Source(node.name, node.member.public.rstrip("/"), held_only)
