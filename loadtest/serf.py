"""serf under the same load, and our figures beside its.

Each serf agent (profile lan, loopback) sets a tag of 256 bytes once a second, by its RPC (MessagePack over TCP). The
kernel counts packets by port, so what is asked over RPC is not in the figures of the network.
"""

import asyncio
import base64
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from loadtest.rows import Row
from loadtest.sockets import SocketRun, Traffic, in_namespace, need, raise_loopback, to_share
from loadtest.sockets import run as run_ours

_GOSSIP_PORT = 7000
_RPC_PORT = 8000
_TAG_BYTES = 256
_PERIOD_S = 1.0
_CONVERGE_S = 30.0
_SETTLE_S = 4.0  # its queues are full by then
_SPREAD_S = 20.0  # changes are followed for about this long
_SPREADS = 9
_GIVE_UP_S = 8.0
_POLL_S = 0.05
_CALL_S = 10.0
_WRITERS = 2  # connections that set tags in turn: one call lasts until the change is told, or the next one replaces it
_SLACK_S = 20.0
_AGENTS, _SECONDS = 30, 10.0  # of the rows

# UDP, and TCP both ways; ports 7xxx are the agents' for gossip, and ephemeral ports are far above.
_COUNTER = b"""
table inet loadtest {
  counter sent {}
  chain output {
    type filter hook output priority 0
    meta l4proto { tcp, udp } th dport 7000-7999 counter name sent
    meta l4proto tcp th sport 7000-7999 counter name sent
  }
}
"""


@dataclass(frozen=True, slots=True)
class SerfFigures:
    """What a run measured. Tags are of random text, which does not compress, but where `json` is in the name."""

    to_95_s: (
        float  # from a change of a tag until 95% of the agents hold it or a later one, median over changes
    )
    to_all_s: float  # the same until all hold it
    changes: int  # how many changes the two medians are of
    bytes_per_agent_s: (
        float  # sent by one agent in a second, with headers of IP, UDP and TCP, as the kernel counts
    )
    packets_per_agent_s: float
    json_bytes_per_agent_s: float  # the same with tags of JSON, which serf compresses
    cpu_per_agent: float  # processor seconds of one agent in a second


class _Header(msgspec.Struct, rename="pascal"):
    error: str


class _Member(msgspec.Struct, rename="pascal"):
    status: str
    tags: dict[str, str]


class _Members(msgspec.Struct, rename="pascal"):
    members: list[_Member]


_Reply = TypeVar("_Reply")
_plain = msgspec.msgpack.Decoder(tuple[_Header])
_full = msgspec.msgpack.Decoder(tuple[_Header, _Members])


def run(agents: int, seconds: float) -> SerfFigures:
    """Measure `agents` serf agents, at least two, for `seconds` with each kind of tag, and follow some changes.

    Raises:
        ConfigError: serf or nft is missing, or this machine gives us no network of our own.
    """
    need("serf", "serf")
    need("nft", "nftables")
    limit_s = _CONVERGE_S + 2 * (_SETTLE_S + seconds) + _SPREAD_S + 2 * _GIVE_UP_S + _SLACK_S
    answer = in_namespace("loadtest.serf", msgspec.json.encode((agents, seconds)), limit_s)
    return msgspec.json.decode(answer, type=SerfFigures)


def serf_rows() -> Iterator["Row"]:
    """Load that changes once a second on each of 30 nodes: our bytes and our time to 95% in parts of serf's."""
    serf = run(_AGENTS, _SECONDS)
    ours = run_ours(SocketRun(nodes=_AGENTS, changes_per_s=1 / _PERIOD_S, seconds=_SECONDS))
    size, taken = ours.bytes_per_node_s / serf.bytes_per_agent_s, ours.to_95_s / serf.to_95_s
    yield Row("gossip.serf.bytes", "bytes sent, ours over serf's, N=30", size, "ratio", 1 / 3)
    yield Row("gossip.serf.time", "time to 95% of the nodes, ours over serf's, N=30", taken, "ratio", 1 / 5)
    json_kb = serf.json_bytes_per_agent_s / 1000
    for name, figure, unit, our, its in (
        ("bytes", "sent by a node", "KB/s", ours.bytes_per_node_s / 1000, serf.bytes_per_agent_s / 1000),
        ("json", "sent by a node, serf's tags in JSON", "KB/s", ours.bytes_per_node_s / 1000, json_kb),
        ("packets", "sent by a node", "1/s", ours.datagrams_per_node_s, serf.packets_per_agent_s),
        ("time", "a change known to 95%, median", "ms", 1000 * ours.to_95_s, 1000 * serf.to_95_s),
        ("all", "a change known to all, median", "ms", 1000 * ours.to_all_s, 1000 * serf.to_all_s),
        ("cpu", "processor time of a node", "% core", 100 * ours.cpu_per_node, 100 * serf.cpu_per_agent),
    ):
        yield Row(f"gossip.serf.{name}.ours", f"{figure}: ours, N=30", our, unit, None)
        yield Row(f"gossip.serf.{name}.its", f"{figure}: serf's, N=30", its, unit, None)


