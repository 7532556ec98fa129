import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.demo.player import TARGET_MAX_S, TARGET_MIN_S, Playback, Stumble, join, parse_media, parse_variants
from edge.origin import media, playlist

MULTIVARIANT = b"""#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="hi",URI="a-hi/playlist.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=900,AUDIO="a"
high/playlist.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=100,AUDIO="a"
low/playlist.m3u8
"""
MEDIA = b"""#EXTM3U
#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-MAP:URI="init.mp4"
#EXTINF:2,
7.m4s
#EXTINF:2,
8.m4s
"""


def test_renditions_lowest_rung_first() -> None:
    found = parse_variants(MULTIVARIANT)
    assert found.videos == ("low/playlist.m3u8", "high/playlist.m3u8")
    assert found.audios == ("a-hi/playlist.m3u8",)


def test_segments_by_their_numbers() -> None:
    found = parse_media(MEDIA)
    assert (found.first, found.newest, found.init, found.target_s) == (7, 8, "init.mp4", 2.0)
    assert found.after(7) == [(8, "8.m4s")]
    assert found.after(0) == [(7, "7.m4s"), (8, "8.m4s")]
    assert found.after(8) == []


def test_what_the_own_origin_publishes_is_understood() -> None:
    library = media.load()
    assert len(parse_variants(playlist.multivariant(library).encode()).videos) == 3
    for track in library.tracks:
        assert len(parse_media(playlist.media(library, track, 1_795_000_000.0).encode()).uris) >= 3


@pytest.mark.parametrize("target", [b"0", b"86400", b"-3"])
def test_no_playlist_makes_a_viewer_hurry_or_sleep(target: bytes) -> None:
    found = parse_media(MEDIA.replace(b"DURATION:2", b"DURATION:" + target))
    assert TARGET_MIN_S <= found.target_s <= TARGET_MAX_S


@given(st.binary(max_size=200), st.booleans())
def test_junk_is_a_stumble(junk: bytes, header: bool) -> None:
    text = b"#EXTM3U\n" + junk if header else junk
    for parse in (parse_variants, parse_media):
        with contextlib.suppress(Stumble):
            parse(text)


def test_addresses_are_joined_with_their_encoding_untouched() -> None:
    assert join("http://a:81/live/main.m3u8", "v%20240/x.m3u8") == "http://a:81/live/v%20240/x.m3u8"
    for uri in ("ftp://a/x", "http://[1/x"):
        with pytest.raises(Stumble, match="bad address"):
            join("http://a/", uri)


def test_a_segment_that_comes_after_its_play_time_stops_the_picture() -> None:
    playback = Playback(2.0)
    assert not playback.arrived(1, 50.0)  # not yet playing
    playback.start(10, 100.0)
    assert not playback.arrived(11, 102.0)
    assert playback.arrived(12, 104.5)
    assert not playback.arrived(13, 106.4)  # the picture went on from there
