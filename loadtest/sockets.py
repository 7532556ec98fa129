"""Real nodes on real sockets of this machine: how old their knowledge of each other's load is, and what it costs.

A run has a network of its own, so that the kernel's counters of its loopback device count this run and nothing else,
and process ids of its own, so that the kernel ends all its processes with the first of them.
"""

import asyncio
import fcntl
import math
import multiprocessing
import os
import random
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import uvloop

from edge.config import GossipConfig
from edge.gossip import GossipNode
from edge.gossip.node import Identity
from edge.model import Address, ConfigError, Member, Status, incarnation_of
from edge.shell.sockets import bind
from edge.shell.udp import GossipTransport
from edge.wire.keys import KeyRing
from loadtest.sim.measure import load_at
from loadtest.sim.observe import core_of

_ROOT = Path(__file__).resolve().parent.parent
_PORT = 7700
_TRACKED = 10  # nodes whose changes are followed to every other node
_PAIRS = 8  # subjects that an observer's look takes an age of
_LOOK_MIN_S = 0.05
_CONVERGE_S = 60.0
_SETTLE_S, _SETTLE_TICKS = 2.0, 10  # the steady state is reached after these
_DRAIN_S = 2.0  # changes of the last measured second are followed for this long
_SLACK_S = 20.0  # starting interpreters on a busy machine
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1  # netdevice(7)


@dataclass(frozen=True, slots=True)
class SocketRun:
    """Settings of a run: at least two nodes, each changing its load `changes_per_s` times a second.

    `seconds` is the measured time. The nodes are shared out among `processes`, and those of one share its event loop.
    """

    nodes: int = 30
    processes: int = 2
    changes_per_s: float = 1.0
    seconds: float = 10.0
    seed: int = 1
    config: GossipConfig = field(default_factory=GossipConfig)

    @property
    def settle_s(self) -> float:
        """From convergence to the first measured second."""
        return max(_SETTLE_S, _SETTLE_TICKS * self.config.tick_min_s)


@dataclass(frozen=True, slots=True)
class SocketFigures:
    """What a run measured."""

    age_p95_s: float  # age of the newest load that a random node holds of a random other one
    age_p99_s: float
    to_95_s: float  # from a change of load until 95% of the nodes hold it or a later one, median over changes
    to_all_s: float  # the same until all hold it
    changes: int  # how many changes the two medians are of
    bytes_per_node_s: (
        float  # sent by one node in a second, headers of IP and UDP included, as the kernel counts
    )
    datagrams_per_node_s: float
    cpu_per_node: float  # processor seconds of one node in a second, measuring itself left out


class Traffic(NamedTuple):
    """What the kernel has counted so far."""

    bytes: int
    packets: int


_Held = dict[str, dict[int, float]]  # by subject: the millisecond of each change and when it arrived, seconds


class _Seen(NamedTuple):
    """What one process saw of its nodes."""

    cpu_s: float
    ages_s: list[float]
    held: dict[str, _Held]  # by observer


def run(settings: SocketRun) -> SocketFigures:
    """Measure one run.

    Raises:
        ConfigError: this machine gives us no network of our own.
        RuntimeError: the nodes do not find each other.
    """
    limit_s = _CONVERGE_S + settings.settle_s + settings.seconds + _DRAIN_S + _SLACK_S
    answer = in_namespace("loadtest.sockets", msgspec.json.encode(settings), limit_s)
    return msgspec.json.decode(answer, type=SocketFigures)


def need(program: str, package: str) -> None:
    """Raise `ConfigError`, naming the Debian package, if there is no `program`."""
    if shutil.which(program) is None:
        raise ConfigError(program, "is no program on this machine", f"apt-get install {package}")


