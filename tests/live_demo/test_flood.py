"""A member with the cluster's key sends 5,000 datagrams a second to one node; the others have urgent things to say."""

import asyncio
import logging
import time
from datetime import datetime
from statistics import quantiles

import orjson
import pytest

from live_demo.cluster import Cluster, Liar, Node

VICTIM, FLOODER = "victim", "flooder"
OTHERS = ("one", "two", "three", "four", "five")
HONEST = (VICTIM, *OTHERS)
EVENTS, EVERY_S = 60, 0.12
QUIET_LEAST_S = 0.015  # times below it are those of the machine
PROCESSOR_MAX = 0.2  # of a core, beyond what it takes in quiet
BEGUN_S, OVER_S = 3.0, 15.0
UNREAD_LEAST = 0.8  # of 5,000 a second

log = logging.getLogger(__name__)  # -o log_cli=true --log-level=INFO shows the figures


def purged(node: Node) -> dict[str, float]:
    """When a node acted on each purge, by its log."""
    lines = (orjson.loads(line) for line in node.said.splitlines() if '"purged ' in line)
    return {
        line["message"].split()[1]: datetime.fromisoformat(line["time"]).timestamp()
        for line in lines
        if "purged" in line["message"]
    }


async def delays(cluster: Cluster, phase: str) -> list[float]:
    """Seconds from an order at one of the others until each node acts, of many orders."""
    ordered: dict[str, float] = {}
    for number in range(EVENTS):
        path = f"/{phase}/{number}"
        ordered[f"url:{path}"] = time.time()
        url = f"{cluster.nodes[OTHERS[number % len(OTHERS)]].admin}/v1/purge"
        async with cluster.http.post(url, json={"url": path}) as answer:
            assert answer.status in (200, 202), await answer.text()
        await asyncio.sleep(EVERY_S)
    await asyncio.sleep(1.0)
    acted = {name: purged(cluster.nodes[name]) for name in HONEST}
    return [acted[name].get(key, at + 60.0) - at for name in HONEST for key, at in ordered.items()]


async def measured(cluster: Cluster, phase: str) -> tuple[float, float]:
    """The 95th percentile of the delays, and the victim's processor time a second."""
    system, begun = cluster.nodes[VICTIM].system, time.monotonic()
    before = sum(system.cpu_times()[:2])
    p95 = quantiles(await delays(cluster, phase), n=20)[-1]
    used = (sum(system.cpu_times()[:2]) - before) / (time.monotonic() - begun)
    log.info(
        "%s: 95%% acted within %.1f ms; the victim takes %.1f%% of a core", phase, 1000 * p95, 100 * used
    )
    return p95, used


async def says(cluster: Cluster, kind: str, within_s: float) -> None:
    """Wait until the victim's log has an event of that kind about the flooder."""
    async with asyncio.timeout(within_s):
        while not any(f'"kind":"{kind}"' in line and FLOODER in line for line in _lines(cluster)):
            await asyncio.sleep(0.1)


def _lines(cluster: Cluster) -> list[str]:
    return cluster.nodes[VICTIM].said.splitlines()


@pytest.mark.timeout(90)
async def test_a_flood_from_a_member_delays_nobodys_urgent_word(cluster: Cluster) -> None:
    cluster.kinds = {FLOODER: Liar}
    await cluster.grow(*HONEST, FLOODER, node_zone="here", log_format="json")
    quiet_s, quiet_used = await measured(cluster, "quiet")
    flooder = cluster.nodes[FLOODER]
    assert isinstance(flooder, Liar)
    flooder.lie(f"flood {cluster.nodes[VICTIM].gossip}")
    await says(cluster, "flood", BEGUN_S)
    before, begun = await unread(cluster), time.monotonic()
    flooded_s, used = await measured(cluster, "flood")
    rate = (await unread(cluster) - before) / (time.monotonic() - begun)
    log.info("dropped unread: %.0f datagrams a second", rate)
    assert rate > UNREAD_LEAST * 5000
    assert flooded_s <= 2 * max(quiet_s, QUIET_LEAST_S)
    assert used - quiet_used <= PROCESSOR_MAX
    assert set((await cluster.statuses(VICTIM)).values()) == {"alive"}
    flooder.lie("")
    await says(cluster, "flood-over", OVER_S)


async def unread(cluster: Cluster) -> float:
    """Datagrams that the victim has dropped unread."""
    return await cluster.metric(VICTIM, "edge_gossip_dropped_total", reason="flood")
