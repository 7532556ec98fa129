"""Where playlists lead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cache.follow import FOLLOWED_MAX, led_to
from edge.cache.keys import normal_path
from edge.cache.lifetime import PLAYLIST_MAX_BYTES

HEAD = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n"
SEGMENTS = "".join(f"#EXTINF:2,\n{number}.m4s?token=x\n" for number in range(6))
MAP = '#EXT-X-MAP:URI="init.mp4"\n'


def follow(text: str, key: str = "/live/v240/playlist.m3u8") -> list[str]:
    return led_to(key, text.encode())


def test_a_multivariant_playlist_leads_to_its_renditions() -> None:
    audio = '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="Hindi",LANGUAGE="hi",URI="audio-hi/playlist.m3u8"\n'
    video = '#EXT-X-STREAM-INF:BANDWIDTH=300000,AUDIO="a"\nv240/playlist.m3u8\n'
    assert follow(f"#EXTM3U\n{audio}{video}{video}", "/live/main.m3u8") == [
        "/live/v240/playlist.m3u8",
        "/live/audio-hi/playlist.m3u8",
    ]


def test_a_live_playlist_leads_to_its_end_and_an_ended_one_to_its_beginning() -> None:
    live = follow(HEAD + MAP + SEGMENTS)
    assert live == ["/live/v240/init.mp4", *(f"/live/v240/{number}.m4s" for number in (3, 4, 5))]
    ended = follow(HEAD + MAP + SEGMENTS + "#EXT-X-ENDLIST\n")
    assert ended == ["/live/v240/init.mp4", *(f"/live/v240/{number}.m4s" for number in (0, 1, 2))]


@pytest.mark.parametrize(
    "uri", ["https://elsewhere.example/7.m4s", "//elsewhere.example/7.m4s", "a b.m4s", "http://[x"]
)
def test_what_is_elsewhere_or_nowhere_is_left(uri: str) -> None:
    assert follow(f"{HEAD}#EXTINF:2,\n{uri}\n") == []


def test_what_is_no_playlist_leads_nowhere() -> None:
    assert led_to("/x.m3u8", b"\xff\xfe") == []
    assert led_to("/x.m3u8", b"#EXTM3U\n\xff\xfe") == []
    assert led_to("/x.mpd", b"<MPD/>") == []
    assert led_to("/x.m3u8", (HEAD + SEGMENTS).encode().ljust(PLAYLIST_MAX_BYTES + 1)) == []


def test_no_playlist_leads_to_more_than_the_bound() -> None:
    many = "".join(f"#EXT-X-STREAM-INF:BANDWIDTH=300000\nv{number}.m3u8\n" for number in range(200))
    assert len(follow("#EXTM3U\n" + many)) == FOLLOWED_MAX


@given(
    st.lists(st.sampled_from([*(HEAD + MAP + SEGMENTS).splitlines(), "#EXT-X-STREAM-INF:", "//", "..", "?"]))
)
def test_junk_leads_to_normal_paths_only(lines: list[str]) -> None:
    for path in follow("\n".join(["#EXTM3U", *lines])):
        assert normal_path(path) == path
