"""A purge: what it names, what it hits, and that nothing from before it comes back. See the races too."""

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from cache.pretend_origin import MEDIA_PLAYLIST, PLAYLIST, SEGMENT, Clock, PretendOrigin, ask, edge_cache
from edge.cache.purge import TAG_MAX_BYTES, TAGS_MAX, Purge, What, hits, is_tag, matching, tags_of
from edge.model import ConfigError

TAGGED = {"Surrogate-Key": "event-7 all", "Cache-Tag": "rung-240, all"}
STALE_LONG = "max-age=60, stale-while-revalidate=30, stale-if-error=90"


@pytest.mark.parametrize(
    ("what", "value", "kept"),
    [
        ("url", "/live/a.m4s", "/live/a.m4s"),
        ("url", "/%6Cive/%7ea%2fb", "/live/~a%2Fb"),
        ("prefix", "/", "/"),
        ("prefix", "/%6Cive/v2", "/live/v2"),
        ("tag", "a", "a"),
        ("tag", "Event:7/%2c;" + "~" * 116, "Event:7/%2c;" + "~" * 116),
    ],
)
def test_a_purge_is_kept_in_its_one_spelling(what: What, value: str, kept: str) -> None:
    assert Purge(what, value, soft=True) == Purge(what, kept, soft=True)
    assert Purge(what, value).value == kept


@pytest.mark.parametrize("what", ["url", "prefix"])
@pytest.mark.parametrize(
    "value",
    ["", "live", "//", "/a/../b", "/a%", "/a?_HLS_msn=1", "http://h/a", "/é", "/a b", "/" + "a" * 2048],
)
def test_what_is_no_path_is_refused(what: What, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Purge(what, value)
    assert caught.value.field == f"purge.{what}"
    assert " is no path: " in caught.value.problem
    assert len(caught.value.problem) < 200
    assert "without host and query, e.g. /live/v240/7.m4s" in caught.value.hint


@pytest.mark.parametrize("value", ["", "a b", "a,b", "é", "a\n", "\x7f", "a" * (TAG_MAX_BYTES + 1)])
def test_what_is_no_tag_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match=r"purge\.tag: .* is no tag; write 1 to 128 printable ASCII"):
        Purge("tag", value)


def test_another_kind_of_purge_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"purge\.what: 'host' .*; choose one of url, prefix, tag"):
        Purge("host", "/")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("purge", "key", "hit"),
    [
        (Purge("url", "/p.m3u8"), "/p.m3u8", True),
        (Purge("url", "/p.m3u8"), "/p.m3u8?_HLS_msn=5", True),
        (Purge("url", "/p.m3u8"), "/p.m3u8x", False),
        (Purge("url", "/"), "/p.m3u8", False),
        (Purge("prefix", "/live/v2"), "/live/v240/7.m4s", True),
        (Purge("prefix", "/live/v2/"), "/live/v240/7.m4s", False),
        (Purge("prefix", "/p.m3u8"), "/p.m3u8?_HLS_msn=5", True),
        (Purge("prefix", "/"), "/", True),
        (Purge("tag", "all"), "/all", True),
        (Purge("tag", "All"), "/All", False),
        (Purge("tag", "al"), "/al", False),
    ],
)
def test_what_a_purge_hits(purge: Purge, key: str, hit: bool) -> None:
    assert hits(purge, key, ("event-7", "all")) is hit
    assert matching(purge, [key]) == ([key] if hit and purge.what != "tag" else [])


def test_tags_come_from_both_fields_however_often_they_are_given() -> None:
    given_twice = [
        ("surrogate-key", " b  a "),
        ("CACHE-TAG", "c, a,,d"),
        ("Surrogate-Key", "e"),
        ("Tag", "x"),
    ]
    assert tags_of(CIMultiDict(given_twice)) == (("b", "a", "c", "d", "e"), 0)


