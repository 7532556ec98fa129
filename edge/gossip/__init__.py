"""The gossip protocol, sans-IO: bytes, addresses and the time come in; bytes, addresses and events go out.

This room may import only `edge.state`, `edge.wire`, `edge.config` and `edge.model`. No IO, no clock, no randomness but
the `random.Random` it is given. One idiom: `receive_datagram`, `handle_timer`, `next_timer`, `datagrams_to_send`,
`next_event`. Nothing here re-enters anything.
"""

from edge.gossip.node import GossipNode

__all__ = ["GossipNode"]
