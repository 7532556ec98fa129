"""What is live, and what is DVR or VOD, as playlists tell it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cache import window
from edge.cache.window import Content, LiveWindows

PLAYLIST = "/live/v240/playlist.m3u8"


def media_playlist(
    first: int, count: int, name: str = "{}.m4s", tail: str = "", segment_s: float = 4
) -> bytes:
    lines = ["#EXTM3U", f"#EXT-X-TARGETDURATION:{segment_s}", '#EXT-X-MAP:URI="init.mp4"']
    for number in range(first, first + count):
        lines += [f"#EXTINF:{segment_s},", name.format(number)]
    return "\n".join([*lines, tail]).encode()


def learned(*given: tuple[str, bytes]) -> LiveWindows:
    made = LiveWindows()
    for key, body in given:
        made.learn(key, body)
    return made


def test_the_last_minute_of_a_live_playlist_is_live_and_what_is_before_is_dvr() -> None:
    known = learned((PLAYLIST, media_playlist(100, 450)))
    assert known.content("/live/v240/535.m4s") is Content.LIVE
    assert known.content("/live/v240/534.m4s") is Content.DVR
    assert known.content("/live/v240/99.m4s") is Content.DVR
    assert known.content("/live/v240/550.m4s") is Content.LIVE  # of a playlist that is newer elsewhere
    assert known.content(PLAYLIST) is Content.LIVE
    assert known.content("/live/v240/init.mp4") is Content.LIVE


def test_the_window_moves_with_the_playlist() -> None:
    known = learned((PLAYLIST, media_playlist(100, 10)))
    assert known.content("/live/v240/100.m4s") is Content.LIVE
    known.learn(PLAYLIST + "?_HLS_msn=200", media_playlist(200, 10))
    assert known.content("/live/v240/109.m4s") is Content.DVR


def test_a_playlist_that_has_ended_is_vod_with_all_its_segments() -> None:
    known = learned(("/vod/film.m3u8", media_playlist(1, 100, "part/f-{}-v1.ts?token=x", "#EXT-X-ENDLIST")))
    assert known.content("/vod/film.m3u8") is Content.VOD
    assert known.content("/vod/part/f-7-v1.ts") is Content.VOD
    assert known.content("/vod/part/f-7-v2.ts") is Content.LIVE  # in doubt a viewer is served
    single = learned(("/vod/a.m3u8", b"#EXTM3U\n#EXTINF:4,\nfilm.mp4\n#EXT-X-ENDLIST\n"))
    assert single.content("/vod/film.mp4?x=1") is Content.VOD


def test_renditions_in_one_folder_have_windows_of_their_own() -> None:
    known = learned(
        ("/live/a.m3u8", media_playlist(500, 10, "a_{}.ts")),
        ("/live/b.m3u8", media_playlist(9, 10, "b_{}.ts")),
    )
    assert known.content("/live/b_9.ts") is Content.LIVE
    assert known.content("/live/a_9.ts") is Content.DVR


def test_a_live_playlist_in_the_place_of_an_ended_one_is_live() -> None:
    known = learned(
        (PLAYLIST, media_playlist(1, 9, tail="#EXT-X-ENDLIST")), (PLAYLIST, media_playlist(10, 9))
    )
    assert known.content(PLAYLIST) is Content.LIVE
    assert known.content("/live/v240/12.m4s") is Content.LIVE


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not a playlist",
        b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv240/7.m3u8\n#EXT-X-ENDLIST\n",
        b"#EXTM3U\n#EXTINF:nan,\n7.m4s",
        b"#EXTM3U\n#EXTINF:none,\n\xff\xfe7.m4s",
        b"#EXTM3U\n#EXTINF:4,\nhttp://[::1/7.m4s",
    ],
)
def test_what_tells_nothing_leaves_everything_live(body: bytes) -> None:
    known = learned((PLAYLIST, body))
    for path in (PLAYLIST, "/live/v240/7.m4s", "/live/v240/v240/7.m3u8"):
        assert known.content(path) is Content.LIVE


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "PATTERNS_MAX", 3)
    known = learned(*((f"/live/{name}/p.m3u8", media_playlist(50, 9)) for name in "abcde"))
    assert len(known) == 3
    assert known.content("/live/a/7.m4s") is Content.LIVE
    assert known.content("/live/e/7.m4s") is Content.DVR


@given(st.text(), st.binary())
def test_no_playlist_and_no_path_is_too_strange(path: str, body: bytes) -> None:
    known = learned((path, b"#EXTM3U\n" + body), (path, b"#EXTM3U\n" + body + b"\n#EXT-X-ENDLIST"))
    assert known.content(path) in Content
