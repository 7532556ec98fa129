"""How long answers are kept: the origin's word, in the right order, within what live HLS can bear."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from cache.pretend_origin import MEDIA_PLAYLIST, PLAYLIST, SEGMENT
from edge.cache.lifetime import Kind, age_of, kind_of, lifetime, playlist_limit_s, viewer_control
from edge.cache.objects import Lifetime
from edge.cache.settings import CacheSettings

SETTINGS = CacheSettings(origin="http://127.0.0.1:1")
MULTIVARIANT = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv/playlist.m3u8\n"
ENDED = MEDIA_PLAYLIST + b"#EXT-X-ENDLIST\n"
DATE = "Sat, 21 Nov 2026 07:00:00 GMT"


def mpd(attributes: str) -> bytes:
    return f'<?xml version="1.0"?>\n<!-- made -->\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"\n {attributes}>'.encode()


def life(path: str = SEGMENT, status: int = 200, body: bytes = b"", /, **fields: str) -> Lifetime | None:
    headers = CIMultiDict({name.replace("_", "-"): value for name, value in fields.items()})
    return lifetime(path, status, headers, body, SETTINGS)


def fresh_s(path: str = SEGMENT, status: int = 200, body: bytes = b"", /, **fields: str) -> float | None:
    found = life(path, status, body, **fields)
    return found.fresh_s if found else None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 3600),
        ({"Cache_Control": "max-age=5"}, 5),
        ({"Cache_Control": "max-age=5, s-maxage=9"}, 9),
        ({"Cache_Control": "max-age=5", "CDN_Cache_Control": "max-age=70"}, 70),
        ({"Cache_Control": "no-store", "CDN_Cache_Control": "max-age=70"}, 70),
        ({"Cache_Control": "max-age=5", "CDN_Cache_Control": "must-revalidate", "Expires": DATE}, 3600),
        ({"Cache_Control": "max-age=5", "Expires": "Sat, 21 Nov 2026 08:00:00 GMT", "Date": DATE}, 5),
        ({"Expires": "Sat, 21 Nov 2026 07:01:00 GMT", "Date": DATE}, 60),
        ({"Expires": "0"}, 0),
        ({"Cache_Control": "no-cache, max-age=5"}, 0),
        ({"Cache_Control": 'MAX-AGE="7"'}, 7),
        ({"Cache_Control": "max-age=soon"}, 3600),
        ({"Cache_Control": "no-store"}, None),
        ({"Cache_Control": "private, max-age=5"}, None),
        ({"Set_Cookie": "a=b", "Cache_Control": "max-age=5"}, None),
        ({"Vary": "*"}, None),
        ({"Vary": "Accept-Encoding"}, 3600),
    ],
)
def test_the_strongest_word_counts(fields: dict[str, str], expected: float | None) -> None:
    assert fresh_s(**fields) == expected


@pytest.mark.parametrize(
    ("status", "expected"), [(404, 1), (410, 1), (500, None), (503, None), (302, None), (403, None)]
)
def test_errors(status: int, expected: float | None) -> None:
    assert fresh_s(SEGMENT, status) == expected
    assert (life(SEGMENT, status) or Lifetime(0)).stale_if_error_s == 0


@pytest.mark.parametrize(
    ("body", "control", "expected"),
    [
        (MEDIA_PLAYLIST, "", 1),
        (MEDIA_PLAYLIST, "max-age=60", 1),
        (MEDIA_PLAYLIST, "max-age=0", 0),
        (MEDIA_PLAYLIST.replace(b"DURATION:2", b"DURATION:30"), "", 5),
        (MEDIA_PLAYLIST.replace(b"DURATION:2", b"DURATION:6"), "max-age=60", 3),
        (MULTIVARIANT, "max-age=60", 60),
        (MULTIVARIANT, "", 5),
        (ENDED, "max-age=60", 60),
        (b"\xff\xfe junk", "max-age=60", 1),
        (mpd('type="dynamic" minimumUpdatePeriod="PT8S" maxSegmentDuration="PT3.84S"'), "", 1.92),
        (mpd("type='dynamic' minimumUpdatePeriod='PT4S'"), "max-age=60", 2),
        (mpd('type="dynamic" minimumUpdatePeriod="PT0S"'), "max-age=60", 0.5),
        (mpd('type="dynamic" maxSegmentDuration="PT1M"'), "max-age=60", 5),
        (mpd('type="dynamic"'), "max-age=60", 1),
        (mpd('type="dynamic" maxSegmentDuration="P1Y"'), "max-age=60", 1),
        (mpd('type="static" mediaPresentationDuration="PT1H"'), "max-age=60", 60),
        (mpd("profiles='urn:x'"), "max-age=60", 60),  # static by default
    ],
)
def test_a_live_playlist_lives_at_most_half_its_target_duration(
    body: bytes, control: str, expected: float
) -> None:
    assert fresh_s(PLAYLIST, 200, body, **({"Cache_Control": control} if control else {})) == expected


@given(st.binary(max_size=200) | st.text(st.sampled_from('#EXT-M3U:INFTARGEDURION=",0189.\n'), max_size=200))
def test_no_body_upsets_the_reader(tail: bytes | str) -> None:
    raw = tail if isinstance(tail, bytes) else tail.encode()
    for prefix in (b"", b"#EXTM3U\n#EXT-X-TARGETDURATION:", b"#EXTM3U\n#EXTINF:", b"#EXTM3U\n#EXT-X-KEY:"):
        assert 0.5 <= playlist_limit_s(prefix + raw) <= 3600


def test_stale_use() -> None:
    control = "max-age=9, stale-while-revalidate=4, stale-if-error=500"
    assert life(Cache_Control=control) == Lifetime(9, 4, 500)
    assert life(Cache_Control=control + ", must-revalidate") == Lifetime(9, 0, 0)
    assert life(PLAYLIST, 200, MEDIA_PLAYLIST, Cache_Control=control) == Lifetime(1, 0, 15)
    assert life() == Lifetime(3600, 0, 300)


@pytest.mark.parametrize(
    ("path", "field", "fresh", "expected"),
    [
        (PLAYLIST, "public, max-age=60, s-maxage=9", 1.0, "public, max-age=1, s-maxage=1"),
        (PLAYLIST, "max-age=1", 3.0, "max-age=1"),
        (PLAYLIST, "", 1.5, "max-age=1"),
        (PLAYLIST, "max-age=9, stale-while-revalidate=9", 1.0, "max-age=1"),
        (PLAYLIST, "no-cache", 0.0, "no-cache"),
        (SEGMENT, "public, max-age=3600, immutable", 1.0, "public, max-age=3600, immutable"),
    ],
)
def test_viewers_keep_a_playlist_no_longer_than_we_do(
    path: str, field: str, fresh: float, expected: str
) -> None:
    assert viewer_control(path, field, Lifetime(fresh)) == expected


@pytest.mark.parametrize(
    ("field", "expected"), [("7", 7), ("", 0), ("-1", 0), ("9" * 400, 0), ("²", 0), ("1.5", 0)]
)
def test_age(field: str, expected: float) -> None:
    assert age_of({"Age": field}) == expected


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (PLAYLIST, Kind.PLAYLIST),
        ("/a/manifest.MPD", Kind.PLAYLIST),
        (PLAYLIST + "?_HLS_msn=4", Kind.PLAYLIST),
        ("/live/v240/init.mp4", Kind.INIT),
        (SEGMENT, Kind.SEGMENT),
        ("/page.html", Kind.OTHER),
    ],
)
def test_kinds(path: str, kind: Kind) -> None:
    assert kind_of(path) is kind
