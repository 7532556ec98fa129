"""One whole node in a large cluster and in the middle of a match, for what its admin port costs.

The node is a real one with real sockets. What the others tell comes in real frames; what its own viewers and its cache
would have brought about is put where they count it.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec.structs import replace

from edge.app import Node
from edge.config import Source, load
from edge.decide.scheduled import Scheduled
from edge.model import HotSegment, Load, Member, PlaceQuality, first_version
from edge.state.quality import Sample
from edge.wire.compress import shipped
from edge.wire.errors import Drop
from edge.wire.frame import SESSION_BYTES, Sealer
from edge.wire.keys import KeyRing
from edge.wire.messages import LoadRow, Loads, QualityRow, TopRow, Tops, encode, join
from loadtest.sim.world import World

CLUSTER = "crowded"
ISPS = ("jio", "airtel", "vi", "bsnl")
ZONES = 32
CAPACITY = 250_000
PER_FRAME = 5
_EVENTS = 40
_VIEWERS = 3000
_WITHIN_S = 10.0


@asynccontextmanager
async def crowded(members: int) -> AsyncIterator[Node]:
    """A node that runs, and knows of so many members, itself among them."""
    values = {
        "node.name": "edge-0",
        "node.cluster": CLUSTER,
        "node.zone": "zone-0",
        "node.isp": ISPS[0],
        "cache.origin": "http://127.0.0.1:1",
    }
    values |= {f"{section}.bind": "127.0.0.1:0" for section in ("gossip", "public", "admin")}
    node, ready, stop = Node(load(Source.flags(values))), asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(node.run(stop, ready.set))
    try:
        await asyncio.wait_for(ready.wait(), _WITHIN_S)
        _fill(node, members, random.Random(1))
        yield node
    finally:
        running.cancel()
        await asyncio.wait([running], timeout=_WITHIN_S)


def _fill(node: Node, members: int, rng: random.Random) -> None:
    now = time.monotonic()
    others = _others(members)
    node.gossip.acquaint(others, now)
    sealer = Sealer(KeyRing.insecure(CLUSTER), CLUSTER, bytes(SESSION_BYTES), shipped())
    for begin in range(0, len(others), PER_FRAME):
        some = others[begin : begin + PER_FRAME]
        for message in (_loads(some, rng), _tops(some, rng)):
            node.gossip.receive_datagram(sealer.seal(join([encode(message)])), some[0].address, now)
    _watched(node, others, rng)
    _counted(node, rng)
    wall_ms, shares = int(1000 * time.time()), {f"zone-{number}": 0.2 for number in range(4)}
    for number in range(_EVENTS):
        match = Scheduled(f"match-{number}", wall_ms + 60_000 * number, 1_000_000, 44_000, zones=shares)
        node.events.schedule(match.key, match.body, 7200)


def _others(members: int) -> list[Member]:
    """Of loopback addresses, so that nothing of this leaves the machine."""
    world = World(1)
    world.add(members)
    found = [world.member(host) for host in world.hosts.values()][1:]
    return [
        replace(one, host=f"127.9.{number >> 8}.{number & 255}", zone=f"zone-{number % ZONES}")
        for number, one in enumerate(found, 1)
    ]


def _loads(some: list[Member], rng: random.Random) -> Loads:
    rows, quality = [], []
    for one in some:
        version, streams = first_version(one.incarnation) + 1, rng.randrange(CAPACITY // 2, CAPACITY * 3 // 4)
        rows.append(LoadRow(one.name, version, Load(streams, 8_000_000, 90_000, CAPACITY, 100, lag_ms=1)))
        places = [
            PlaceQuality(one.zone, isp, rng.randrange(100, 9000), rng.randrange(1500, 6000), 9000, 10)
            for isp in ("", *ISPS)
        ]
        quality.append(QualityRow(one.name, version, tuple(places)))
    return Loads(rows, quality)


def _tops(some: list[Member], rng: random.Random) -> Tops:
    hot = [
        tuple(HotSegment(f"/live/v{rung}/{rng.randrange(9999)}.m4s", 900.0) for rung in range(5))
        for _ in some
    ]
    return Tops(
        [
            TopRow(one.name, first_version(one.incarnation) + 1, top)
            for one, top in zip(some, hot, strict=True)
        ]
    )


def _watched(node: Node, others: list[Member], rng: random.Random) -> None:
    """Viewers who were sent on, who watch, and whose players tell."""
    now = time.monotonic()
    for one in others:
        node._routes.redirects[one.name] = rng.randrange(1, 10**7)
    for number in range(_VIEWERS):
        node.traffic.record(f"viewer-{number}", f"/live/v240/{number % 200}.m4s", 100_000, now)
        sample = Sample(f"s{number}", 3000, 9000, stalled=False)
        node.audience.quality.meter.add(f"zone-{number % ZONES}", ISPS[number % len(ISPS)], sample, now)
    node.audience.quality.look(now)


def _counted(node: Node, rng: random.Random) -> None:
    """All that counts by reason or bucket, with figures as long as they are after a day."""
    for reason in Drop:
        node.gossip.counters.dropped[reason] = rng.randrange(10**7)
    for word in ("connect", "timeout", "broken", "status_503", "slow", "too_large"):
        node.cache.counters.fill_errors[word] = rng.randrange(10**6)
        node.cache.counters.peer_errors[word] = rng.randrange(10**6)
    node.prewarm.counters.fetched = node.cache.counters.requests = rng.randrange(10**9)
    histograms = [*node.cache.counters.fill_s.values(), node.gossip.counters.regular_age]
    for one in (*histograms, node.gossip.counters.urgent_age, node.gossip.counters.probe_rtt):
        for _ in range(1000):
            one.add(rng.expovariate(2))
