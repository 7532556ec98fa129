"""What a live playlist names last is here before the playlist is handed out, where viewers ask for such."""

import time

import pytest

from cache.pretend_origin import (
    MEDIA_PLAYLIST,
    PLAYLIST,
    SEGMENT,
    Clock,
    PretendOrigin,
    ask,
    body_of,
    edge_cache,
)
from edge.cache.liveedge import LiveEdge

NEXT = "/live/v240/8.m4s"


@pytest.fixture(autouse=True)
def stream(origin: PretendOrigin) -> None:
    for path in (SEGMENT, NEXT):
        origin.serve(path, b"video", {"Cache-Control": "max-age=300"})
    origin.serve(PLAYLIST, MEDIA_PLAYLIST)


def goes_on(origin: PretendOrigin, name: bytes = b"8.m4s", end: bytes = b"") -> None:
    """The playlist names one segment more."""
    origin.serve(PLAYLIST, MEDIA_PLAYLIST + b"#EXTINF:2,\n" + name + b"\n" + end)


async def test_the_first_viewer_of_a_new_segment_finds_it(origin: PretendOrigin) -> None:
    clock = Clock()
    async with edge_cache(origin, clock) as cache:
        await ask(cache, PLAYLIST)
        await ask(cache, SEGMENT)
        goes_on(origin)
        clock.now += 2
        assert b"8.m4s" in body_of(await ask(cache, PLAYLIST))
        assert "hit" in (await ask(cache, NEXT)).headers["Cache-Status"]
        assert cache.counters.prefetched == 1
    assert origin.counts[NEXT] == 1


async def test_nothing_is_fetched_where_nobody_takes_segments(origin: PretendOrigin) -> None:
    clock = Clock()
    async with edge_cache(origin, clock) as cache:
        await ask(cache, PLAYLIST)
        await ask(cache, "/live/v1080/7.m4s")
        await ask(cache, SEGMENT)
        goes_on(origin)
        clock.now += 20  # he has gone
        await ask(cache, PLAYLIST)
        assert cache.counters.prefetched == 0


async def test_a_slow_segment_does_not_hold_the_playlist_for_long(origin: PretendOrigin) -> None:
    clock = Clock()
    release = origin.hold(NEXT)
    async with edge_cache(origin, clock, edge_wait_s=0.05) as cache:
        await ask(cache, SEGMENT)
        goes_on(origin)
        began = time.monotonic()
        assert (await ask(cache, PLAYLIST)).status == 200
        assert time.monotonic() - began < 1
        release.set()


@pytest.mark.parametrize(
    ("name", "end"), [(b"gone.m4s", b""), (b"../../../etc", b""), (b"8.m4s", b"#EXT-X-ENDLIST\n")]
)
async def test_what_is_not_there_or_not_live_is_no_matter(
    origin: PretendOrigin, name: bytes, end: bytes
) -> None:
    async with edge_cache(origin, Clock()) as cache:
        await ask(cache, SEGMENT)
        goes_on(origin, name, end)
        assert (await ask(cache, PLAYLIST)).status == 200
    assert origin.counts[NEXT] == 0


def test_the_folders_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.cache.liveedge._FOLDERS_MAX", 2)
    edge = LiveEdge()
    for folder in "abc":
        edge.asked(f"/{folder}/1.ts", 0.0)
    assert [edge.wants(f"/{folder}/2.ts", 1.0) for folder in "abc"] == [False, True, True]
