"""Multivariant playlists: what they offer, and the same with fewer rungs."""

import m3u8
from hypothesis import given
from hypothesis import strategies as st

from edge.cache.multivariant import (
    PLAYLISTS_MAX,
    Ladders,
    Rung,
    Step,
    below,
    filtered,
    is_multivariant,
    rungs,
)

TEXT = """#EXTM3U
#EXT-X-VERSION:7
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Hindi",URI="hi/playlist.m3u8"
#EXT-X-STREAM-INF:AVERAGE-BANDWIDTH=250000,BANDWIDTH=300000,RESOLUTION=426x240,AUDIO="audio"
v240/playlist.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=1500000,RESOLUTION=854x480,AUDIO="audio"
# a remark
v480/playlist.m3u8?token=x
#EXT-X-STREAM-INF:BANDWIDTH=6000000,RESOLUTION=1920x1080,AUDIO="audio"
v1080/playlist.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=2000000,URI="i/playlist.m3u8"
"""


def test_the_peak_of_each_rung_is_read() -> None:
    assert rungs(TEXT) == (
        Rung("v240/playlist.m3u8", 300),
        Rung("v480/playlist.m3u8?token=x", 1500),
        Rung("v1080/playlist.m3u8", 6000),
        Rung("i/playlist.m3u8", 2000, playable=False),
    )
    assert is_multivariant(TEXT.encode())
    assert not is_multivariant(b"#EXTM3U\n#EXTINF:2,\n7.m4s\n")


def test_what_is_above_the_cap_is_left_out_and_the_rest_stays() -> None:
    less = filtered(TEXT, below(rungs(TEXT), 1500))
    read = m3u8.loads(less)
    assert [one.uri for one in read.playlists] == ["v240/playlist.m3u8", "v480/playlist.m3u8?token=x"]
    assert not read.iframe_playlists
    assert [one.name for one in read.media] == ["Hindi"]
    assert "# a remark" in less


def test_the_lowest_rung_is_never_left_out() -> None:
    read = m3u8.loads(filtered(TEXT, below(rungs(TEXT), 1)))
    assert [one.uri for one in read.playlists] == ["v240/playlist.m3u8"]


def test_a_rung_that_is_there_once_for_each_pathway_stays_in_all_of_them() -> None:
    twice = TEXT + "#EXT-X-STREAM-INF:BANDWIDTH=300000\nhttps://pune/v240/playlist.m3u8\n"
    left = m3u8.loads(filtered(twice, below(rungs(twice), 100))).playlists
    assert [one.uri for one in left] == ["v240/playlist.m3u8", "https://pune/v240/playlist.m3u8"]


def test_a_cap_above_all_rungs_changes_nothing() -> None:
    assert filtered(TEXT, below(rungs(TEXT), 6000)) == TEXT


@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=8), st.integers(0, 20_000))
def test_some_rung_is_always_left_and_none_above_the_cap_but_the_lowest(peaks: list[int], cap: int) -> None:
    text = "#EXTM3U\n" + "".join(
        f"#EXT-X-STREAM-INF:BANDWIDTH={kbps}000\nv{number}.m3u8\n" for number, kbps in enumerate(peaks)
    )
    left = rungs(filtered(text, below(rungs(text), cap)))
    assert left
    assert all(one.kbps <= max(cap, min(peaks)) for one in left)
    again = filtered(filtered(text, below(rungs(text), cap)), below(rungs(text), cap))
    assert rungs(again) == left


@given(st.text())
def test_junk_is_no_ladder_and_raises_nothing(junk: str) -> None:
    Ladders().learn("/live/main.m3u8", f"#EXTM3U\n#EXT-X-STREAM-INF:{junk}".encode(errors="replace"))
    filtered(junk, below(rungs(junk), 100))


def test_media_playlists_are_known_as_rungs_once_their_multivariant_playlist_has_passed() -> None:
    ladders = Ladders()
    assert ladders.step("/live/v480/playlist.m3u8") is None
    ladders.learn("/live/main.m3u8", TEXT.encode())
    assert ladders.step("/live/v240/playlist.m3u8") == Step(300, lowest=True)
    assert ladders.step("/live/v480/playlist.m3u8") == Step(1500, lowest=False)
    assert ladders.step("/live/i/playlist.m3u8") is None
    ladders.learn("/live/main.m3u8", TEXT.replace("v480", "v540").encode())
    assert ladders.step("/live/v480/playlist.m3u8") is None
    assert ladders.step("/live/v540/playlist.m3u8") == Step(1500, lowest=False)


def test_the_ladders_are_bounded() -> None:
    ladders = Ladders()
    for number in range(PLAYLISTS_MAX + 10):
        ladders.learn(f"/{number}/main.m3u8", TEXT.encode())
    assert len(ladders) == PLAYLISTS_MAX
    assert len(ladders._steps) == 3 * PLAYLISTS_MAX
    assert ladders.step("/0/v240/playlist.m3u8") is None
