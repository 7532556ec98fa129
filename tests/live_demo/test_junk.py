"""Ten thousand datagrams nobody should believe, at a node that serves."""

import asyncio
import base64
import random
import socket
from pathlib import Path

import pytest
import zstandard

from edge.model import Address
from edge.wire.compress import Compressor
from edge.wire.frame import Sealer
from edge.wire.keys import KeyRing
from live_demo.cluster import Cluster

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
PAYLOAD = b'[[0,1,"nobody","nobody"]]'
EACH = 1500
LEAST = {  # of each reason; random bytes and cut frames fall under several
    "short": 500,
    "long": 100,
    "version": 1500,
    "unknown_key": EACH,
    "authentication": EACH,
    "replay": EACH - 1,
    "inflate": EACH,
}
GROWTH_MAX_BYTES = 8 * 1024 * 1024


class Bomber(Compressor):
    """Puts 40 MB of zeros into a block of a few kB, and says so or not."""

    def __init__(self, size_known: int) -> None:
        super().__init__()
        parameters = zstandard.ZstdCompressionParameters.from_level(
            19, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=size_known
        )
        self._bomb = zstandard.ZstdCompressor(compression_params=parameters).compress(bytes(20_000_000))

    def compress(self, payload: bytes) -> bytes | None:
        return self._bomb


def sealer(session: int, key: bytes = KEY, cluster: str = "final", **other: Compressor) -> Sealer:
    return Sealer(KeyRing((key,)), cluster, session.to_bytes(8, "big"), other.get("compressor", Compressor()))


def hostile() -> list[bytes]:
    """10,000 of them: replayed, truncated, of a wrong key or cluster, bombs, junk."""
    rng = random.Random(1)
    good = sealer(1)
    replayed = good.seal(PAYLOAD)
    bombs = [sealer(2 + known, compressor=Bomber(known)) for known in (0, 1)]
    wrong_key, wrong_cluster = sealer(4, OTHER), sealer(5, cluster="other")
    made = [replayed for _ in range(EACH)]
    made += [(frame := good.seal(PAYLOAD))[: rng.randrange(len(frame))] for _ in range(EACH)]
    made += [wrong_key.seal(PAYLOAD) for _ in range(EACH)]
    made += [wrong_cluster.seal(PAYLOAD) for _ in range(EACH)]
    made += [bombs[number % 2].seal(PAYLOAD) for number in range(EACH)]
    made += [rng.randbytes(rng.randrange(1500)) for _ in range(10_000 - len(made))]
    rng.shuffle(made)
    return made


@pytest.mark.timeout(120)
async def test_nothing_but_counters_moves(cluster: Cluster, tmp_path: Path) -> None:
    keys = tmp_path / "cluster.keys"
    keys.write_text(base64.b64encode(KEY).decode())
    await cluster.origin()
    settings: dict[str, str | int] = {"gossip_keys_file": str(keys), "node_cluster": "final"}
    await cluster.grow("pune", "delhi", **settings)
    pune = cluster.nodes["pune"]
    await fetch(cluster)
    members, received = await cluster.statuses("pune"), await dropped(cluster)
    assert received == 0
    before = pune.system.memory_info().rss

    await send(hostile(), pune.gossip, cluster)

    assert await cluster.statuses("pune") == members
    assert pune.system.memory_info().rss - before < GROWTH_MAX_BYTES
    # the first of the replayed ones is genuine: sealed with the key, and about nobody
    assert await dropped(cluster) == 10_000 - 1
    for reason, least in LEAST.items():
        assert await cluster.metric("pune", "edge_gossip_dropped_total", reason=reason) >= least, reason
    assert await cluster.metric("pune", "edge_gossip_sessions") <= 2 + 3
    assert "Traceback" not in pune.said
    await fetch(cluster)


async def send(datagrams: list[bytes], to: Address, cluster: Cluster) -> None:
    """In bursts that the receive buffer holds, and each counted before the next; playlists are fetched meanwhile."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for start in range(0, len(datagrams), 250):
            for data in datagrams[start : start + 250]:
                sock.sendto(data, to)
            async with asyncio.timeout(10):
                while await dropped(cluster) < min(start + 250, len(datagrams)) - 1:
                    await asyncio.sleep(0.01)
            await fetch(cluster)


async def dropped(cluster: Cluster) -> float:
    return await cluster.metric("pune", "edge_gossip_dropped_total")


async def fetch(cluster: Cluster) -> None:
    async with cluster.http.get(cluster.nodes["pune"].public + "/live/v240/playlist.m3u8") as answer:
        assert answer.status == 200
        assert (await answer.text()).startswith("#EXTM3U")
