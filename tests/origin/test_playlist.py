import itertools
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import m3u8
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.origin import media, playlist
from edge.origin.media import Library, Track

NOW_S = 1_795_235_001.5
LIBRARY = media.load()
TRACKS = st.sampled_from(LIBRARY.tracks)
TIMES = st.floats(1_795_000_000, 1_900_000_000)


class Entry(NamedTuple):
    uri: str
    duration_s: float
    begun: datetime


class Window(NamedTuple):
    first: int
    entries: list[Entry]


def window(track: Track, now_s: float) -> Window:
    """What a player reads; every entry must have what it needs."""
    read = m3u8.loads(playlist.media(LIBRARY, track, now_s))
    assert read.media_sequence is not None
    entries = []
    for one in read.segments:
        assert one.uri is not None
        assert one.duration is not None
        assert one.program_date_time is not None
        entries.append(Entry(one.uri, one.duration, one.program_date_time))
    return Window(read.media_sequence, entries)


class Rung(NamedTuple):
    video: Track
    codecs: str
    bps: int
    mean_bps: int


def rungs(library: Library) -> list[Rung]:
    found = []
    for one in m3u8.loads(playlist.multivariant(library)).playlists:
        info, video = one.stream_info, library.track(str(one.uri).split("/")[0])
        assert video is not None
        assert info.bandwidth is not None
        assert info.average_bandwidth is not None
        found.append(Rung(video, str(info.codecs), info.bandwidth, info.average_bandwidth))
    return found


def test_the_multivariant_playlist_offers_each_rung_with_both_languages(library: Library) -> None:
    main = m3u8.loads(playlist.multivariant(library))
    assert main.is_variant
    assert main.is_independent_segments
    offered = [(one.uri, one.stream_info.resolution, one.stream_info.frame_rate) for one in main.playlists]
    assert offered == [
        ("v240/playlist.m3u8", (426, 240), 25.0),
        ("v360/playlist.m3u8", (640, 360), 25.0),
        ("v540/playlist.m3u8", (960, 540), 25.0),
    ]
    assert {one.stream_info.audio for one in main.playlists} == {"audio"}
    languages = [(one.group_id, one.language, one.default, one.autoselect, one.uri) for one in main.media]
    assert languages == [
        ("audio", "hi", "YES", "YES", "a-hi/playlist.m3u8"),
        ("audio", "en", "NO", "YES", "a-en/playlist.m3u8"),
    ]


def test_codecs_are_what_the_media_holds(library: Library) -> None:
    for rung in rungs(library):
        init = rung.video.init
        profile_and_level = init[init.index(b"avcC") + 5 :][:3]
        assert rung.codecs == f"avc1.{profile_and_level.hex()},mp4a.40.2"


def test_bandwidth_is_what_the_heaviest_pair_of_segments_takes(library: Library) -> None:
    def peak_bps(track: Track) -> float:
        return max(8 * len(library.segment(track, number)) / track.duration_s(number) for number in range(8))

    loudest_bps = max(peak_bps(one) for one in library.tracks if one.kind == "audio")
    for rung in rungs(library):
        assert rung.bps == pytest.approx(peak_bps(rung.video) + loudest_bps, abs=1)
        assert rung.mean_bps <= rung.bps
    assert [one.bps for one in rungs(library)] == sorted(one.bps for one in rungs(library))


@given(track=TRACKS, now_s=TIMES)
def test_a_segment_appears_once_it_is_whole_and_not_later(track: Track, now_s: float) -> None:
    first, entries = window(track, now_s)
    newest = first + len(entries) - 1
    assert 2 * (newest + 1) <= now_s < 2 * (newest + 2)
    assert [one.uri for one in entries] == [f"{first + index}.m4s" for index in range(playlist.WINDOW)]


@given(track=TRACKS, now_s=TIMES, later_s=st.floats(0, 60))
def test_the_window_only_slides_forward_and_never_changes_its_mind(
    track: Track, now_s: float, later_s: float
) -> None:
    before, after = window(track, now_s), window(track, now_s + later_s)
    assert after.first >= before.first
    told = {one.uri: one for one in before.entries}
    assert all(told.get(one.uri, one) == one for one in after.entries)


@given(track=TRACKS, now_s=TIMES)
def test_dates_and_durations_leave_no_gap(track: Track, now_s: float) -> None:
    for one, following in itertools.pairwise(window(track, now_s).entries):
        end = one.begun + timedelta(seconds=one.duration_s)
        assert abs(end - following.begun) <= timedelta(milliseconds=1.1)  # dates are whole milliseconds


def test_a_segment_is_dated_by_its_number(library: Library) -> None:
    newest = window(library.tracks[0], NOW_S).entries[-1]
    assert newest.uri == "897617499.m4s"
    assert newest.begun == datetime.fromtimestamp(2 * 897617499, UTC)


@pytest.mark.parametrize("name", ["v240", "a-hi"])
def test_what_the_specification_demands_of_a_live_fmp4_playlist(library: Library, name: str) -> None:
    track = library.track(name)
    assert track is not None
    read = m3u8.loads(playlist.media(library, track, NOW_S))
    assert str(read.version) == "7"
    assert read.target_duration == 2
    assert all(round(one.duration_s) <= 2 for one in window(track, NOW_S).entries)
    assert [one.uri for one in read.segment_map if one] == ["init.mp4"]
    assert not read.is_endlist
    assert read.playlist_type is None  # EVENT and VOD may not slide


def test_all_renditions_list_the_same_numbers_at_all_times() -> None:
    for tick in range(20):
        assert len({window(track, NOW_S + tick / 4).first for track in LIBRARY.tracks}) == 1
