"""What viewers get from nginx and a node together."""

import asyncio
import random
import signal

import pytest
from aiohttp import ClientPayloadError, ClientSession

from cache.pretend_origin import PLAYLIST, SEGMENT, PretendOrigin
from cache.tap import Tap
from needs import needs
from nginx.site import Site, backend, takers
from running import Running
from waiting import until

LARGE = random.Random(7).randbytes(600_000)

pytestmark = [needs("nginx"), pytest.mark.timeout(60)]


async def test_hits_do_not_reach_the_node(site: Site, running: Running, origin: PretendOrigin) -> None:
    node = await site.start_node(running)
    first = await site.get(SEGMENT)
    assert (first.status, first.body) == (200, b"media")
    assert first.cache.startswith("fwd=uri-miss")
    asked = node.cache.counters.requests
    for _ in range(20):
        again = await site.get(SEGMENT + "?CMCD=br%3D800&_HLS_pathway=x&token=abc")
        assert (again.body, again.cache) == (b"media", "hit")
    assert node.cache.counters.requests == asked
    assert origin.counts[SEGMENT] == 1


async def test_viewers_see_the_origins_fields_and_none_between_nginx_and_the_node(
    site: Site, running: Running
) -> None:
    await site.start_node(running)
    for _ in range(2):
        answer = await site.get(SEGMENT)
        assert answer.headers["Cache-Control"] == "max-age=3600"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        inner = ("Surrogate-Key", "X-Accel-Expires", "Edge-Fill", "Edge-Control", "Edge-Detail", "Age")
        assert not [name for name in inner if name in answer.headers]


async def test_ranges_conditions_and_head_are_answered_from_one_copy(
    site: Site, running: Running, origin: PretendOrigin
) -> None:
    await site.start_node(running)
    part = await site.get(SEGMENT, Range="bytes=1-2")
    assert (part.status, part.body, part.headers["Content-Range"]) == (206, b"ed", "bytes 1-2/5")
    part = await site.get(SEGMENT, Range="bytes=3-")
    assert (part.status, part.body, part.cache) == (206, b"ia", "hit")
    head = await site.get(SEGMENT, "HEAD")
    assert (head.status, head.headers["Content-Length"], head.body) == (200, "5", b"")
    assert origin.counts[SEGMENT] == 1


async def test_nginx_itself_answers_what_browsers_ask_first(site: Site) -> None:
    answer = await site.get(SEGMENT, "OPTIONS", Origin="https://player.example")
    assert answer.status == 204
    assert "CMCD-Object" in answer.headers["Access-Control-Allow-Headers"]


async def test_a_playlist_is_kept_a_second_and_a_multivariant_one_not_at_all(
    site: Site, running: Running, origin: PretendOrigin
) -> None:
    multivariant = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv240/playlist.m3u8\n"
    origin.serve("/live/main.m3u8", multivariant, {"Cache-Control": "max-age=60"})
    node = await site.start_node(running)
    for _ in range(3):
        assert (await site.get("/live/main.m3u8")).body == multivariant
    assert backend(node).front.counters.passed == {"multivariant": 3}
    answers = [await site.get(PLAYLIST) for _ in range(10)]
    assert "hit" in [one.cache for one in answers]
    asked = len(answers) - [one.cache for one in answers].count("hit")
    assert asked <= 3
    first = node.cache.counters.requests
    async with asyncio.timeout(3):
        while node.cache.counters.requests == first:  # within two seconds nginx asks again
            await site.get(PLAYLIST)


@pytest.mark.parametrize(
    "path",
    ["/live%2Fv240/7.m4s", PLAYLIST + "?_hls_msn=8", PLAYLIST + "?_HLS_msn&_HLS_msn=8"],
    ids=["escaped slash", "small letters", "named twice"],
)
async def test_what_nginx_would_store_under_another_objects_key_is_not_stored(
    site: Site, running: Running, origin: PretendOrigin, path: str
) -> None:
    origin.serve("/live%2Fv240/7.m4s", b"another", {"Cache-Control": "max-age=60"})
    node = await site.start_node(running)
    await site.get(path)
    assert backend(node).front.counters.stored == 0
    assert backend(node).front.counters.passed == {"key": 1}


async def test_what_must_be_revalidated_is_not_stored(
    site: Site, running: Running, origin: PretendOrigin
) -> None:
    origin.serve("/strict.mp4", b"media", {"Cache-Control": "max-age=60, must-revalidate"})
    node = await site.start_node(running)
    for _ in range(2):
        assert (await site.get("/strict.mp4")).headers["Cache-Control"] == "max-age=60, must-revalidate"
    assert backend(node).front.counters.passed == {"revalidate": 2}
    assert origin.counts["/strict.mp4"] == 1


