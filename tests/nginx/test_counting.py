"""Load and popularity, though nginx answers most viewers without a word; and what reaches nginx of degraded service."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from cache.pretend_origin import PLAYLIST, SEGMENT, PretendOrigin
from edge.app import Node
from edge.nginx import log
from edge.wire.passport import HEADER
from needs import needs
from nginx.conftest import MEDIA
from nginx.site import Site, backend
from running import Running
from waiting import until

pytestmark = [needs("nginx"), pytest.mark.timeout(60)]


async def test_viewers_requests_and_bytes_of_hits_and_misses_count_once(site: Site, running: Running) -> None:
    node = await site.start_node(running)
    for viewer in "abc":
        for _ in range(10):
            await site.get(f"{SEGMENT}?CMCD=sid%3D%22{viewer}%22")
        await site.get(PLAYLIST, CMCD_Session=f'sid="{viewer}"')
    await site.get(SEGMENT, User_Agent="VLC")
    traffic = node.traffic
    await until(lambda: traffic.requests_total == 34)
    now = asyncio.get_running_loop().time()
    assert set(traffic._viewers._last) == {"a", "b", "c", "127.0.0.1 VLC"}
    assert [one.path for one in traffic.top(now)] == [SEGMENT]
    assert traffic._segments._sums[SEGMENT].rate(now) * 3 > 20
    assert traffic.bytes_total == 31 * len(b"media") + 3 * len((await site.get(PLAYLIST)).body)


async def test_the_own_load_is_told_to_the_cluster(
    site: Site, running: Running, http: aiohttp.ClientSession
) -> None:
    node = await site.start_node(running)
    for viewer in range(5):
        await site.get(f"{SEGMENT}?CMCD=sid%3D%22{viewer}%22")

    def streams() -> int:
        own = node.gossip.view().node("pune")
        return own.load.value.streams if own and own.load else 0

    await until(lambda: streams() == 5)
    async with http.get(node.member.admin + "/metrics") as answer:
        lines = (await answer.text()).splitlines()
    for line in (
        'edge_nginx_served_total{reason="HIT"} 4.0',
        'edge_nginx_served_total{reason="MISS"} 1.0',
        "edge_nginx_log_lines_total 5.0",
        "edge_nginx_log_junk_total 0.0",
        "edge_nginx_up 1.0",
        'edge_cache_tier_objects{tier="nginx"} 1.0',
    ):
        assert line in lines


async def test_the_log_is_cut_when_it_has_been_read(
    site: Site, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "CUT_BYTES", 2000)
    node = await site.start_node(running)
    path = site.folder / "access.log"
    for _ in range(5):
        before = node.traffic.requests_total
        for _ in range(40):
            await site.get(SEGMENT)
        await until(lambda wanted=before + 40: node.traffic.requests_total == wanted)  # type: ignore[misc]
        await until(lambda: path.stat().st_size == 0)
    assert backend(node)._log.junk == 0


async def test_what_was_written_while_no_node_read_is_old_news(site: Site, running: Running) -> None:
    node = await site.start_node(running)
    await site.get(SEGMENT)
    await running.stop("pune")
    for _ in range(10):
        assert (await site.get(SEGMENT)).cache == "hit"
    await until(lambda: (site.folder / "access.log").stat().st_size > 500)
    node = await site.start_node(running)
    await site.get(SEGMENT)
    await until(lambda: node.traffic.requests_total == 1)
    assert backend(node)._log.skipped_bytes > 500


def playlist(first: int) -> bytes:
    names = "".join(f"#EXTINF:2,\n{number}.m4s\n" for number in range(first, first + 3))
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:{first}\n{names}".encode()


async def test_the_first_viewer_of_a_new_segment_hits(
    site: Site, running: Running, origin: PretendOrigin
) -> None:
    for number in range(20):
        origin.serve(f"/live/v240/{number}.m4s", b"media", MEDIA)
    node = await site.start_node(running)
    origin.serve(PLAYLIST, playlist(1))
    await site.get(PLAYLIST)
    for _ in range(20):  # nginx alone knows of these
        await site.get("/live/v240/3.m4s")
    tail = backend(node)._log
    await until(lambda: tail.statuses["HIT"] == 19)
    for first in (2, 3):
        origin.serve(PLAYLIST, playlist(first))
        newest = f"{first + 2}.m4s"
        async with asyncio.timeout(5):
            while newest.encode() not in (await site.get(PLAYLIST)).body:
                await asyncio.sleep(0.05)
        assert (await site.get(f"/live/v240/{newest}")).cache == "hit"
        assert origin.counts[f"/live/v240/{newest}"] == 1
    figures = backend(node).figures().totals
    assert (figures["nginx_warmed"], figures["nginx_warm_errors"]) == (2, 0)
    assert len(node.traffic._viewers._last) == 1  # the node itself is none


async def forced(node: Node, level: int) -> None:
    node.monsoon.override({"scope": "node", "name": "pune", "level": level})
    await until(lambda: node.monsoon.level == level)


async def test_at_level_4_nginx_asks_for_nothing_but_playlists(
    site: Site, running: Running, origin: PretendOrigin
) -> None:
    origin.serve("/live/v240/8.m4s", b"later", MEDIA)
    node = await site.start_node(running)
    await site.get(SEGMENT)
    await forced(node, 4)
    await until((site.folder / "flags" / "cached-only").exists)
    assert (await site.get(SEGMENT)).cache == "hit"
    assert (await site.get(PLAYLIST)).status == 200
    async with asyncio.timeout(5):  # nginx looks for the flag once a second; until then the node refuses
        while (refused := await site.get("/live/v240/8.m4s")).headers["Retry-After"] != "1":
            assert refused.status == 503
            await asyncio.sleep(0.05)
    asked = node.cache.counters.requests
    assert (await site.get("/live/v240/8.m4s")).status == 503
    assert node.cache.counters.requests == asked
    await forced(node, 0)
    async with asyncio.timeout(5):
        while (await site.get("/live/v240/8.m4s")).status != 200:
            await asyncio.sleep(0.05)


async def test_from_level_3_on_nginx_refuses_what_is_recorded(
    origin: PretendOrigin, http: aiohttp.ClientSession, running: Running, tmp_path: Path
) -> None:
    origin.serve("/vod/1.m4s", b"film", MEDIA)
    site = Site(tmp_path / "shared", origin.url, http, nginx__recorded="/vod/")
    await site.start_nginx()
    try:
        node = await site.start_node(running)
        assert (await site.get("/vod/1.m4s")).status == 200
        await forced(node, 3)
        async with asyncio.timeout(5):
            while (await site.get("/vod/1.m4s")).status != 503:
                await asyncio.sleep(0.05)
        assert (await site.get(SEGMENT)).status == 200
    finally:
        await site.stop_nginx()


async def test_players_are_told_of_the_cap_on_playlists_and_never_from_a_stored_segment(
    site: Site, running: Running
) -> None:
    node = await site.start_node(running)
    await forced(node, 1)
    assert "mb=800" in (await site.get(PLAYLIST)).headers["CMSD-Dynamic"]
    for _ in range(2):
        assert "CMSD-Dynamic" not in (await site.get(SEGMENT)).headers


async def test_once_the_volume_is_nearly_full_nothing_more_is_stored(
    site: Site, running: Running, origin: PretendOrigin
) -> None:
    site.settings["nginx__disk_high"] = "0.1"
    node = await site.start_node(running)
    await until(lambda: backend(node).figures().gauges["nginx_disk_full"])
    for _ in range(2):
        assert (await site.get(SEGMENT)).body == b"media"
    assert backend(node).front.counters.passed == {"full": 2}
    assert origin.counts[SEGMENT] == 1  # the node's own memory has it


async def test_another_node_fills_from_this_one_through_nginx_and_is_no_viewer(
    site: Site, running: Running, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    owner = await site.start_node(running)
    other = await running.start("delhi", node__zone="pune", node__capacity="0")
    await until(lambda: len(other.gossip.view().alive) == len(owner.gossip.view().alive) == 2)
    async with http.get(other.member.public + SEGMENT) as answer:
        assert await answer.read() == b"media"
    assert other.cache.counters.peer_fills == 1
    assert owner.cache.counters.peer_requests == 1
    assert origin.counts[SEGMENT] == 1
    assert owner.traffic.requests_total == 0
    stranger = await site.get(SEGMENT, **{HEADER.replace("-", "_"): "x"})
    assert "Surrogate-Key" not in stranger.headers
