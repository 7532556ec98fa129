"""Purges with a real nginx: what it has, what it is about to have, and what an earlier node has left."""

import asyncio
import os
import shutil
import time
from pathlib import Path

import aiohttp
import pytest

from cache.pretend_origin import PLAYLIST, SEGMENT, PretendOrigin
from edge.app import Node
from edge.cache.purge import Purge
from edge.model import ConfigError
from edge.nginx import opening, scan
from needs import needs
from nginx.conftest import MEDIA
from nginx.site import Site, backend, cached_files
from running import Running
from waiting import until

pytestmark = [needs("nginx"), pytest.mark.timeout(60)]

OTHER = "/live/v480/7.m4s"


async def purged(node: Node, purge: Purge) -> int:
    """Purge and wait for the acknowledgement; how many objects were hit."""
    hit = node.backend.purge(purge)
    done = asyncio.Event()
    node.backend.when_recorded(done.set)
    async with asyncio.timeout(5):
        await done.wait()
    assert node.backend.recorded
    return hit


@pytest.mark.parametrize(
    ("purge", "left"),
    [
        (Purge("url", SEGMENT), [OTHER]),
        (Purge("prefix", "/live/v2"), [OTHER]),
        (Purge("prefix", "/live/"), []),
        (Purge("tag", "v240"), [OTHER]),
        (Purge("tag", "final"), []),
        (Purge("tag", "fin"), [SEGMENT, OTHER]),
    ],
    ids=lambda value: f"{value.what} {value.value}" if isinstance(value, Purge) else "",
)
async def test_a_hard_purge_removes_what_it_hits_and_nothing_else(
    site: Site, running: Running, origin: PretendOrigin, purge: Purge, left: list[str]
) -> None:
    origin.serve(OTHER, b"media", {**MEDIA, "Surrogate-Key": "final v480"})
    node = await site.start_node(running)
    for _ in range(2):
        for path in (SEGMENT, OTHER):
            await site.get(path)
        assert await purged(node, purge) == 2 - len(left)
        assert len(cached_files(site.folder)) == len(left)
        for path in (SEGMENT, OTHER):
            assert ((await site.get(path)).cache == "hit") == (path in left)
        await running.stop("pune")  # the second time, a node knows from the files alone what is there
        node = await site.start_node(running)


async def test_all_variants_of_a_playlist_are_purged(
    site: Site, running: Running, origin: PretendOrigin
) -> None:
    origin.serve(PLAYLIST, b"#EXTM3U\n#EXT-X-ENDLIST\n", {"Cache-Control": "max-age=600"})
    node = await site.start_node(running)
    for query in ("", "?_HLS_msn=7", "?_HLS_msn=7&_HLS_part=1", "?_HLS_skip=YES"):
        await site.get(PLAYLIST + query)
    assert len(cached_files(site.folder)) == 4
    assert node.backend.holds(PLAYLIST)
    assert await purged(node, Purge("url", PLAYLIST)) == 4
    assert not cached_files(site.folder)
    assert not node.backend.holds(PLAYLIST)


async def test_paths_that_are_written_in_other_ways_are_one_object(
    site: Site, running: Running, origin: PretendOrigin
) -> None:
    origin.serve("/café 1/7.m4s", b"media", MEDIA)
    node = await site.start_node(running)
    path = "/caf%C3%A9%201/7.m4s"
    await site.get(path)
    assert (await site.get("/caf%c3%a9%201/%37.m4s")).cache == "hit"
    assert await purged(node, Purge("url", path)) == 1
    assert not cached_files(site.folder)


async def test_a_soft_purge_serves_stale_once_and_then_the_new_copy(
    site: Site, running: Running, origin: PretendOrigin
) -> None:
    node = await site.start_node(running)
    await site.get(SEGMENT)
    origin.serve(SEGMENT, b"newer", MEDIA)
    assert await purged(node, Purge("tag", "final", soft=True)) == 1
    stale = await site.get(SEGMENT)
    assert (stale.body, stale.cache) == (b"media", "hit; detail=stale")
    await until(lambda: origin.counts[SEGMENT] == 2)
    async with asyncio.timeout(5):
        while (fresh := await site.get(SEGMENT)).cache != "hit":
            pass
    assert fresh.body == b"newer"
    assert origin.counts[SEGMENT] == 2