async def test_a_private_lifetime_for_caches_is_kept_though_viewers_may_keep_nothing(
    site: Site, running: Running, origin: PretendOrigin
) -> None:
    control = {"Cache-Control": "no-store", "CDN-Cache-Control": "max-age=60"}
    origin.serve("/targeted.mp4", b"media", control)
    await site.start_node(running)
    await site.get("/targeted.mp4")
    answer = await site.get("/targeted.mp4")
    assert (answer.cache, answer.headers["Cache-Control"]) == ("hit", "no-store")


async def test_a_failure_passes_and_is_not_stored(
    site: Site, running: Running, origin: PretendOrigin
) -> None:
    origin.serve("/broken.m4s", b"", status=500)
    await site.start_node(running)
    answer = await site.get("/broken.m4s")
    assert (answer.status, answer.headers["Cache-Control"]) == (502, "no-store")
    origin.serve("/broken.m4s", b"whole", {"Cache-Control": "max-age=60"})
    async with asyncio.timeout(5):
        while (await site.get("/broken.m4s")).body != b"whole":
            pass


async def test_viewers_are_routed_by_the_node_behind(site: Site, running: Running) -> None:
    await site.start_node(running)
    await until(lambda: running.nodes["pune"].gossip.view().alive)
    answer = await site.get(f"/v1/route?path={SEGMENT}")
    assert (answer.status, answer.headers["Location"]) == (302, site.url + SEGMENT)
    playlist = await site.get(f"/v1/route{PLAYLIST}")
    assert playlist.body.startswith(b"#EXTM3U")
    assert "Edge-Fill" not in playlist.headers


async def test_a_node_is_not_ready_while_nginx_is_away_and_others_send_nobody(
    site: Site, running: Running
) -> None:
    node = await site.start_node(running)
    other = await running.start("delhi")
    await until(lambda: not node._not_ready() and takers(other) == 2)
    await site.stop_nginx(signal.SIGQUIT)
    await until(lambda: node._not_ready() == "nginx does not answer")
    await until(lambda: takers(other) == 1)
    await site.start_nginx()
    await until(lambda: not node._not_ready() and takers(other) == 2)


async def test_while_the_node_is_dead_nginx_serves_what_it_has(site: Site, origin: PretendOrigin) -> None:
    origin.serve("/short.m4s", b"short", {"Cache-Control": "max-age=1"})
    async with site.node_process():
        for path in (SEGMENT, "/short.m4s"):
            assert (await site.get(path)).status == 200
    for _ in range(3):
        hit = await site.get(SEGMENT)
        assert (hit.body, hit.cache) == (b"media", "hit")
    async with asyncio.timeout(5):
        while (await site.get("/short.m4s")).cache != "hit; detail=stale":
            pass
    assert (await site.get("/short.m4s")).body == b"short"
    lost = await site.get("/other.m4s")
    assert (lost.status, lost.headers["Retry-After"]) == (503, "1")
    assert lost.headers["Access-Control-Allow-Origin"] == "*"
    async with site.node_process():
        assert (await site.get(SEGMENT)).cache == "hit"
    assert origin.counts[SEGMENT] == 1


@pytest.mark.parametrize("size", [len(LARGE), None])
async def test_a_body_flows_through_nginx_and_half_of_one_is_not_kept(
    site: Site, running: Running, origin: PretendOrigin, http: ClientSession, size: int | None
) -> None:
    node = await site.start_node(running)
    half = len(LARGE) // 2
    for ends in (False, True):
        tap = Tap(size, {"Cache-Control": "max-age=3600"})
        origin.on(SEGMENT, tap)
        tap.let(LARGE[:half])  # before nginx passes on a header it waits for some of the body
        async with asyncio.timeout(10), http.get(site.url + SEGMENT) as found:
            assert await found.content.readexactly(100_000) == LARGE[:100_000]  # the rest is in its buffers
            if ends:
                tap.let(LARGE[half:])
                tap.end()
                assert await found.read() == LARGE[100_000:]
            else:
                tap.cut()
                with pytest.raises(ClientPayloadError):
                    await found.read()
        await until(lambda: not node.cache.fills_in_flight)
        await until(lambda: not node.cache.recent_failure)
    again = await site.get(SEGMENT)
    assert (again.body, again.cache) == (LARGE, "hit")
    assert origin.counts[SEGMENT] == 2