def test_tags_are_bounded() -> None:
    many = " ".join(f"t{number}" for number in range(TAGS_MAX + 3))
    assert tags_of({"Surrogate-Key": many}) == (tuple(many.split()[:TAGS_MAX]), 3)
    assert tags_of({"Cache-Tag": f"{'a' * 129},{'b' * 128},two words,\udcff"}) == (("b" * 128,), 3)


@given(st.text(max_size=400), st.text(max_size=400))
def test_no_field_upsets_the_reader_of_tags(one: str, other: str) -> None:
    kept, ignored = tags_of({"Surrogate-Key": one, "Cache-Tag": other})
    assert len(set(kept)) == len(kept) <= TAGS_MAX
    assert all(map(is_tag, kept))
    assert ignored >= 0


async def test_a_hard_purge_by_url_removes_all_delivery_variants(origin: PretendOrigin, clock: Clock) -> None:
    origin.serve(PLAYLIST, MEDIA_PLAYLIST)
    origin.serve(SEGMENT, b"media")
    async with edge_cache(origin, clock) as cache:
        for query in ("", "_HLS_msn=1", "_HLS_msn=2", "_HLS_msn=2&_HLS_part=1"):
            await ask(cache, PLAYLIST, query)
        await ask(cache)
        assert cache.purge(Purge("url", PLAYLIST)) == 4
        assert cache.stored_objects == 1
        assert cache.purge(Purge("url", PLAYLIST)) == 0
        assert (await ask(cache)).headers["Cache-Status"] == '"pune"; hit; ttl=3600'
        assert (await ask(cache, PLAYLIST)).headers["Cache-Status"].startswith('"pune"; fwd=uri-miss')
        assert (cache.counters.purges, cache.counters.purged_objects) == (2, 4)
        assert cache.counters.fills_overtaken == 0


async def test_a_purge_by_prefix_and_by_tag(origin: PretendOrigin, clock: Clock) -> None:
    for number in range(4):
        origin.serve(f"/live/v{number}/7.m4s", headers={"Cache-Tag": f"odd-{number % 2}"})
    async with edge_cache(origin, clock) as cache:
        for number in range(4):
            await ask(cache, f"/live/v{number}/7.m4s")
        assert cache.purge(Purge("tag", "odd-1")) == 2
        assert cache.purge(Purge("prefix", "/live/v2")) == 1
        assert cache.stored_objects == 1
        assert cache.purge(Purge("prefix", "/")) == 1
        assert (cache.stored_objects, cache.stored_bytes) == (0, 0)


async def test_tags_are_kept_from_viewers_and_what_is_ignored_is_counted(
    origin: PretendOrigin, clock: Clock
) -> None:
    origin.serve(SEGMENT, b"m", {**TAGGED, "Cache-Tag": f"{'x' * 129}, rung-240"})
    async with edge_cache(origin, clock) as cache:
        for answer in (await ask(cache), await ask(cache)):
            assert not {"surrogate-key", "cache-tag"} & {name.lower() for name in answer.headers}
            assert not any("rung-240" in value for value in answer.headers.values())
        assert cache.counters.tags_ignored == 1
        assert cache.purge(Purge("tag", "rung-240")) == 1


async def test_tags_count_as_stored_bytes(origin: PretendOrigin, clock: Clock) -> None:
    many = " ".join(f"{number:03}{'t' * 125}" for number in range(TAGS_MAX))
    origin.serve(SEGMENT, b"m")
    origin.serve(
        "/tagged.m4s", b"m", {"Surrogate-Key": many[:4000], "Cache-Tag": many[4000:].replace(" ", ",")}
    )
    async with edge_cache(origin, clock) as cache:
        await ask(cache)
        bare = cache.stored_bytes
        await ask(cache, "/tagged.m4s")
        assert cache.stored_bytes - bare > TAGS_MAX * 120