def in_namespace(module: str, asked: bytes, limit_s: float) -> bytes:
    """What `module`, started as a program in namespaces of its own with `asked` on its input, writes.

    However it ends, or we do, or `limit_s` passes: the kernel then ends every process in there.

    Raises:
        ConfigError: the namespaces may not be made.
        RuntimeError, subprocess.TimeoutExpired: the program failed, or took longer.
    """
    need("unshare", "util-linux")
    command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--pid", "--fork", "--kill-child"]
    command += ["--mount-proc", *(["--map-root-user"] if os.geteuid() else []), sys.executable, "-m", module]
    done = subprocess.run(
        command, input=asked, capture_output=True, timeout=limit_s, check=False, cwd=_ROOT, process_group=0
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        if said.startswith("unshare:"):
            raise ConfigError("loadtest", f"gets no network of its own ({said})", "run it as root")
        raise RuntimeError(f"{module} failed: {said}")
    return done.stdout


def raise_loopback() -> None:
    """Set the loopback device of this process's network up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def to_share(delays_s: list[float], share: float) -> float:
    """The time by which `share` (0-1) of all nodes had it, from the delay of each."""
    return sorted(delays_s)[math.ceil(share * len(delays_s)) - 1]


class _Watched:
    """One node that changes its load all the time, and looks at what it holds of the others.

    A load's `kbps` is the millisecond of its change: the monotonic clock is the same in all processes.
    """

    def __init__(self, settings: SocketRun, index: int) -> None:
        now = time.monotonic()
        self.name = f"edge-{index}"
        self.ages_s: list[float] = []
        step = max(1, settings.nodes // _TRACKED)
        self.held: _Held = {f"edge-{subject}": {} for subject in range(0, settings.nodes, step)[:_TRACKED]}
        self.looking_s = 0.0
        self._period_s = 1 / settings.changes_per_s
        self._size = settings.nodes
        self._others = [f"edge-{other}" for other in range(settings.nodes) if other != index]
        self._rng = rng = random.Random(f"{settings.seed} {index}")
        self._change_at = now + rng.uniform(0, self._period_s)
        address = Address("127.0.0.1", _PORT + index)
        member = Member(self.name, incarnation_of(int(time.time())), Status.ALIVE, *address)
        identity = Identity(member, "loadtest", KeyRing.insecure("loadtest"), rng.randbytes(8))
        self._node = GossipNode(identity, settings.config, rng, now)
        sock = bind(address, "loadtest", socket.SOCK_DGRAM)
        self._transport = GossipTransport(self._node, sock, lambda _: None)

    def start(self) -> None:
        """Join through the first node, and begin to change."""
        self._transport.start()
        self._node.set_seeds([Address("127.0.0.1", _PORT)], time.monotonic())
        self._change()

    def converged(self) -> bool:
        """Whether every node is held alive, with a load."""
        return sum(one.load is not None for one in self._node.view().alive) == self._size

    def _change(self) -> None:
        now = time.monotonic()
        if now >= self._change_at:
            self._change_at += self._period_s
            self._node.update_load(load_at(now, self._rng), now)
            self._transport.pump()
        asyncio.get_running_loop().call_later(max(0.0, self._change_at - now), self._change)

    def look(self) -> None:
        """Take ages of some loads, and note what is new of the tracked nodes; again soon."""
        began = time.thread_time()
        # A view of all nodes would cost more than their gossip.
        now, loads = time.monotonic(), core_of(self._node).loads
        for name in self._rng.sample(self._others, min(_PAIRS, len(self._others))):
            if load := loads.get(name):
                self.ages_s.append(now - load.value.kbps / 1000)
        for name, held in self.held.items():
            if load := loads.get(name):
                held.setdefault(load.value.kbps, load.at)
        # Four times a change: what a later change replaced between two looks is taken for late, never for early.
        pause_s = max(_LOOK_MIN_S, self._period_s / 4) * self._rng.uniform(0.5, 1.5)
        asyncio.get_running_loop().call_later(pause_s, self.look)
        self.looking_s += time.thread_time() - began


def _work(settings: SocketRun, share: int, pipe: Connection) -> None:
    uvloop.run(_serve(settings, share, pipe))


async def _serve(settings: SocketRun, share: int, pipe: Connection) -> None:
    """One process: say when its nodes have converged, hear when to begin, tell what was seen."""
    nodes = [_Watched(settings, index) for index in range(share, settings.nodes, settings.processes)]
    for one in nodes:
        one.start()
    while not all(one.converged() for one in nodes):  # noqa: ASYNC110 - a look now and then is cheapest
        await asyncio.sleep(0.1)
    pipe.send(None)
    begin: float = await asyncio.to_thread(pipe.recv)
    await asyncio.sleep(begin - time.monotonic())
    cpu_s = time.process_time()
    for one in nodes:
        one.look()
    await asyncio.sleep(begin + settings.seconds - time.monotonic())
    cpu_s = time.process_time() - cpu_s - sum(one.looking_s for one in nodes)
    await asyncio.sleep(_DRAIN_S)
    ages_s = [age_s for one in nodes for age_s in one.ages_s]
    pipe.send(_Seen(cpu_s, ages_s, {one.name: one.held for one in nodes}))


def _receive(pipes: list[Connection], limit_s: float) -> list[Any]:
    """One object from each process."""
    give_up = time.monotonic() + limit_s
    for pipe in pipes:
        if not pipe.poll(max(0.0, give_up - time.monotonic())):
            raise TimeoutError("the nodes did not find each other, or are too many for this machine")
    return [pipe.recv() for pipe in pipes]


def _traffic() -> Traffic:
    """What this network's loopback device has carried: IP packets and their bytes."""
    devices = dict(line.split(":") for line in Path("/proc/net/dev").read_text().splitlines()[2:])
    return Traffic(*map(int, devices["    lo"].split()[:2]))


def _conduct(settings: SocketRun) -> SocketFigures:
    """Start the processes, and measure."""
    raise_loopback()
    context = multiprocessing.get_context("spawn")
    pipes = []
    for share in range(settings.processes):
        pipe, theirs = context.Pipe()
        context.Process(target=_work, args=(settings, share, theirs), daemon=True).start()
        theirs.close()  # the death of its process is then the end of the pipe
        pipes.append(pipe)
    _receive(pipes, _CONVERGE_S)
    begin = time.monotonic() + settings.settle_s
    for pipe in pipes:
        pipe.send(begin)
    time.sleep(begin - time.monotonic())
    before = _traffic()
    time.sleep(begin + settings.seconds - time.monotonic())
    after = _traffic()
    sent = Traffic(after.bytes - before.bytes, after.packets - before.packets)
    return _figures(settings, _receive(pipes, _DRAIN_S + _SLACK_S), begin, sent)


def _figures(settings: SocketRun, seen: list[_Seen], begin: float, sent: Traffic) -> SocketFigures:
    ages = statistics.quantiles([age_s for one in seen for age_s in one.ages_s], n=100)
    spread = list(_spread(seen, begin, begin + settings.seconds))
    each = settings.nodes * settings.seconds
    return SocketFigures(
        age_p95_s=ages[94],
        age_p99_s=ages[98],
        to_95_s=statistics.median(to_share(delays_s, 0.95) for delays_s in spread),
        to_all_s=statistics.median(map(max, spread)),
        changes=len(spread),
        bytes_per_node_s=sent.bytes / each,
        datagrams_per_node_s=sent.packets / each,
        cpu_per_node=sum(one.cpu_s for one in seen) / each,
    )


def _spread(seen: list[_Seen], begin: float, end: float) -> Iterator[list[float]]:
    """For each change made from `begin` to `end`: after how many seconds each node held it or a later one."""
    held = {name: each for process in seen for name, each in process.held.items()}
    changes = [(subject, change) for subject in held["edge-0"] for change in held[subject][subject]]
    for subject, change in changes:
        if begin <= change / 1000 < end:
            newer = ([at for made, at in each[subject].items() if made >= change] for each in held.values())
            yield [(at[0] if at else end + _DRAIN_S) - change / 1000 for at in newer]


if __name__ == "__main__":
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=SocketRun)
    sys.stdout.buffer.write(msgspec.json.encode(_conduct(asked)))