class _Rpc:
    """One connection to an agent's RPC: one call at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._seq = 0
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, port: int) -> "_Rpc":
        """Connect, as soon as the agent listens."""
        while True:
            try:
                rpc = cls(*await asyncio.open_connection("127.0.0.1", port))
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)
                continue
            await rpc._tell("handshake", {"Version": 1})
            return rpc

    async def set_tag(self, value: str) -> None:
        """Set the agent's tag; returns when the agent has told it often enough, or the next one replaces it."""
        await self._tell("tags", {"Tags": {"load": value}})

    async def members(self, name: str) -> list[_Member]:
        """What the agent holds of the agents whose whole name the regular expression matches; "" is all."""
        _, answer = await self._call("members-filtered", {"Name": name}, _full)
        return answer.members

    async def _tell(self, command: str, body: object) -> None:
        (said,) = await self._call(command, body, _plain)
        if said.error:
            raise RuntimeError(f"serf: {command}: {said.error}")

    async def _call(self, command: str, body: object, decoder: msgspec.msgpack.Decoder[_Reply]) -> _Reply:
        async with self._turn, asyncio.timeout(_CALL_S):
            self._seq += 1
            header = {"Command": command, "Seq": self._seq}
            self._writer.write(msgspec.msgpack.encode(header) + msgspec.msgpack.encode(body))
            # Objects follow one another without a frame. Behind the head of an array they are one object.
            received = b"\x92" if decoder is _full else b"\x91"
            while chunk := await self._reader.read(1 << 16):
                received += chunk
                try:
                    return decoder.decode(received)
                except msgspec.DecodeError as error:
                    if "truncated" not in str(error):
                        raise
            raise ConnectionError(f"serf: {command}: the agent is gone")


