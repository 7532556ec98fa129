"""The origin's misbehaviour becomes a counted reason; what it is sent is only what it needs."""

import asyncio

import pytest
from aiohttp import web

from cache.pretend_origin import SEGMENT, Clock, PretendOrigin, ask, edge_cache


async def test_the_origin_gets_the_plain_target_and_our_name(origin: PretendOrigin, clock: Clock) -> None:
    origin.serve("/live/main.m3u8", b"#EXTM3U\n")
    async with edge_cache(origin, clock) as cache:
        query = "CMCD=sid%3D%22abc%22&_HLS_msn=7&token=secret&_HLS_part=2"
        await ask(cache, "/live/main.m3u8", query, Cookie="a=b", CMCD_Session='sid="abc"')
    [asked] = origin.seen
    assert asked.path_qs == "/live/main.m3u8?_HLS_msn=7&_HLS_part=2"
    assert asked.headers["CDN-Loop"] == "pune"
    assert asked.headers["Via"] == "1.1 pune"
    assert asked.headers["Accept-Encoding"] == "identity"
    assert not {"Cookie", "CMCD-Session", "If-None-Match"} & set(asked.headers)


async def test_one_retry_while_the_budget_lasts(origin: PretendOrigin, clock: Clock) -> None:
    answers = iter([503, 200])

    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=next(answers), body=b"m")

    origin.on(SEGMENT, handler)
    async with edge_cache(origin, clock) as cache:
        assert (await ask(cache)).status == 200
        assert origin.counts[SEGMENT] == 2
        assert cache.counters.fill_errors == {}


@pytest.mark.parametrize("hangs_up", [False, True])
async def test_a_failing_origin_is_not_asked_twice_for_long(
    origin: PretendOrigin, clock: Clock, hangs_up: bool
) -> None:
    async def hang_up(asked: web.Request) -> web.StreamResponse:
        assert asked.transport
        asked.transport.abort()
        return web.Response()

    paths = [f"/live/v240/{number}.m4s" for number in range(15)]
    for path in paths:
        if hangs_up:
            origin.on(path, hang_up)
        else:
            origin.serve(path, status=500)
    async with edge_cache(origin, clock, retry_share=0.0) as cache:
        assert {(await ask(cache, path)).status for path in paths} == {502}
    assert origin.counts.total() == 15 + 10  # ten retries are the whole budget


async def test_a_body_that_ends_too_early_is_never_stored(origin: PretendOrigin, clock: Clock) -> None:
    async def handler(asked: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(asked)
        await response.write(b"half")
        assert asked.transport
        asked.transport.close()
        return response

    origin.on(SEGMENT, handler)
    async with edge_cache(origin, clock) as cache:
        assert (await ask(cache)).status == 502
        assert cache.counters.fill_errors == {"broken": 1}
        assert cache.stored_objects == 0


async def test_a_body_that_stalls_in_the_middle_is_a_timeout(origin: PretendOrigin, clock: Clock) -> None:
    async def handler(asked: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(asked)
        await response.write(b"half")
        await asyncio.Event().wait()
        return response

    origin.on(SEGMENT, handler)
    async with edge_cache(origin, clock, read_timeout_s=0.1) as cache:
        assert (await ask(cache)).status == 504
        assert cache.counters.fill_errors == {"timeout": 1}
        assert cache.stored_objects == 0


@pytest.mark.parametrize("announced", [True, False])
async def test_an_oversized_body_is_refused(origin: PretendOrigin, clock: Clock, announced: bool) -> None:
    async def handler(asked: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if announced:
            response.content_length = 3000
        else:
            response.enable_chunked_encoding()
        await response.prepare(asked)
        for _ in range(3):
            await response.write(bytes(1000))
        return response

    origin.on(SEGMENT, handler)
    async with edge_cache(origin, clock, object_max_bytes=2000) as cache:
        assert (await ask(cache)).status == 502
        assert cache.counters.fill_errors == {"too_large": 1}


async def test_junk_instead_of_http(clock: Clock) -> None:
    async def junk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00\xffnonsense\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(junk, "127.0.0.1", 0)
    pretend = PretendOrigin()
    pretend.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, edge_cache(pretend, clock) as cache:
        assert (await ask(cache)).status == 502
        assert cache.counters.fill_errors == {"broken": 1}


async def test_redirects_stay_within_the_origin(origin: PretendOrigin, clock: Clock) -> None:
    origin.serve("/old.m4s", headers={"Location": f"{origin.url}/live/new.m4s"}, status=301)
    origin.serve("/out.m4s", headers={"Location": "http://elsewhere.example/x"}, status=302)
    async with edge_cache(origin, clock) as cache:
        moved = await ask(cache, "/old.m4s")
        assert (moved.status, moved.headers["Location"]) == (301, "/live/new.m4s")
        assert (await ask(cache, "/out.m4s")).status == 502
        assert cache.counters.fill_errors == {"redirect_elsewhere": 1}


@pytest.mark.parametrize("status", [206, 304])
async def test_answers_nobody_asked_for(origin: PretendOrigin, clock: Clock, status: int) -> None:
    origin.serve(SEGMENT, status=status)
    async with edge_cache(origin, clock) as cache:
        assert (await ask(cache)).status == 502
        assert cache.counters.fill_errors == {"not_asked_for": 1}
