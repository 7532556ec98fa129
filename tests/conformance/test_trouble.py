"""The origin is slow, cut off in the middle, or gone: what viewers get, and that nothing torn is ever kept."""

import asyncio
import os

import pytest
from aiohttp import web

from cache.pretend_origin import SEGMENT, PretendOrigin
from conformance.subject import Subject

DATA = os.urandom(300_000)
MEDIA = {"Content-Type": "video/mp4", "Cache-Control": "max-age=1", "ETag": '"1"'}
OBJECTS = 60


@pytest.mark.parametrize("declared", [True, False], ids=["length known", "chunked"])
async def test_an_origin_that_is_cut_in_the_middle_is_never_taken_for_whole(
    subject: Subject, origin: PretendOrigin, declared: bool
) -> None:
    async def torn(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Cache-Control": "max-age=60"})
        if declared:
            response.content_length = len(DATA)
        else:
            response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(DATA[:200_000])
        await asyncio.sleep(0.1)
        assert request.transport
        request.transport.abort()
        return response

    origin.on(SEGMENT, torn)
    got = await asyncio.to_thread(subject.raw, SEGMENT)
    head, _, body = got.partition(b"\r\n\r\n")
    assert _is_failure(head) or not _looks_whole(head, body)
    await asyncio.sleep(0.5)  # how long a failure answers for those who come next, and more
    origin.serve(SEGMENT, DATA, {"Cache-Control": "max-age=60"})
    for _ in range(2):
        answer = await subject.get(SEGMENT)
        assert (answer.status, answer.body) == (200, DATA)


async def test_a_slow_origin_is_given_up_in_time_and_its_object_comes_later(
    subject: Subject, origin: PretendOrigin
) -> None:
    release = origin.hold(SEGMENT, DATA, {"Cache-Control": "max-age=60"})
    async with asyncio.timeout(15):
        answer = await subject.get(SEGMENT)
    assert answer.status in (502, 503, 504)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Retry-After" in answer.headers
    release.set()
    await asyncio.sleep(0.5)
    assert (await subject.get(SEGMENT)).body == DATA


async def test_what_is_stale_is_served_while_the_origin_is_gone_and_renewed_after(
    subject: Subject, origin: PretendOrigin
) -> None:
    origin.serve(SEGMENT, DATA, MEDIA)
    await subject.get(SEGMENT)
    await origin.stop()
    await asyncio.sleep(2.1)
    for _ in range(5):
        answer = await subject.get(SEGMENT)
        assert (answer.status, answer.body) == (200, DATA)
        await asyncio.sleep(0.1)
    await origin.start()
    origin.serve(SEGMENT, DATA[::-1], MEDIA | {"ETag": '"2"'})
    async with asyncio.timeout(5):
        while (await subject.get(SEGMENT)).body != DATA[::-1]:
            await asyncio.sleep(0.05)


async def test_a_soft_purge_of_everything_while_the_origin_is_down_loses_nothing(
    subject: Subject, origin: PretendOrigin
) -> None:
    paths = [f"/live/v240/{number}.m4s" for number in range(OBJECTS)]
    for path in paths:
        origin.serve(path, DATA[:20_000], {"Cache-Control": "max-age=600", "ETag": '"1"'})
        await subject.get(path)
    await origin.stop()
    told = subject.node.events.purge({"prefix": "/", "soft": True})
    assert told["body"] == "soft"
    await asyncio.wait_for(subject.node.events.recorded(), 5)
    asked = origin.counts.total()
    for path in paths:
        answer = await subject.get(path)
        assert (answer.status, len(answer.body)) == (200, 20_000)
        assert "hit" not in answer.cache or "stale" in answer.cache
    await origin.start()
    for _ in range(
        3
    ):  # each viewer takes each object: what is stale is asked for once, not once for each viewer
        await asyncio.gather(*(subject.get(path) for path in paths for _ in range(5)))
        await asyncio.sleep(0.6)
    assert OBJECTS <= origin.counts.total() - asked <= 2 * OBJECTS
    caches = [(await subject.get(path)).cache for path in paths]
    assert all(one.startswith("hit") and "stale" not in one for one in caches)


def _is_failure(head: bytes) -> bool:
    return int(head.split()[1]) in (502, 503, 504)


def _looks_whole(head: bytes, body: bytes) -> bool:
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    if b"content-length" in fields:
        return len(body) == int(fields[b"content-length"])
    return b"transfer-encoding" not in fields or body.endswith(b"0\r\n\r\n")