async def test_a_304_keeps_the_tags_or_brings_new_ones(origin: PretendOrigin, clock: Clock) -> None:
    renewed_tags: dict[str, str] = {}

    async def handler(asked: web.Request) -> web.Response:
        if "If-None-Match" in asked.headers:
            return web.Response(status=304, headers={"ETag": '"a"', **renewed_tags})
        return web.Response(body=b"m", headers={"ETag": '"a"', "Cache-Control": "max-age=10", **TAGGED})

    origin.on(SEGMENT, handler)
    async with edge_cache(origin, clock) as cache:
        await ask(cache)
        clock.now += 11
        await ask(cache)
        assert cache.purge(Purge("tag", "event-7", soft=True)) == 1
        renewed_tags["Cache-Tag"] = "new"
        await ask(cache)
        assert cache.purge(Purge("tag", "event-7", soft=True)) == 0
        assert cache.purge(Purge("tag", "new")) == 1


@pytest.mark.parametrize("what", [Purge("url", SEGMENT, True), Purge("tag", "all", True)])
async def test_a_soft_purge_makes_the_next_request_revalidate(
    origin: PretendOrigin, clock: Clock, what: Purge
) -> None:
    async def handler(asked: web.Request) -> web.Response:
        if asked.headers.get("If-None-Match") == '"a"':
            return web.Response(status=304, headers={"ETag": '"a"'})
        return web.Response(body=b"m", headers={"ETag": '"a"', "Cache-Control": "max-age=60", **TAGGED})

    origin.on(SEGMENT, handler)
    async with edge_cache(origin, clock) as cache:
        await ask(cache)
        clock.now += 20
        assert cache.purge(what) == 1
        assert cache.stored_objects == 1
        renewed = await ask(cache)
        assert renewed.body == b"m"
        assert renewed.headers["Cache-Status"] == '"pune"; fwd=stale; fwd-status=304; stored'
        assert (await ask(cache)).headers["Cache-Status"] == '"pune"; hit; ttl=60'  # the whole lifetime again


async def test_after_a_soft_purge_stale_service_is_what_the_lifetime_allows(
    origin: PretendOrigin, clock: Clock
) -> None:
    origin.serve(SEGMENT, b"old", {"Cache-Control": STALE_LONG})
    async with edge_cache(origin, clock, retry_share=0.0, failure_memory_s=0.0) as cache:
        await ask(cache)
        cache.purge(Purge("url", SEGMENT, soft=True))
        clock.now += 20
        assert cache.purge(Purge("url", SEGMENT, soft=True)) == 1  # hit again, but stale since the first
        await origin.stop()
        assert (await ask(cache)).headers["Cache-Status"] == '"pune"; hit; ttl=-20'
        clock.now += 20
        assert (await ask(cache)).headers["Cache-Status"] == '"pune"; fwd=stale; detail=connect'
        clock.now += 60
        assert (await ask(cache)).status == 502


async def test_what_must_be_revalidated_is_not_served_stale_after_a_soft_purge(
    origin: PretendOrigin, clock: Clock
) -> None:
    origin.serve(SEGMENT, b"old", {"Cache-Control": "max-age=60, must-revalidate"})
    async with edge_cache(origin, clock, retry_share=0.0) as cache:
        await ask(cache)
        cache.purge(Purge("url", SEGMENT, soft=True))
        await origin.stop()
        assert (await ask(cache)).status == 502


@pytest.mark.parametrize(
    "purge", [Purge("url", SEGMENT), Purge("prefix", "/live/", soft=True), Purge("tag", "all", soft=True)]
)
async def test_a_failure_is_forgotten_with_the_objects(
    origin: PretendOrigin, clock: Clock, purge: Purge
) -> None:
    origin.serve(SEGMENT, b"old", {"Cache-Control": "max-age=1, must-revalidate", **TAGGED})
    async with edge_cache(origin, clock, retry_share=0.0) as cache:
        await ask(cache)
        clock.now += 2
        origin.serve(SEGMENT, status=501)
        assert (await ask(cache)).status == 502
        origin.serve(SEGMENT, b"new")
        cache.purge(Purge("url", "/live/v240/8.m4s"))
        cache.purge(Purge("tag", "other"))
        assert (await ask(cache)).status == 502  # still remembered
        cache.purge(purge)
        assert not cache.recent_failure
        assert (await ask(cache)).body == b"new"
