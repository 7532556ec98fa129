"""RFC 9111 as viewers see it: what is stored, for how long, and what is asked of the origin meanwhile."""

import asyncio
import os
import time

import pytest

from cache.pretend_origin import SEGMENT, PretendOrigin
from conformance.subject import Subject

FILM = "/films/one.mp4"
DATA = os.urandom(100_000)


async def test_an_object_is_asked_for_once_and_told_whole(subject: Subject, origin: PretendOrigin) -> None:
    fields = {"Content-Type": "video/mp4", "Cache-Control": "max-age=60", "ETag": '"1"'}
    origin.serve(FILM, DATA, fields)
    answers = [await subject.get(FILM) for _ in range(3)]
    for answer in answers:
        assert (answer.status, answer.body) == (200, DATA)
        assert {name: answer.headers[name] for name in fields} == fields
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answers[0].cache.startswith("fwd=uri-miss")
    assert answers[2].cache.startswith("hit")
    assert origin.counts[FILM] == 1


async def test_age_counts_what_other_caches_took_and_the_time_here(
    subject: Subject, origin: PretendOrigin
) -> None:
    """The one exception: nginx cannot compute Age. It must not tell a wrong one then."""
    origin.serve(FILM, DATA, {"Cache-Control": "max-age=60", "Age": "7"})
    await subject.get(FILM)
    await asyncio.sleep(1.1)
    told = (await subject.get(FILM)).headers.get("Age")
    assert told == "8" if subject.tells_age_of_hits else told is None


@pytest.mark.parametrize(
    "fields",
    [
        {"Cache-Control": "no-store"},
        {"Cache-Control": "private, max-age=60"},
        {"Cache-Control": "max-age=60", "Set-Cookie": "who=me"},
        {"Cache-Control": "max-age=60", "Vary": "*"},
        {"Cache-Control": "max-age=60", "CDN-Cache-Control": "no-store"},
        {"Cache-Control": "max-age=60, s-maxage=0"},
    ],
    ids=lambda fields: "; ".join(f"{name}: {value}" for name, value in fields.items()),
)
async def test_what_must_not_be_stored_is_asked_for_each_time(
    subject: Subject, origin: PretendOrigin, fields: dict[str, str]
) -> None:
    origin.serve(FILM, DATA, fields)
    for number in range(1, 4):
        answer = await subject.get(FILM)
        assert (answer.status, answer.body) == (200, DATA)
        assert origin.counts[FILM] == number
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "fields",
    [
        {"Cache-Control": "max-age=0, s-maxage=60"},
        {"Cache-Control": "no-store", "CDN-Cache-Control": "max-age=60"},
        {"Cache-Control": "max-age=60", "Vary": "Accept-Encoding"},
        {},  # media without a word
    ],
    ids=str,
)
async def test_what_caches_are_told_counts_for_caches(
    subject: Subject, origin: PretendOrigin, fields: dict[str, str]
) -> None:
    origin.serve(FILM, DATA, fields)
    for _ in range(3):
        assert (await subject.get(FILM)).body == DATA
    assert origin.counts[FILM] == 1


async def test_what_is_over_is_revalidated_and_not_sent_again(
    subject: Subject, origin: PretendOrigin
) -> None:
    origin.serve(FILM, DATA, {"Cache-Control": "max-age=1, stale-if-error=0", "ETag": '"1"'})
    await subject.get(FILM)
    await asyncio.sleep(2.1)
    async with asyncio.timeout(5):
        while origin.counts[FILM] == 1:  # nginx may serve it stale once, while it asks
            assert (await subject.get(FILM)).body == DATA
            await asyncio.sleep(0.05)
    assert origin.seen[-1].headers["If-None-Match"] == '"1"'
    assert subject.node.cache.counters.revalidated == 1


