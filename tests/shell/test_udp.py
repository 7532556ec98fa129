"""The gossip core on real sockets."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from typing import Protocol

import pytest

from edge.config import GossipConfig
from edge.gossip import GossipNode
from edge.gossip.node import Identity
from edge.model import Address, GossipEvent, Member, Status, incarnation_of
from edge.shell.sockets import bind, local_address
from edge.shell.udp import GossipTransport
from edge.wire.frame import DATAGRAM_MAX_BYTES
from edge.wire.keys import KeyRing
from waiting import until

RING = KeyRing.insecure("test")


class Start(Protocol):
    """The fixture: starts a node, which is stopped after the test."""

    async def __call__(self, name: str, *seeds: Address, host: str = ...) -> "Running": ...


class Running:
    """One node on a socket."""

    def __init__(self, name: str, *seeds: Address, host: str = "127.0.0.1") -> None:
        sock = bind(Address(host, 0), "gossip.bind", socket.SOCK_DGRAM)
        self.address = local_address(sock)
        member = Member(name, incarnation_of(1000), Status.ALIVE, *self.address)
        now = asyncio.get_running_loop().time()
        identity = Identity(member, "test", RING, random.Random(name).randbytes(8))
        self.node = GossipNode(identity, GossipConfig(), random.Random(name), now)
        self.events: list[GossipEvent] = []
        self.transport = GossipTransport(self.node, sock, self.events.append)
        self.seeds = list(seeds)

    async def start(self) -> None:
        self.transport.start()
        self.node.set_seeds(self.seeds, asyncio.get_running_loop().time())
        self.transport.pump()

    def status(self, name: str) -> Status | None:
        held = self.node.view().node(name)
        return held.member.status if held else None


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    running: list[Running] = []

    async def begin(name: str, *seeds: Address, host: str = "127.0.0.1") -> Running:
        running.append(Running(name, *seeds, host=host))
        await running[-1].start()
        return running[-1]

    yield begin
    for one in running:
        one.transport.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_two_nodes_find_each_other_and_one_misses_the_other(start: Start, host: str) -> None:
    first = await start("a", host=host)
    second = await start("b", first.address, host=host)
    await until(lambda: first.status("b") is second.status("a") is Status.ALIVE)
    second.transport.close()
    await until(lambda: first.status("b") is Status.SUSPECT, within_s=1.5)
    assert [event.kind for event in first.events] == ["joined", "suspect"]
    assert first.node.counters.refusals > 0


async def test_junk_on_the_port_moves_counters_only(start: Start) -> None:
    one = await start("a")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for size in (0, 1, 32, 33, 1400, 1401, 9000):
            sock.sendto(b"x" * size, one.address)
    await until(lambda: sum(one.node.counters.dropped.values()) == 7)
    assert len(one.node.view().nodes) == 1


async def test_an_address_that_cannot_be_sent_to_is_counted(start: Start) -> None:
    one = await start("a", Address("::1", 9))  # IPv6 from an IPv4 socket
    await until(lambda: one.transport.send_errors > 0)


async def test_a_datagram_above_the_limit_never_leaves(start: Start) -> None:
    """The one place that sends asserts it, whoever made the datagram."""
    one = await start("a")
    with pytest.raises(AssertionError, match="datagram of 1401 bytes"):
        one.transport._send(bytes(DATAGRAM_MAX_BYTES + 1), one.address)
    one.transport._send(bytes(DATAGRAM_MAX_BYTES), one.address)
    await until(lambda: one.node.counters.datagrams_received == 1)


async def test_after_close_nothing_is_sent(start: Start) -> None:
    one = await start("a")
    one.transport.close()
    sent = one.node.counters.datagrams_sent
    one.transport.pump()
    await asyncio.sleep(0.3)
    assert one.node.counters.datagrams_sent == sent
