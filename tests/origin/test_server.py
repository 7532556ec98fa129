import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp
import m3u8
import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from edge.model import Address, ConfigError
from edge.origin import server
from edge.origin.media import Library
from edge.origin.server import Origin, OriginSettings, serve

NOW_S = 1_795_235_001.5
NEWEST = int(NOW_S) // 2 - 1
SEGMENT = f"/live/v240/{NEWEST}.m4s"

Client = TestClient[Request, Application]


@dataclass
class Clock:
    now_s: float = NOW_S

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def client(library: Library, clock: Clock) -> AsyncIterator[Client]:
    async with TestClient(TestServer(Origin(library, clock=clock).app())) as one:
        yield one


@pytest.mark.parametrize(
    ("path", "content_type", "cache_control"),
    [
        ("/live/main.m3u8", "application/vnd.apple.mpegurl", "public, max-age=60"),
        ("/live/v360/playlist.m3u8", "application/vnd.apple.mpegurl", "public, max-age=1"),
        ("/live/v240/init.mp4", "video/mp4", "public, max-age=3600, immutable"),
        ("/live/a-hi/init.mp4", "audio/mp4", "public, max-age=3600, immutable"),
        (SEGMENT, "video/mp4", "public, max-age=3600, immutable"),
        (f"/live/a-en/{NEWEST}.m4s", "audio/mp4", "public, max-age=3600, immutable"),
    ],
)
async def test_every_answer_says_what_it_is_and_how_long_it_keeps(
    client: Client, path: str, content_type: str, cache_control: str
) -> None:
    got = await client.get(path)
    assert got.status == 200
    assert got.headers["Content-Type"] == content_type
    assert got.headers["Cache-Control"] == cache_control
    assert got.headers["Access-Control-Allow-Origin"] == "*"
    assert got.headers["Accept-Ranges"] == "bytes"
    assert got.headers["ETag"].startswith('"')  # strong: fit for ranges
    assert parsedate_to_datetime(got.headers["Last-Modified"])
    head = await client.head(path)
    assert await head.read() == b""
    for name in ("Content-Length", "Content-Type", "Cache-Control", "ETag", "Last-Modified"):
        assert head.headers[name] == got.headers[name]


async def test_a_player_finds_every_object_that_the_playlists_name(client: Client) -> None:
    main = m3u8.loads(await (await client.get("/live/main.m3u8")).text())
    for uri in [one.uri for one in (*main.playlists, *main.media)]:
        window = m3u8.loads(await (await client.get(f"/live/{uri}")).text())
        for name in ("init.mp4", *(one.uri for one in window.segments)):
            got = await client.get(f"/live/{uri.split('/')[0]}/{name}")
            assert got.status == 200, name
            assert len(await got.read()) == got.content_length


async def test_a_segment_is_dated_when_it_became_whole(client: Client) -> None:
    got = await client.head(SEGMENT)
    assert parsedate_to_datetime(got.headers["Last-Modified"]).timestamp() == 2 * (NEWEST + 1)


async def test_a_segment_is_refused_until_it_is_whole_and_cacheable_then(
    client: Client, clock: Clock
) -> None:
    path = f"/live/v240/{NEWEST + 1}.m4s"
    early = await client.get(path)
    assert (early.status, early.headers["Cache-Control"]) == (404, "max-age=1")
    assert early.headers["Access-Control-Allow-Origin"] == "*"
    clock.now_s = 2 * (NEWEST + 2)
    assert (await client.get(path)).status == 200


async def test_a_segment_stays_ten_minutes_after_it_left_the_playlist(client: Client, clock: Clock) -> None:
    clock.now_s += 20 + 600 - 2
    assert (await client.get(SEGMENT)).status == 200
    clock.now_s += 2
    assert (await client.get(SEGMENT)).status == 404


@pytest.mark.parametrize(
    "path", ["/live/v999/playlist.m3u8", "/live/v999/init.mp4", f"/live/v999/{NEWEST}.m4s", "/live/x", "/"]
)
async def test_what_does_not_exist_is_404(client: Client, path: str) -> None:
    assert (await client.get(path)).status == 404


async def test_two_origins_answer_alike_so_a_restart_is_not_noticed(library: Library, client: Client) -> None:
    async with TestClient(TestServer(Origin(library, clock=Clock()).app())) as other:
        for path in ("/live/v360/playlist.m3u8", SEGMENT, "/live/main.m3u8"):
            one, two = await client.get(path), await other.get(path)
            assert one.headers["ETag"] == two.headers["ETag"]
            assert one.headers["Last-Modified"] == two.headers["Last-Modified"]
            assert await one.read() == await two.read()


@pytest.mark.parametrize(
    ("wanted", "span"),
    [("bytes=0-99", slice(0, 100)), ("bytes=100-", slice(100, None)), ("bytes=-50", slice(-50, None))],
)
async def test_a_range_is_that_part_of_the_whole(client: Client, wanted: str, span: slice) -> None:
    whole = await (await client.get(SEGMENT)).read()
    got = await client.get(SEGMENT, headers={"Range": wanted})
    assert got.status == 206
    assert await got.read() == whole[span]
    first = span.indices(len(whole))[0]
    last = first + len(whole[span]) - 1
    assert got.headers["Content-Range"] == f"bytes {first}-{last}/{len(whole)}"


async def test_a_range_beyond_the_end_is_416(client: Client) -> None:
    got = await client.get(SEGMENT, headers={"Range": "bytes=9999999-"})
    whole = await client.head(SEGMENT)
    assert got.status == 416
    assert got.headers["Content-Range"] == f"bytes */{whole.headers['Content-Length']}"


