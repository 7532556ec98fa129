"""Frames of yesterday: recorded on the wire of real nodes, and sent again to one that was restarted meanwhile."""

import socket
from typing import Any

import aiohttp

from cache.pretend_origin import SEGMENT
from edge.app import Node
from edge.model import Address, Member
from running import Running
from waiting import until


def recorded(node: Node) -> list[bytes]:
    """What comes to a node from now on, as it came."""
    found: list[bytes] = []
    receive = node.gossip.receive_datagram

    def keep(data: bytes, address: Address, now: float) -> None:
        found.append(data)
        receive(data, address, now)

    node.gossip.receive_datagram = keep  # type: ignore[method-assign]
    return found


def state(nodes: list[Node]) -> list[Any]:
    """What no replay may change: who is there, the events that count, which keys are known of whom."""
    return [
        (
            [(one.member, one.member.incarnation) for one in node.gossip.view().nodes],
            node.gossip.durables(),
            [node.gossip.keys.told(one.member.name) for one in nodes],
            node.gossip.conflict,
        )
        for node in nodes
    ]


def known(node: Node, name: str) -> Member:
    """A member as a node holds it; that of a process that began in the second of the one before comes to be newer."""
    found = node.gossip.view().node(name)
    assert found is not None
    return found.member


async def test_a_replay_to_a_restarted_node_changes_nothing_and_purges_nothing_twice(
    running: Running, http: aiohttp.ClientSession
) -> None:
    pune, delhi = [await running.start(name) for name in ("pune", "delhi")]
    frames = recorded(pune)
    await until(lambda: len(pune.gossip.view().alive) == len(delhi.gossip.view().alive) == 2)
    async with http.get(pune.member.public + SEGMENT) as answer:
        assert answer.status == 200
    delhi.events.purge({"url": SEGMENT})
    await until(lambda: pune.cache.counters.purged_objects == 1)
    delhi.events.event({"key": "toss", "body": "heads"})
    await until(lambda: len(pune.gossip.durables()) == 2)
    await until(lambda: len(frames) > 20)

    await running.crash("pune")
    again = await running.start("pune", gossip__bind=str(pune.member.address))
    await until(lambda: len(again.gossip.durables()) == 2 and len(delhi.gossip.view().alive) == 2)
    await until(
        lambda: (
            known(delhi, "pune") == known(again, "pune")
            and known(delhi, "pune").public == again.member.public
        )
    )
    async with http.get(again.member.public + SEGMENT) as answer:
        assert answer.status == 200
    before, purges = state([again, delhi]), again.cache.counters.purges
    received = again.gossip.counters.datagrams_received
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for frame in frames:
            stranger.sendto(frame, again.member.address)
    await until(lambda: again.gossip.counters.datagrams_received >= received + len(frames))
    assert state([again, delhi]) == before
    assert (again.cache.counters.purges, again.cache.stored_objects) == (purges, 1)
    assert sum(again.gossip.counters.dropped.values()) < len(frames), "they are of sessions never met"
