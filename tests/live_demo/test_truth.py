"""What is gossiped is what is true: both ends compared while viewers fetch, and the wire itself read."""

import asyncio
import base64
import itertools
import math
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from edge.model import Address
from edge.state.traffic import RATE_TAU_S
from edge.wire.compress import Compressor
from edge.wire.errors import DecodeError
from edge.wire.frame import DATAGRAM_MAX_BYTES, Opener
from edge.wire.keys import KeyRing
from edge.wire.messages import AnyMessage, Loads, Tops, decode
from live_demo.cluster import Cluster, free_address

TRUE_WITHIN_S = 1.0


def of(view: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in view["members"] if one["name"] == name)
    return found


def told(entry: dict[str, Any]) -> tuple[Any, Any]:
    """Load without its age, and the five hottest segments."""
    load = {key: value for key, value in entry["load"].items() if key != "age_s"}
    return load, entry["top"]


async def test_what_a_node_holds_of_another_is_what_that_one_counts(cluster: Cluster) -> None:
    await cluster.origin()
    await cluster.grow("pune", "delhi", "chennai")
    cluster.viewers(60)
    await asyncio.sleep(8)  # until the averages over three seconds have settled
    own: list[tuple[float, Any, Any]] = []  # when, load, top as pune tells of itself
    held: list[tuple[float, Any, Any]] = []  # as delhi does
    began = time.monotonic()
    while time.monotonic() - began < 7:
        own.append((time.monotonic(), *told(of(await cluster.view("pune"), "pune"))))
        held.append((time.monotonic(), *told(of(await cluster.view("delhi"), "pune"))))
        await asyncio.sleep(0.03)
    by_version = {load["version"]: load for _, load, _ in own}
    same = [(load, by_version[load["version"]]) for _, load, _ in held if load["version"] in by_version]
    assert len(same) > 50
    assert all(theirs == ours for theirs, ours in same)
    for when, load, top in held:
        before = [(each, five) for then, each, five in own if then < when - TRUE_WITHIN_S]
        if before and when < own[-1][0] - TRUE_WITHIN_S:
            assert load["version"] >= before[-1][0]["version"]
            assert top in [five for then, _, five in own if abs(then - when) <= 2 * TRUE_WITHIN_S]
    assert len({load["version"] for _, load, _ in own}) > 10
    await _agrees_with_the_counters(cluster)


async def _agrees_with_the_counters(cluster: Cluster) -> None:
    """The load that delhi holds of pune, against pune's raw counters, averaged as the load is said to be."""
    counted, held = list[tuple[float, float, float]](), list[tuple[float, dict[str, float]]]()
    began = time.monotonic()
    while time.monotonic() - began < 14:
        counted.append((time.monotonic(), *await _counted(cluster)))
        held.append((time.monotonic(), of(await cluster.view("delhi"), "pune")["load"]))
        await asyncio.sleep(0.1)
    late = [
        (when, load) for when, load in held if when > began + 11
    ]  # older ones hang on what was not counted
    for key, column, unit in (("rps", 1, 1.0), ("mbps", 2, 8e-6)):
        mean = sum(load[key] for _, load in late) / len(late)
        expected = sum(_rate(counted, column, when) for when, _ in late) / len(late) * unit
        assert mean == pytest.approx(expected, rel=0.2), key
    streams = sum(load["streams"] for _, load in late) / len(late)
    assert streams == pytest.approx(20, abs=6)  # a third of 60; who left stays counted for ten seconds


def _rate(counted: list[tuple[float, float, float]], column: int, when: float) -> float:
    """What the counter's rate was at `when`, each increment fading by e every `RATE_TAU_S`."""
    faded = 0.0
    for (_, *before), (at, *after) in itertools.pairwise(counted):
        if at <= when:
            faded += (after[column - 1] - before[column - 1]) * math.exp((at - when) / RATE_TAU_S)
    return faded / RATE_TAU_S


async def _counted(cluster: Cluster) -> tuple[float, float]:
    return (
        await cluster.metric("pune", "edge_requests_total"),
        await cluster.metric("pune", "edge_sent_bytes_total"),
    )


class Tap(asyncio.DatagramProtocol):
    """A wire between two nodes that a test may read: what comes from one goes to the other."""

    def __init__(self) -> None:
        self.datagrams: list[tuple[Address, bytes]] = []
        self.behind = Address("", 0)  # the node that advertises this tap as its own address
        self._transport: asyncio.DatagramTransport | None = None
        self._other: Address | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        source = Address(*addr[:2])
        self.datagrams.append((source, data))
        if source != self.behind:
            self._other = source
        target = self.behind if source != self.behind else self._other
        if self._transport and target and target.port:
            self._transport.sendto(data, target)


@asynccontextmanager
async def tap() -> AsyncIterator[tuple[Tap, Address]]:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    address = Address(*sock.getsockname())
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(Tap, sock=sock)
    yield protocol, address
    transport.close()


async def test_a_datagram_off_the_wire_opens_with_the_key_and_says_what_is_true(
    cluster: Cluster, tmp_path: Path
) -> None:
    key = bytes(range(32))
    keys = tmp_path / "cluster.keys"
    keys.write_text(base64.b64encode(key).decode() + "\n")
    keys.chmod(0o600)
    await cluster.origin()
    async with tap() as (wire, address):
        secured: dict[str, str | int] = {"gossip_keys_file": str(keys), "node_cluster": "final"}
        wire.behind = free_address(socket.SOCK_DGRAM)
        bound: dict[str, str | int] = {"gossip_bind": str(wire.behind), "gossip_advertise": str(address)}
        await cluster.node("pune", **bound, **secured)
        delhi = await cluster.node("delhi", **secured)
        cluster.viewers(20)
        own: list[Any] = []
        for _ in range(40):
            own.append(told(of(await cluster.view("delhi"), "delhi")))
            await asyncio.sleep(0.1)
    caught = [data for source, data in wire.datagrams if source == delhi.gossip]
    assert len(caught) > 20
    assert max(map(len, caught)) <= DATAGRAM_MAX_BYTES
    assert not any(b"pune" in data or b"delhi" in data for data in caught)
    with pytest.raises(DecodeError, match=r"authentication|unknown_key"):
        Opener(KeyRing((bytes(32),)), "final", Compressor()).open(caught[0])

    opener, messages, compressed = Opener(KeyRing((key,)), "final", Compressor()), list[AnyMessage](), 0
    for data in caught:
        messages += decode(opener.open(data))
        compressed += data[1] != 0  # the frame names a dictionary
    assert compressed > 10
    by_version = {load["version"]: load for load, _ in own}
    rows = [row for one in messages if isinstance(one, Loads) for row in one.rows if row.node == "delhi"]
    matched = [row for row in rows if row.version in by_version]
    assert len(matched) > 5
    for one in matched:
        there = by_version[one.version]
        assert one.load.streams == there["streams"]
        assert one.load.kbps == there["mbps"] * 1000
        assert one.load.rps == there["rps"]
    tops = [row.top for one in messages if isinstance(one, Tops) for row in one.rows if row.node == "delhi"]
    known = [top for _, top in own if top]
    assert any([{"path": each.path, "rate": each.rate} for each in top] in known for top in tops)
