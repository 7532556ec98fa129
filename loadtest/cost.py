"""What gossip costs a node's processor, by stage (target row `gossip.cost`).

The stages are timed on the datagrams that one node of a simulated cluster gets, by that node alone, as in production.
Socket calls are timed on the loopback device.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psutil

from edge.config import GossipConfig
from edge.gossip import GossipNode
from edge.gossip.signatures import Signing
from edge.model import Address
from edge.wire.compress import shipped
from edge.wire.frame import DATAGRAM_MAX_BYTES, Opener, Sealer
from edge.wire.keys import KeyRing
from edge.wire.messages import decode
from loadtest.rows import Row
from loadtest.sim.measure import Lively
from loadtest.sim.world import CLUSTER, Host, World

NODES = 300
TICK_S = 0.1
_CATCH_S = 4.0
_ROUNDS = 20
_IN_FLIGHT = 40  # datagrams that a socket's default buffer holds
_MICRO = 1e6


@dataclass(frozen=True, slots=True)
class Caught:
    """Full datagrams on their way to one node, and that node as it was before them."""

    datagrams: tuple[bytes, ...]
    node: GossipNode
    now: float
    per_s: float  # datagrams received a second


def catch(signing: Callable[[Host], Signing] | None = None) -> Caught:
    """Let a lively cluster run, and take what comes to one of its nodes instead of the node."""
    world = World(1, GossipConfig(tick_min_s=TICK_S))
    world.signing = signing or world.signing
    world.add(NODES)
    world.start_acquainted()
    Lively(world, 10.0)
    world.run(3.0)
    host = world.hosts["edge-17"]
    caught = list[bytes]()
    world.network.watch = lambda _source, target, data: (
        caught.append(data) if target == host.address else None
    )
    world.run(1.0)
    per_s = float(len(caught))
    caught.clear()
    world.network.blocked = lambda _source, target: target == host.address
    world.run(_CATCH_S)
    assert host.node
    return Caught(tuple(caught), host.node, host.local(world.now), per_s)


def cost() -> Iterator[Row]:
    """`gossip.cost`, its stages, and memory."""
    caught = catch()
    full = tuple(one for one in caught.datagrams if len(one) > DATAGRAM_MAX_BYTES // 2)
    opened = [Opener(KeyRing.insecure(CLUSTER), CLUSTER, shipped()).open(one) for one in full]
    stages = dict(_stages(full, opened))
    for name, (text, micros) in stages.items():
        yield Row(f"gossip.cost.stage.{name}", f"a full datagram: {text}", micros, "µs", None)
    receive, send = _live(caught)
    calls = stages["recvfrom"][1] + stages["sendto"][1]
    yield Row(
        "gossip.cost.receive",
        "a datagram, N=300, all changing: received, without the socket",
        receive,
        "µs",
        None,
    )
    yield Row(
        "gossip.cost.send", "a datagram, N=300, all changing: made, without the socket", send, "µs", None
    )
    share = 100 * caught.per_s * (receive + send + calls) / _MICRO
    text = f"processor of a node, N={NODES}, all changing 10 times a second, {1000 * TICK_S:.0f} ms tempo"
    yield Row("gossip.cost.share", text, share, "% of a core", 2)
    yield Row("gossip.cost.memory", f"memory of `edge run` with {NODES} members", _memory(), "MB", 60)


def share(caught: Caught) -> float:
    """Processor of the node, without sockets, percent of a core."""
    return 100 * caught.per_s * sum(_live(caught)) / _MICRO


def _timed(work: Callable[[], object], times: int) -> float:
    """Processor time of one call, microseconds."""
    begun = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - begun) / times * _MICRO


def _stages(full: tuple[bytes, ...], opened: list[bytes]) -> Iterator[tuple[str, tuple[str, float]]]:
    """Name, text and microseconds of each stage."""
    ring, compressor = KeyRing.insecure(CLUSTER), shipped()
    payload = max(opened, key=len)
    block = compressor.compress(payload) or payload
    sealer = Sealer(ring, CLUSTER, b"costcost", compressor)

    def open_all() -> None:
        opener = Opener(ring, CLUSTER, compressor)
        for one in full:
            opener.open(one)

    yield "open", ("authenticate, replay window, decompress", _timed(open_all, _ROUNDS) / len(full))
    yield "decompress", ("decompress alone", _timed(lambda: compressor.decompress(block), 500))
    yield "decode", ("decode and validate", _timed(lambda: decode(payload), 500))
    yield "compress", ("compress alone", _timed(lambda: compressor.compress(payload), 500))
    yield "seal", ("compress and seal", _timed(lambda: sealer.seal(payload), 500))
    yield from _socket_stages()


def _socket_stages() -> Iterator[tuple[str, tuple[str, float]]]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
    ):
        one.bind(("127.0.0.1", 0))
        target, data = one.getsockname(), bytes(1300)
        yield "sendto", ("sendto on loopback", _timed(lambda: two.sendto(data, target), _IN_FLIGHT))
        yield "recvfrom", ("recvfrom", _timed(lambda: one.recvfrom(2000), _IN_FLIGHT))


def _live(caught: Caught) -> tuple[float, float]:
    """Microseconds to take a datagram in, and to make one: what was caught comes in time, timers run between."""
    node, source, made = caught.node, Address("10.0.0.9", 7700), 0
    receiving = sending = 0.0
    for number, data in enumerate(caught.datagrams):
        now = caught.now + number / caught.per_s
        begun = time.process_time()
        while (due := node.next_timer()) is not None and due <= now:
            node.handle_timer(due)
            made += len(node.datagrams_to_send(due))
        between = time.process_time()
        node.receive_datagram(data, source, now)
        taken = time.process_time()
        made += len(node.datagrams_to_send(now))
        sending += between - begun + time.process_time() - taken
        receiving += taken - between
    return receiving / len(caught.datagrams) * _MICRO, sending / max(1, made) * _MICRO


def _memory() -> float:
    """Of `edge run`, MB: an interpreter with all that it imports, and one node's tables."""
    before = psutil.Process().memory_info().rss
    world = World(1)
    world.add(NODES)
    world.start_acquainted()
    tables = (psutil.Process().memory_info().rss - before) / NODES
    return (_bare() + tables) / 1e6


def _bare() -> float:
    """Resident size of a process that has imported the program and done nothing, bytes."""
    code = "import edge.app, psutil; print(psutil.Process().memory_info().rss)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return float(done.stdout)