async def test_after_a_soft_purge_of_everything_all_is_served_while_the_origin_is_down(
    site: Site, running: Running, origin: PretendOrigin
) -> None:
    paths = [f"/live/v240/{number}.m4s" for number in range(20)]
    for path in paths:
        origin.serve(path, path.encode(), MEDIA)
    node = await site.start_node(running)
    for path in paths:
        await site.get(path)
    await origin.stop()
    assert await purged(node, Purge("prefix", "/", soft=True)) == 20
    for _ in range(3):
        for path in paths:
            answer = await site.get(path)
            assert (answer.status, answer.body) == (200, path.encode())
            assert answer.cache.endswith(("detail=stale", "fwd=stale; detail=connect")), answer.cache
        await asyncio.sleep(0.3)
    await origin.start()
    async with asyncio.timeout(10):
        for path in paths:
            while (await site.get(path)).cache != "hit":
                await asyncio.sleep(0.05)
    assert max(origin.counts[path] for path in paths) <= 3


async def test_a_file_of_another_version_is_removed_instead(site: Site, running: Running) -> None:
    node = await site.start_node(running)
    await site.get(SEGMENT)
    (path,) = cached_files(site.folder)
    with path.open("r+b") as file:
        file.write((6).to_bytes(8, "little"))
    await purged(node, Purge("url", SEGMENT, soft=True))
    assert not path.exists()


async def test_an_answer_that_is_under_way_is_purged_when_nginx_has_stored_it(
    site: Site, running: Running, origin: PretendOrigin
) -> None:
    size = 24 * 1024 * 1024
    origin.serve(SEGMENT, bytes(size), MEDIA)
    node = await site.start_node(running)
    landings = backend(node)._landings
    asking = asyncio.create_task(site.get(SEGMENT))
    await until(lambda: len(landings) == 1)
    node.backend.purge(Purge("tag", "final"))
    assert not node.backend.recorded
    assert len((await asking).body) == size
    await until(lambda: node.backend.recorded)
    assert not cached_files(site.folder)
    assert (await site.get(SEGMENT)).cache.startswith("fwd=uri-miss")


async def test_a_fill_that_began_before_a_purge_is_not_stored(
    site: Site, running: Running, origin: PretendOrigin
) -> None:
    release = origin.hold(SEGMENT, b"old", MEDIA)
    node = await site.start_node(running)
    asking = asyncio.create_task(site.get(SEGMENT))
    await origin.arrivals(SEGMENT)
    await purged(node, Purge("url", SEGMENT))
    release.set()
    assert (await asking).body == b"old"
    assert backend(node).front.counters.passed == {"purged": 1}
    origin.serve(SEGMENT, b"new", MEDIA)
    assert (await site.get(SEGMENT)).body == b"new"