class _Agent:
    """One serf agent and our connections to it."""

    def __init__(self, index: int) -> None:
        self.name = f"edge-{index}"
        self.changed_ms = 0  # when its tag was set last
        self.json = False  # what its tags are made of
        self._port = _RPC_PORT + index
        self._rng = random.Random(index)
        self._reader: _Rpc
        self._writers: list[_Rpc] = []
        command = ["serf", "agent", f"-node={self.name}", f"-bind=127.0.0.1:{_GOSSIP_PORT + index}"]
        command += [f"-rpc-addr=127.0.0.1:{self._port}", "-profile=lan", "-log-level=err"]
        command += [f"-retry-join=127.0.0.1:{_GOSSIP_PORT}", "-retry-interval=1s"] if index else []
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    async def connect(self) -> None:
        """Open the connections."""
        self._reader = await _Rpc.open(self._port)
        self._writers = [await _Rpc.open(self._port) for _ in range(_WRITERS)]

    async def converged(self, agents: int) -> None:
        """Returns when this agent holds all of them alive."""
        while sum(one.status == "alive" for one in await self._reader.members("")) < agents:  # noqa: ASYNC110
            await asyncio.sleep(0.2)

    async def change(self, tasks: asyncio.TaskGroup) -> None:
        """Set the tag once a period, for ever."""
        at = time.monotonic() + self._rng.uniform(0, _PERIOD_S)
        while True:
            await asyncio.sleep(at - time.monotonic())
            at += _PERIOD_S
            self.changed_ms = int(time.monotonic() * 1000)
            self._writers.append(writer := self._writers.pop(0))
            tasks.create_task(writer.set_tag(_tag(self.changed_ms, self._rng, self.json)))

    async def learns(self, subject: "_Agent", changed_ms: int) -> float:
        """Seconds from the change of `subject` at `changed_ms` until this agent holds it or a later one."""
        asked_at = changed_ms / 1000
        while True:
            held = await self._reader.members(subject.name)
            now = time.monotonic()
            if held and int(held[0].tags.get("load", "0").partition(" ")[0]) >= changed_ms:
                return (asked_at + now) / 2 - changed_ms / 1000  # between the last no and the first yes
            if now - changed_ms / 1000 > _GIVE_UP_S:
                return _GIVE_UP_S
            asked_at = now
            await asyncio.sleep(_POLL_S)

    def cpu_s(self) -> float:
        """Processor time it has taken so far (proc(5))."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _tag(changed_ms: int, rng: random.Random, as_json: bool) -> str:
    """A value with the time of the change before it: random, or load and hottest segments as somebody would write."""
    load = [rng.randrange(50_000), rng.randrange(10**8), rng.randrange(5_000), 50_000, 100, rng.randrange(20)]
    hot = [
        [f"/live/{rng.randrange(9)}/1080p/{rng.randrange(10**6)}.m4s", rng.randrange(9999)] for _ in range(9)
    ]
    text = json.dumps([load, hot]) if as_json else base64.b64encode(rng.randbytes(_TAG_BYTES)).decode()
    return f"{changed_ms} {text}"[:_TAG_BYTES]


async def _conduct(count: int, seconds: float) -> SerfFigures:
    """Start the agents, and measure."""
    raise_loopback()
    subprocess.run(["nft", "-f", "-"], input=_COUNTER, check=True, timeout=5)  # noqa: ASYNC221, S607
    agents = [_Agent(index) for index in range(count)]
    async with asyncio.timeout(_CONVERGE_S):
        await asyncio.gather(*(one.connect() for one in agents))
        await asyncio.gather(*(one.converged(count) for one in agents))
    async with asyncio.TaskGroup() as tasks:
        changing = [tasks.create_task(one.change(tasks)) for one in agents]
        sent, cpu = await _costs(agents, seconds)
        spread = await _spread(agents)
        for one in agents:
            one.json = True
        json_sent, _ = await _costs(agents, seconds)
        for task in changing:
            task.cancel()
    return SerfFigures(
        to_95_s=statistics.median(to_share(delays_s, 0.95) for delays_s in spread),
        to_all_s=statistics.median(map(max, spread)),
        changes=len(spread),
        bytes_per_agent_s=sent.bytes / count / seconds,
        packets_per_agent_s=sent.packets / count / seconds,
        json_bytes_per_agent_s=json_sent.bytes / count / seconds,
        cpu_per_agent=cpu,
    )


async def _costs(agents: list[_Agent], seconds: float) -> tuple[Traffic, float]:
    """What all sent in `seconds`, once they have settled, and the processor seconds of one in a second."""
    await asyncio.sleep(_SETTLE_S)
    before, cpu_s = _traffic(), sum(one.cpu_s() for one in agents)
    await asyncio.sleep(seconds)
    after, cpu_s = _traffic(), sum(one.cpu_s() for one in agents) - cpu_s
    return Traffic(after.bytes - before.bytes, after.packets - before.packets), cpu_s / len(agents) / seconds


def _traffic() -> Traffic:
    said = subprocess.run(["nft", "-j", "list", "counters"], capture_output=True, check=True, timeout=5)  # noqa: S607
    counter = next(one["counter"] for one in json.loads(said.stdout)["nftables"] if "counter" in one)
    return Traffic(counter["bytes"], counter["packets"])


async def _spread(agents: list[_Agent]) -> list[list[float]]:
    """Follow changes, one after another: after how many seconds each agent held it or a later one."""
    rng, until = random.Random(1), time.monotonic() + _SPREAD_S
    delays_s: list[list[float]] = []
    while time.monotonic() < until and len(delays_s) < _SPREADS:
        subject = rng.choice(agents)
        last = subject.changed_ms
        while (changed_ms := subject.changed_ms) == last:  # noqa: ASYNC110 - it changes once a second
            await asyncio.sleep(0.005)
        delays_s.append(await asyncio.gather(*(one.learns(subject, changed_ms) for one in agents)))
    return delays_s


if __name__ == "__main__":
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=tuple[int, float])
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(_conduct(*asked))))
