"""The members as the view shows them: each with what it tells of itself, and what this node knows of the way to it."""

from edge.gossip.core import Core
from edge.gossip.members import Peer
from edge.state.view import Link, NodeView


def picture(core: Core, now: float) -> tuple[NodeView, ...]:
    """All members in order of name, as they are held at `now`."""
    peers = sorted(core.members.peers(), key=lambda peer: peer.member.name)
    return tuple(_node(core, peer, now) for peer in peers)


def _node(core: Core, peer: Peer, now: float) -> NodeView:
    name, way, link = peer.member.name, peer.way, None
    if way and way.srtt_s is not None:
        link = Link(way.srtt_s, way.loss, peer.offset_s or 0.0, core.doubt(name, now))
    return NodeView(peer.member, core.loads.get(name), core.tops.get(name), link, core.qualities.get(name))