async def test_nothing_is_acknowledged_before_the_scan_has_ended(
    site: Site, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = await site.start_node(running)
    await site.get(SEGMENT)
    await running.stop("pune")
    go = asyncio.Event()
    real = scan.Scanner.scan

    async def held(self: scan.Scanner, now: float) -> scan.Scanned:
        await go.wait()
        return await real(self, now)

    monkeypatch.setattr(scan.Scanner, "scan", held)
    given = {name: value for name, value in site.settings.items() if name != "node__name"}
    node = await running.start("pune", **given)
    node.events.purge({"tag": "final"})
    await asyncio.sleep(0.1)
    assert node.events.all()[0]["reached"] == []
    assert cached_files(site.folder)
    go.set()
    await until(lambda: node.events.all()[0]["reached"] == ["pune"])
    assert not cached_files(site.folder)


async def test_a_purge_that_is_told_again_spares_what_was_made_since(site: Site, running: Running) -> None:
    node = await site.start_node(running)
    await site.get(SEGMENT)
    node.backend.purge(Purge("url", SEGMENT), "delhi 1", issued_s=3600.0)
    await until(lambda: node.backend.recorded)
    assert (await site.get(SEGMENT)).cache == "hit"
    node.backend.purge(Purge("url", SEGMENT), "delhi 2", issued_s=0.2)
    await until(lambda: node.backend.recorded)
    assert (await site.get(SEGMENT)).cache.startswith("fwd=uri-miss")


async def test_a_purge_while_the_node_was_away_is_done_when_it_is_back(
    site: Site, running: Running, origin: PretendOrigin
) -> None:
    delhi = await running.start("delhi")
    await site.start_node(running)
    await site.get(SEGMENT)
    await running.stop("pune")
    delhi.events.purge({"tag": "final"})
    assert (await site.get(SEGMENT)).cache == "hit"  # nobody has told nginx
    del running.nodes["pune"]
    await site.start_node(running)
    await until(lambda: delhi.events.all()[0]["reached"] == ["delhi", "pune"])
    assert not cached_files(site.folder)


async def test_a_cache_that_missed_more_purges_than_are_told_again_is_emptied(
    site: Site, running: Running
) -> None:
    await site.start_node(running)
    await site.get(SEGMENT)
    await running.stop("pune")
    assert cached_files(site.folder)
    long_ago = time.time() - opening.AWAY_MAX_S - 10
    os.utime(site.folder / "alive", (long_ago, long_ago))
    await site.start_node(running)
    assert not cached_files(site.folder)


async def test_what_nginx_has_removed_leaves_the_entries(site: Site, running: Running) -> None:
    node = await site.start_node(running)
    await site.get(SEGMENT)
    (path,) = cached_files(site.folder)
    path.unlink()
    held = backend(node)
    now = time.monotonic() + 60  # what is on its way has landed
    assert (await held._scanner.scan(now)).vanished == 1
    assert not held._copies.holds_path(SEGMENT)


async def test_a_folder_is_for_one_node(site: Site, running: Running) -> None:
    await site.start_node(running)
    with pytest.raises(ConfigError, match=r"nginx.folder: .* is used by another process"):
        opening.opened(backend(running.nodes["pune"])._folder)


async def test_a_purge_over_http_is_acknowledged_when_nginx_serves_the_object_no_more(
    site: Site, running: Running, http: aiohttp.ClientSession
) -> None:
    node = await site.start_node(running)
    await site.get(SEGMENT)
    async with http.post(node.member.admin + "/v1/purge", json={"url": SEGMENT}) as answer:
        assert answer.status == 202
    await until(lambda: node.events.all()[0]["reached"] == ["pune"])
    assert (await site.get(SEGMENT)).cache.startswith("fwd=uri-miss")


async def test_purges_go_on_when_the_cache_folder_is_gone(site: Site, running: Running) -> None:
    node = await site.start_node(running)
    await site.get(SEGMENT)
    shutil.rmtree(site.folder / "cache")
    await purged(node, Purge("prefix", "/"))
    await purged(node, Purge("url", SEGMENT, soft=True))


async def test_the_purge_method_goes_through_nginx_and_wants_the_token(
    origin: PretendOrigin, running: Running, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("a long random word")
    site = Site(tmp_path / "shared", origin.url, http, admin__token_file=str(tmp_path / "token"))
    await site.start_nginx()
    await site.start_node(running)
    for _ in range(2):
        await site.get(SEGMENT)
    assert (await site.get(SEGMENT, "PURGE")).status == 401
    assert len(cached_files(site.folder)) == 1
    assert (await site.get(SEGMENT, "PURGE", Authorization="Bearer a long random word")).status == 200
    assert cached_files(site.folder) == []
    await site.stop_nginx()
