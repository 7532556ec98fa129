"""What the origin sees of a crowd: each object once for each node, however many viewers ask at the same moment."""

import asyncio
from collections.abc import Iterable
from typing import Any

from live_demo.cluster import Cluster

CROWD = 300


def segments(paths: Iterable[str]) -> list[str]:
    return [path for path in paths if path.endswith(".m4s")]


async def asked(cluster: Cluster, at_least: int) -> Any:
    """The origin's own count, once that many different segments have been asked for."""
    async with asyncio.timeout(20):
        while True:
            counts = await cluster.get(cluster.origin_url + "/_origin/requests")
            if len(segments(counts["paths"])) >= at_least:
                return counts
            await asyncio.sleep(0.1)


async def test_300_viewers_at_once_cost_the_origin_one_request_for_each_segment_and_node(
    cluster: Cluster,
) -> None:
    await cluster.origin()
    await cluster.grow("pune", "delhi", "chennai")
    viewers = cluster.viewers(CROWD)
    counts = await asked(cluster, at_least=40)
    assert set(counts["caches"]) == {"pune", "delhi", "chennai"}
    for paths in counts["caches"].values():
        assert len(segments(paths)) > 20
        assert {path: paths[path] for path in segments(paths) if paths[path] > 1} == {}
    assert '"failures":{}' in (await viewers.says(r'"watching":300.*'))[0]
    served = await cluster.metric("pune", "edge_requests_total")
    assert served > 5 * sum(counts["caches"]["pune"].values())


async def test_an_origin_that_is_down_is_counted_and_what_is_held_is_served(cluster: Cluster) -> None:
    origin = await cluster.origin()
    node = await cluster.node("pune")
    async with cluster.http.get(node.public + "/live/v240/playlist.m3u8") as playlist:
        held = segments((await playlist.text()).split())[-1]
    segment = f"{node.public}/live/v240/{held}"
    async with cluster.http.get(segment) as first:
        body = await first.read()
        assert first.status == 200
    origin.kill()
    async with cluster.http.get(segment) as again:
        assert await again.read() == body
        assert "hit" in again.headers["Cache-Status"]
    async with cluster.http.get(node.public + "/live/v240/init.mp4") as lacking:
        assert lacking.status in {502, 504}
    assert await cluster.metric("pune", "edge_cache_fill_errors_total") > 0
    async with cluster.http.get(node.admin + "/healthz") as health:
        assert health.status == 200
    assert "Traceback" not in node.said
