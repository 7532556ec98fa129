"""What gossip costs a node's processor, by stage (target row `gossip.cost`).

Nodes of a simulated cluster do alone what they did in it, as in production, and are timed; so are the stages, on
datagrams that came to them. Socket calls are timed on the loopback device.
"""

import gc
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from edge.config import GossipConfig
from edge.gossip.signatures import Signing
from edge.wire.compress import shipped
from edge.wire.frame import DATAGRAM_MAX_BYTES, Opener, Sealer
from edge.wire.keys import KeyRing
from edge.wire.messages import decode
from loadtest.rows import Row
from loadtest.sim.measure import Lively
from loadtest.sim.world import CLUSTER, Host, World

NODES = 300
TICK_S = 0.1
_SETTLE_S, _LIVE_S = 3.0, 10.0
_WATCHED = 10  # nodes
_FULL, _TIMES = 200, 20  # datagrams that stages are timed on, and how often
_IN_FLIGHT = 40  # datagrams that a socket's default buffer holds
_MICRO = 1e6
_CALLS = ("handle_timer", "update_load", "receive_datagram", "next_timer", "datagrams_to_send", "next_event")
Call = tuple[str, tuple[Any, ...]]  # of a node: which, and with what


@dataclass(slots=True)
class Spent:
    """What nodes did, and spent on it, seconds of processor."""

    lived_s: float = 0.0  # of all of them together
    receiving: float = 0.0
    received: int = 0  # datagrams
    sending: float = 0.0  # with timers and changes of load
    sent: int = 0  # datagrams

    @property
    def receive(self) -> float:
        """Microseconds to take a datagram in."""
        return self.receiving / self.received * _MICRO

    @property
    def send(self) -> float:
        """Microseconds of all else, by each datagram that was sent."""
        return self.sending / self.sent * _MICRO

    @property
    def share(self) -> float:
        """Processor of a node, without sockets, percent of a core."""
        return 100 * (self.receiving + self.sending) / self.lived_s


def lively(signing: Callable[[Host], Signing] | None = None) -> tuple[World, list[Host]]:
    """A cluster in which all changes all the time, and some of its hosts. The same again with each call."""
    world = World(1, GossipConfig(tick_min_s=TICK_S))
    world.signing = signing or world.signing
    world.add(NODES)
    world.start_acquainted()
    Lively(world, 10.0)
    world.run(_SETTLE_S)
    return world, list(world.hosts.values())[:: NODES // _WATCHED]


def live(signing: Callable[[Host], Signing] | None = None) -> tuple[Spent, tuple[bytes, ...]]:
    """Some nodes of a lively cluster are listened to; then each does the same again, alone.

    So its tables are in the processor's own memory, as those of a process are that is not one of 300.

    Returns:
        What they spent, and datagrams that came to them.
    """
    world, hosts = lively(signing)
    told = [_told(host) for host in hosts]
    world.run(_LIVE_S)
    world, hosts = lively(signing)
    spent = Spent(_LIVE_S * len(hosts))
    gc.collect()
    gc.freeze()  # one node's heap is small; that of 300 would be gone through for each of them
    for host, calls in zip(hosts, told, strict=True):
        _again(host, calls, spent)
    gc.unfreeze()
    return spent, tuple(given[0] for calls in told for name, given in calls if name == "receive_datagram")


def _told(host: Host) -> list[Call]:
    """What is asked of the host's node from now on."""
    calls: list[Call] = []

    def listen(name: str) -> None:
        work = getattr(host.node, name)

        def call(*given: Any) -> Any:
            calls.append((name, given))
            return work(*given)

        setattr(host.node, name, call)

    for name in _CALLS:
        listen(name)
    return calls


def _again(host: Host, calls: Sequence[Call], spent: Spent) -> None:
    """The host's node does what it did; all that is no receiving is for what it sends."""
    work = {name: getattr(host.node, name) for name in _CALLS}
    receive, make = work["receive_datagram"], work["datagrams_to_send"]
    begun, receiving = time.process_time(), 0.0
    for name, given in calls:
        if name == "receive_datagram":
            before = time.process_time()
            receive(*given)
            receiving += time.process_time() - before
            spent.received += 1
        elif name == "datagrams_to_send":
            spent.sent += len(make(*given))
        else:
            work[name](*given)
    spent.receiving += receiving
    spent.sending += time.process_time() - begun - receiving


def cost() -> Iterator[Row]:
    """`gossip.cost`, its stages, and memory."""
    spent, came = live()
    full = tuple(one for one in came if len(one) > DATAGRAM_MAX_BYTES // 2)[:_FULL]
    opened = [Opener(KeyRing.insecure(CLUSTER), CLUSTER, shipped()).open(one) for one in full]
    stages = dict(_stages(full, opened))
    for name, (text, micros) in stages.items():
        yield Row(f"gossip.cost.stage.{name}", f"a full datagram: {text}", micros, "µs", None)
    calls = stages["recvfrom"][1] + stages["sendto"][1]
    text = f"a datagram, N={NODES}, all changing"
    yield Row("gossip.cost.receive", f"{text}: received, without the socket", spent.receive, "µs", None)
    yield Row(
        "gossip.cost.send", f"{text}: made, with all timers, without the socket", spent.send, "µs", None
    )
    share = spent.share + 100 * spent.received / spent.lived_s * calls / _MICRO
    text = f"processor of a node, N={NODES}, all changing 10 times a second, {1000 * TICK_S:.0f} ms tempo"
    yield Row("gossip.cost.share", text, share, "% of a core", 2)
    yield Row("gossip.cost.memory", f"memory of `edge run` with {NODES} members", _memory(), "MB", 60)


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

    yield "open", ("authenticate, replay window, decompress", _timed(open_all, _TIMES) / len(full))
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


def _memory() -> float:
    """Of `edge run`, MB: an interpreter with all that it imports, and one node's tables."""
    before = psutil.Process().memory_info().rss
    world = World(1)
    world.add(NODES)
    world.start_acquainted()
    tables = (psutil.Process().memory_info().rss - before) / NODES
    return (_bare() + tables) / 1e6


def _bare() -> float:
    """Resident size of a process that has imported the program and done nothing, bytes; Linux."""
    pages = "int(open('/proc/self/statm').read().split()[1])"  # what else reads it would count, too
    code = f"import edge.app, os; print({pages} * os.sysconf('SC_PAGE_SIZE'))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return float(done.stdout)
