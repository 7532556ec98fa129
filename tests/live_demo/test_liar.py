"""Twelve real nodes, one of which lies at a time, and viewers who ask any of the others where to go."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import accumulate

import aiohttp
import pytest

from live_demo.cluster import Cluster, Liar
from live_demo.routed import SETTLED_S, Routed

HONEST = [f"honest-{number}" for number in range(8)]
LIARS = {"empty": "liar-empty", "deaths": "liar-deaths", "names": "liar-names", "purges": "liar-purges"}
CAPACITY = 300
HONEST_S = 6.0
SHUNNED_S, BELIEVED_S, SHIFT_MAX = 10.0, 45.0, 0.05

log = logging.getLogger(__name__)  # -o log_cli=true --log-level=INFO shows the figures


@asynccontextmanager
async def viewers(cluster: Cluster) -> AsyncIterator[Routed]:
    urls = {name: node.public for name, node in cluster.nodes.items()}
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=300), timeout=aiohttp.ClientTimeout(total=10)
    ) as http:
        routed = Routed(http, urls, HONEST)
        task = asyncio.create_task(routed.run())
        try:
            yield routed
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def shunned(cluster: Cluster, at: str) -> list[str]:
    """By a node."""
    members = (await cluster.get(f"{cluster.nodes[at].admin}/v1/members"))["members"]
    return [one["name"] for one in members if one["quarantined"]]


async def shunned_by_all(cluster: Cluster, name: str, *, wanted: bool, within_s: float) -> float:
    """Seconds until all honest nodes shun a node, or none does; nobody honest may be shunned."""
    begun, waiting = time.monotonic(), list(HONEST)
    async with asyncio.timeout(within_s):
        while waiting:
            for at in list(waiting):
                found = await shunned(cluster, at)
                assert not set(found) & set(HONEST)
                if (name in found) == wanted:
                    waiting.remove(at)
            await asyncio.sleep(0.1)
    return time.monotonic() - begun


def drawn(sent: Sequence[str], name: str, share: float) -> float:
    """Viewers sent to a node beyond its honest share, up to the worst moment."""
    return max(accumulate(((one == name) - share for one in sent), initial=0.0))


async def caught(cluster: Cluster, routed: Routed, lie: str, share: float) -> float:
    """Have a node lie until all shun it, and see whom it drew; when it stopped."""
    name, begun = LIARS[lie], time.monotonic()
    liar = cluster.nodes[name]
    assert isinstance(liar, Liar)
    liar.lie(lie)
    took = await shunned_by_all(cluster, name, wanted=True, within_s=SHUNNED_S)
    liar.lie("")
    ended, sent = time.monotonic(), routed.since(begun)
    moved = drawn(sent, name, share)
    text = "%s: shunned by all after %.1f s; drawn %.0f of %d who came, of %d in all"
    log.info(text, lie, took, moved, len(sent), len(routed.sent))
    assert moved < SHIFT_MAX * len(routed.sent)
    return ended


@pytest.mark.timeout(150)
async def test_one_liar_of_twelve_draws_few_viewers_and_is_shunned_until_it_stops(cluster: Cluster) -> None:
    cluster.kinds = dict.fromkeys(LIARS.values(), Liar)
    await cluster.origin()
    await cluster.grow(*HONEST, *LIARS.values(), node_zone="here", node_capacity=CAPACITY)
    begun = time.monotonic()
    async with viewers(cluster) as routed:
        await asyncio.sleep(SETTLED_S / 4)
        ended = {"purges": await caught(cluster, routed, "purges", 1 / len(cluster.nodes))}
        await asyncio.sleep(SETTLED_S - (time.monotonic() - begun))
        since = time.monotonic()
        await asyncio.sleep(HONEST_S)
        honest = routed.since(since)
        for lie in ("empty", "deaths", "names"):
            ended[lie] = await caught(cluster, routed, lie, honest.count(LIARS[lie]) / len(honest))
        for lie, at in ended.items():
            await shunned_by_all(cluster, LIARS[lie], wanted=False, within_s=BELIEVED_S)
            log.info("%s: believed by all %.1f s after its end", lie, time.monotonic() - at)
        assert routed.failed < 0.01 * len(routed.sent)
