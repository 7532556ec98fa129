"""The members as the view shows them: each with what it tells of itself, and what this node knows of the way to it."""

from dataclasses import replace

from msgspec import structs

from edge.gossip.core import Core
from edge.gossip.members import Peer
from edge.model import Load
from edge.state.reports import Report
from edge.state.view import Link, NodeView


def picture(core: Core, now: float) -> tuple[NodeView, ...]:
    """All members in order of name, as they are held at `now`."""
    peers = sorted(core.members.peers(), key=lambda peer: peer.member.name)
    return tuple(_node(core, peer, now) for peer in peers)


def _node(core: Core, peer: Peer, now: float) -> NodeView:
    name, way, link = peer.member.name, peer.way, None
    if way and way.srtt_s is not None:
        link = Link(way.srtt_s, way.loss, peer.offset_s or 0.0, core.doubt(name, now))
    load, reputation = core.loads.get(name), core.reputation
    if load is not None and load.value.capacity > core.ceiling and name != core.name:
        load = _bounded(load, core.believed.get(name) or int(core.ceiling))
    held = NodeView(peer.member, load, core.tops.get(name), link, core.qualities.get(name))
    if reputation.all_whole:
        return held
    return replace(held, reputation=int(reputation.score(name)), quarantined=reputation.quarantined(name))


def _bounded(load: Report[Load], capacity: int) -> Report[Load]:
    """A report of which more capacity is told than is believed."""
    if load.value.capacity <= capacity:
        return load
    return structs.replace(load, value=structs.replace(load.value, capacity=capacity))