@pytest.mark.parametrize("wanted", ["bytes=5-2", "bytes=-", "lines=1-2", "bytes=0-1,4-5"])
async def test_a_range_that_makes_no_sense_gets_the_whole(client: Client, wanted: str) -> None:
    got = await client.get(SEGMENT, headers={"Range": wanted})
    assert got.status == 200
    assert len(await got.read()) == got.content_length


async def test_if_range_with_another_version_gets_the_whole(client: Client) -> None:
    etag = (await client.head(SEGMENT)).headers["ETag"]
    same = await client.get(SEGMENT, headers={"Range": "bytes=0-9", "If-Range": etag})
    other = await client.get(SEGMENT, headers={"Range": "bytes=0-9", "If-Range": '"another"'})
    assert (same.status, other.status) == (206, 200)


async def test_what_the_client_holds_is_not_sent_again(client: Client) -> None:
    first = await client.get(SEGMENT)
    etag, date = first.headers["ETag"], first.headers["Last-Modified"]
    for condition in ({"If-None-Match": etag}, {"If-None-Match": "*"}, {"If-Modified-Since": date}):
        got = await client.get(SEGMENT, headers=condition)
        assert (got.status, await got.read()) == (304, b""), condition
        assert got.headers["ETag"] == etag
        assert got.headers["Cache-Control"] == first.headers["Cache-Control"]


async def test_another_version_is_sent(client: Client) -> None:
    date = (await client.head(SEGMENT)).headers["Last-Modified"]
    stale = {"If-None-Match": '"another"', "If-Modified-Since": date}  # the tag rules the date out
    assert (await client.get(SEGMENT, headers=stale)).status == 200
    old = {"If-Modified-Since": "Fri, 01 Jan 2021 00:00:00 GMT"}
    assert (await client.get(SEGMENT, headers=old)).status == 200


async def test_requests_for_media_are_counted(client: Client) -> None:
    for path in (SEGMENT, "/live/main.m3u8", "/live/none.mp4"):
        await client.get(path)
    await client.get(SEGMENT, headers={"Via": "2 proxy, 1.1 pune"})
    counts = await (await client.get("/_origin/requests")).json()
    paths = {SEGMENT: 2, "/live/main.m3u8": 1, "/live/none.mp4": 1}
    caches = {"": dict.fromkeys(paths, 1), "pune": {SEGMENT: 1}}
    assert counts == {"total": 4, "paths": paths, "caches": caches, "uncounted": 0}


async def test_the_count_is_bounded_and_says_what_it_left_out(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PATHS_MAX", 2)
    for path in ("/live/a", "/live/b", "/live/c", "/live/a"):
        await client.get(path)
    counts = await (await client.get("/_origin/requests")).json()
    assert counts["paths"] == {"/live/a": 2, "/live/b": 1}
    assert (counts["total"], counts["uncounted"]) == (4, 1)


async def test_an_origin_that_is_down_is_up_again_when_the_time_is_over(client: Client, clock: Clock) -> None:
    await client.post("/_origin/fault", json={"mode": "down", "for_s": 30})
    got = await client.get(SEGMENT)
    assert (got.status, got.headers["Cache-Control"]) == (503, "no-store")
    assert (await client.get("/_origin/requests")).status == 200
    clock.now_s += 31
    assert (await client.get(SEGMENT)).status == 200


async def test_a_fault_can_be_ended(client: Client) -> None:
    for mode, status in (("down", 503), ("ok", 200)):
        assert (await client.post("/_origin/fault", json={"mode": mode, "for_s": 30})).status == 200
        assert (await client.get(SEGMENT)).status == status


async def test_a_slow_origin_answers_late(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SLOW_S", 0.1)
    await client.post("/_origin/fault", json={"mode": "slow", "for_s": 30})
    begun = asyncio.get_running_loop().time()
    assert (await client.get(SEGMENT)).status == 200
    assert asyncio.get_running_loop().time() - begun >= 0.1


@pytest.mark.parametrize(
    "wanted",
    [{}, [], {"mode": "up", "for_s": 1}, {"mode": "down", "for_s": -1}, {"mode": "down", "for_s": 1e9}],
)
async def test_a_fault_that_is_none_is_refused(client: Client, wanted: object) -> None:
    got = await client.post("/_origin/fault", json=wanted)
    assert got.status == 400
    assert "wants" in await got.text()
    assert (await client.get(SEGMENT)).status == 200


async def test_a_foreign_page_cannot_set_a_fault(client: Client) -> None:
    """A browser sends text/plain to any address unasked, but JSON only after a preflight, which gets no consent."""
    text = '{"mode": "down", "for_s": 30}'
    got = await client.post("/_origin/fault", data=text, headers={"Content-Type": "text/plain"})
    assert got.status == 415
    preflight = await client.options("/_origin/fault")
    assert "Access-Control-Allow-Origin" not in preflight.headers


async def test_serve_tells_its_real_port_and_ends_when_told() -> None:
    stop = asyncio.Event()
    ready: asyncio.Future[Address] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(serve(OriginSettings(Address("127.0.0.1", 0)), stop, ready.set_result))
    address = await asyncio.wait_for(ready, 5)
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/live/main.m3u8") as got:
        assert got.status == 200
    stop.set()
    await asyncio.wait_for(running, 5)


async def test_a_port_in_use_is_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = Address(*taken.getsockname())
        with pytest.raises(ConfigError) as caught:
            await serve(OriginSettings(address), asyncio.Event(), lambda _: None)
    assert str(address) in caught.value.problem
    assert "port 0" in caught.value.hint


async def test_media_that_cannot_be_read_is_a_clear_error(tmp_path: Path) -> None:
    settings = OriginSettings(Address("127.0.0.1", 0), tmp_path)
    with pytest.raises(ConfigError, match=r"tracks\.json: cannot be read"):
        await serve(settings, asyncio.Event(), lambda _: None)
