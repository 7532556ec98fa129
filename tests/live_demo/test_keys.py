"""Keys rotate on eight nodes under load, one of them down meanwhile: no frame is lost for its key."""

import asyncio
import base64
import logging
import time
from pathlib import Path
from typing import Any

import pytest

from edge.wire.keys import KEY_BYTES, key_id
from live_demo.cluster import Cluster

log = logging.getLogger(__name__)

OLD, NEW = (bytes([number]) * KEY_BYTES for number in (1, 2))
ID_OLD, ID_NEW = f"{key_id(OLD):02x}", f"{key_id(NEW):02x}"
NAMES = tuple(f"node-{number}" for number in range(8))
DOWN = NAMES[5]
REASONS = ("unknown_key", "authentication")


def line(key: bytes) -> str:
    return base64.b64encode(key).decode()


async def order(cluster: Cluster, at: str, **asked: Any) -> tuple[int, str]:
    async with cluster.http.post(f"{cluster.nodes[at].admin}/v1/keys", json=asked) as answer:
        return answer.status, await answer.text()


async def rings(cluster: Cluster, names: tuple[str, ...], held: tuple[str, ...], within_s: float) -> float:
    """Wait until these hold just these keys, the first sealing, and all know it of all; how long it took."""
    begun = time.monotonic()
    async with asyncio.timeout(within_s):
        for at in names:
            while True:
                told = (await cluster.get(f"{cluster.nodes[at].admin}/v1/keys"))["keys"]
                by_id = {one["id"]: set(names) & set(one["held"]) for one in told}
                sealing = next(
                    (set(names) & set(one["seals"]) for one in told if one["id"] == held[0]), set()
                )
                if sealing == set(names) and all(
                    one == (set(names) if name in held else set()) for name, one in by_id.items()
                ):
                    break
                await asyncio.sleep(0.1)
    return time.monotonic() - begun


async def drops(cluster: Cluster, names: tuple[str, ...]) -> dict[str, float]:
    """Frames that were dropped for their key, by node; only where there are some."""
    found = {
        at: sum([await cluster.metric(at, "edge_gossip_dropped_total", reason=reason) for reason in REASONS])
        for at in names
    }
    return {at: count for at, count in found.items() if count}


@pytest.mark.timeout(120)
async def test_keys_rotate_under_load_while_a_node_is_down(cluster: Cluster, tmp_path: Path) -> None:
    await cluster.origin()
    files = {name: tmp_path / f"{name}.keys" for name in NAMES}
    for file in files.values():
        file.write_text(line(OLD) + "\n")
    for some in (NAMES[:1], NAMES[1:3], NAMES[3:5], NAMES[5:]):
        await asyncio.gather(*(cluster.node(name, gossip_keys_file=str(files[name])) for name in some))
    await cluster.whole(*NAMES)
    cluster.viewers(60)
    down, others = cluster.nodes[DOWN], tuple(name for name in NAMES if name != DOWN)
    await rings(cluster, NAMES, (ID_OLD,), 10)

    down.kill()
    async with asyncio.timeout(15):
        while any([(await cluster.statuses(at))[DOWN] != "unreachable" for at in others]):
            await asyncio.sleep(0.1)
    before = [await cluster.metric(at, "edge_gossip_datagrams_received_total") for at in others]
    assert (await order(cluster, NAMES[0], install=line(NEW)))[0] == 202
    held_s = await rings(cluster, others, (ID_OLD, ID_NEW), 10)
    assert (await order(cluster, NAMES[1], use=ID_NEW))[0] == 202
    used_s = await rings(cluster, others, (ID_NEW, ID_OLD), 10)
    status, said = await order(cluster, NAMES[2], remove=ID_OLD)
    assert (status, f"key {ID_OLD} is needed by {DOWN}" in said) == (400, True)
    await asyncio.sleep(2)

    late = await cluster.node(DOWN, gossip_keys_file=str(files[DOWN]), gossip_bind=str(down.gossip))
    back_s = await rings(cluster, NAMES, (ID_NEW, ID_OLD), 10)
    await cluster.whole(*NAMES)
    assert late.popen.poll() is None
    assert (await order(cluster, NAMES[3], remove=ID_OLD))[0] == 202
    gone_s = await rings(cluster, NAMES, (ID_NEW,), 15)
    await asyncio.sleep(1)
    assert await drops(cluster, NAMES) == {}
    after = [await cluster.metric(at, "edge_gossip_datagrams_received_total") for at in others]
    received = sum(after) - sum(before)
    assert received > 500
    assert sum([await cluster.metric(at, "edge_requests_total") for at in NAMES]) > 100
    words = f"held after {held_s:.1f} s, used {used_s:.1f}, late node {back_s:.1f}, dropped {gone_s:.1f}"
    log.info("%s; %.0f datagrams, none lost for its key", words, received)
    for name, file in files.items():
        async with asyncio.timeout(5):
            while line(NEW) not in file.read_text() or line(OLD) in file.read_text():
                await asyncio.sleep(0.1)
        assert line(NEW) not in cluster.nodes[name].said
