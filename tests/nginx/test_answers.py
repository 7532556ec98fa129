import pytest

from edge.cache.objects import CachedObject, CacheResponse, Lifetime
from edge.nginx.answers import Moment, fields_for, kept_until, why_not
from edge.nginx.head import Fill

FILL = Fill("abcd", 7, 1_700_000_000.0)
FRESH = Lifetime(60.0, 0.0, 300.0)


def made(key: str = "/7.m4s", life: Lifetime = FRESH, status: int = 200, body: bytes = b"x") -> CachedObject:
    return CachedObject(key, status, {}, body, "", "", 0.0, 0.0, life, ("final",))


def answer(of: CachedObject, status: int = 200) -> CacheResponse:
    assert isinstance(of.body, bytes)
    return CacheResponse(status, {"Age": "3", "Cache-Control": "max-age=60"}, of.body, of)


@pytest.mark.parametrize(
    ("ttl_s", "wall", "until"),
    [
        (60.0, 1000.0, 1059),  # served to the end of that second: 1060
        (60.0, 1000.9, 1059),
        (1.0, 1000.0, 1000),
        (1.0, 1000.9, 1000),
        (0.5, 1000.2, 1000),  # 0.3 s too long: the least that nginx can keep
        (0.0, 1000.9, 1000),
    ],
)
def test_nginx_keeps_an_object_no_second_longer_than_it_is_fresh(
    ttl_s: float, wall: float, until: int
) -> None:
    assert kept_until(ttl_s, wall) == until


def test_cache_control_comes_before_the_lifetime() -> None:
    of = made()
    fields = fields_for(answer(of), of, FILL, Moment(10.0, 1000.0))
    names = list(fields)
    assert names.index("Cache-Control") < names.index("X-Accel-Expires")
    assert fields["Cache-Control"] == "stale-while-revalidate=300, stale-if-error=0"
    assert fields["X-Accel-Expires"] == "@1049"
    assert fields["Edge-Control"] == "max-age=60"
    assert (fields["Surrogate-Key"], fields["Edge-Fill"]) == ("final", "abcd-7-1700000000")
    assert "Age" not in fields
    assert "Edge-Detail" not in fields


def test_what_is_stale_already_says_so_and_is_asked_for_again_in_a_second() -> None:
    of = made()
    fields = fields_for(answer(of), of, FILL, Moment(100.0, 1000.5))
    assert (fields["X-Accel-Expires"], fields["Edge-Detail"]) == ("@1000", "; detail=stale")


@pytest.mark.parametrize(
    ("key", "life", "control"),
    [
        ("/7.m4s", Lifetime(60.0, 600.0, 300.0), "stale-while-revalidate=600, stale-if-error=0"),
        ("/about.html", Lifetime(60.0, 0.0, 300.0), "stale-while-revalidate=0, stale-if-error=0"),
        ("/1.m3u8", Lifetime(1.0, 0.5, 10.0), "stale-if-error=10"),
    ],
)
def test_only_media_and_what_the_origin_allows_is_a_little_old(
    key: str, life: Lifetime, control: str
) -> None:
    of = made(key, life)
    assert fields_for(answer(of), of, FILL, Moment(0.0, 0.0))["Cache-Control"] == control


@pytest.mark.parametrize(
    ("found", "directives", "reason"),
    [
        (answer(made()), "||", ""),
        (CacheResponse(502, {}), "||", "status"),
        (answer(made(), status=206), "||", "status"),
        (answer(made(status=404, life=Lifetime(1.0)), status=404), "||", ""),
        (answer(made("/a%2Fb.m4s")), "||", "key"),
        (answer(made("/1.m3u8?_HLS_msn=7")), "||", "key"),
        (answer(made("/1.m3u8?_HLS_msn=7")), "7||", ""),
        (answer(made(life=Lifetime(0.0, 0.0, 300.0))), "||", "lifetime"),
        (answer(made(life=Lifetime(60.0))), "||", "revalidate"),
        (answer(made("/1.m3u8", body=b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nx")), "||", "multivariant"),
    ],
)
def test_what_nginx_may_store(found: CacheResponse, directives: str, reason: str) -> None:
    assert why_not(found, directives, 0.5) == reason