async def test_what_is_not_there_is_asked_for_about_twice_a_second(
    subject: Subject, origin: PretendOrigin
) -> None:
    since = time.monotonic()
    answers = [await subject.get("/live/v240/9999.m4s") for _ in range(20)]
    assert {one.status for one in answers} == {404}
    assert origin.counts["/live/v240/9999.m4s"] <= 2 + 2 * (time.monotonic() - since)
    origin.serve("/live/v240/9999.m4s", b"media")
    await asyncio.sleep(1.3)
    async with asyncio.timeout(3):
        while (await subject.get("/live/v240/9999.m4s")).status != 200:
            await asyncio.sleep(0.05)


async def test_viewers_who_take_different_encodings_share_one_copy(
    subject: Subject, origin: PretendOrigin
) -> None:
    """The origin is asked for what everybody can take, so a `Vary` by encoding makes no variants to forget."""
    origin.serve(FILM, DATA, {"Cache-Control": "max-age=60", "Vary": "Accept-Encoding"})
    for encoding in ("gzip", "br", "identity", "gzip, br;q=0.1"):
        answer = await subject.get(FILM, Accept_Encoding=encoding)
        assert (answer.body, answer.headers.get("Content-Encoding")) == (DATA, None)
    assert origin.counts[FILM] == 1
    assert origin.seen[-1].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("held", [False, True], ids=["miss", "hit"])
@pytest.mark.parametrize(
    ("field", "part"),
    [
        ("bytes=0-99", range(100)),
        ("bytes=99000-", range(99_000, 100_000)),
        ("bytes=-10", range(99_990, 100_000)),
    ],
    ids=["first", "rest", "last"],
)
async def test_a_range_of_an_object(
    subject: Subject, origin: PretendOrigin, held: bool, field: str, part: range
) -> None:
    origin.serve(FILM, DATA, {"Cache-Control": "max-age=60", "ETag": '"1"'})
    if held:
        await subject.get(FILM)
    answer = await subject.get(FILM, Range=field)
    assert (answer.status, answer.body) == (206, DATA[part.start : part.stop])
    assert answer.headers["Content-Range"] == f"bytes {part.start}-{part.stop - 1}/{len(DATA)}"
    assert (await subject.get(FILM)).body == DATA
    assert origin.counts[FILM] == 1
    assert "Range" not in origin.seen[-1].headers


async def test_ranges_that_cannot_be_had(subject: Subject, origin: PretendOrigin) -> None:
    origin.serve(FILM, DATA, {"Cache-Control": "max-age=60", "ETag": '"1"'})
    await subject.get(FILM)
    beyond = await subject.get(FILM, Range="bytes=100000-")
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, "bytes */100000")
    other = await subject.get(FILM, Range="bytes=0-9", If_Range='"2"')
    assert (other.status, other.body) == (200, DATA)
    same = await subject.get(FILM, Range="bytes=0-9", If_Range='"1"')
    assert (same.status, same.body) == (206, DATA[:10])


async def test_conditions_and_head(subject: Subject, origin: PretendOrigin) -> None:
    origin.serve(FILM, DATA, {"Cache-Control": "max-age=60", "ETag": '"1"'})
    await subject.get(FILM)
    assert (await subject.get(FILM, If_None_Match='"1"')).status == 304
    assert (await subject.get(FILM, If_None_Match='"2"')).status == 200
    head = await subject.get(FILM, "HEAD")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(DATA)))
    assert origin.counts[FILM] == 1


async def test_500_viewers_at_once_are_one_request_to_the_origin(
    subject: Subject, origin: PretendOrigin
) -> None:
    release = origin.hold(SEGMENT, DATA, {"Cache-Control": "max-age=60"})
    asking = [asyncio.create_task(subject.get(SEGMENT)) for _ in range(500)]
    await origin.arrivals(SEGMENT)
    await asyncio.sleep(0.5)
    release.set()
    answers = await asyncio.gather(*asking)
    assert {(one.status, one.body) for one in answers} == {(200, DATA)}
    assert origin.counts[SEGMENT] == 1


async def test_requests_that_go_in_a_circle_end(subject: Subject, origin: PretendOrigin) -> None:
    answer = await subject.get(FILM, CDN_Loop="other, pune")
    assert answer.status == 508
    assert origin.counts[FILM] == 0
