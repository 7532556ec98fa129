import contextlib
import json
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.model import ConfigError
from edge.origin import media
from edge.origin.media import MEDIA_EPOCH_S, SHIPPED, Library, Track

NOW = 1_795_235_000 // 2  # a number of 2026-11-21
LIBRARY = media.load()
TRACKS = st.sampled_from(LIBRARY.tracks)
NUMBERS = st.integers(MEDIA_EPOCH_S // 2, 2**33)  # until the year 2514


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    while data:
        size, kind = struct.unpack_from(">I4s", data)
        yield kind, data[8:size]
        data = data[size:]


def inside(data: bytes, *path: bytes) -> bytes:
    for kind in path:
        data = dict(boxes(data))[kind]
    return data


def decode_time(segment: bytes) -> int:
    return int.from_bytes(inside(segment, b"moof", b"traf", b"tfdt")[4:], "big")


def sequence(segment: bytes) -> int:
    return int.from_bytes(inside(segment, b"moof", b"mfhd")[4:], "big")


def samples(segment: bytes) -> int:
    return int.from_bytes(inside(segment, b"moof", b"traf", b"trun")[4:8], "big")


def frame_ticks(track: Track) -> int:
    """Length of one frame: 1/25 s of video, 1,024 samples of AAC."""
    return track.timescale // 25 if track.kind == "video" else 1024


@given(track=TRACKS, number=NUMBERS)
def test_each_segment_begins_where_the_one_before_ends_also_across_the_loop(
    track: Track, number: int
) -> None:
    one, following = LIBRARY.segment(track, number), LIBRARY.segment(track, number + 1)
    assert decode_time(one) + samples(one) * frame_ticks(track) == decode_time(following)
    assert sequence(following) == (sequence(one) + 1) % 2**32


@given(track=TRACKS, number=NUMBERS)
def test_media_time_is_wall_time_so_sound_and_picture_never_part(track: Track, number: int) -> None:
    begun_s = MEDIA_EPOCH_S + decode_time(LIBRARY.segment(track, number)) / track.timescale
    late_s = begun_s - 2 * number
    assert 0 <= late_s < 1024 / 48_000
    assert track.kind == "audio" or late_s == 0
    assert LIBRARY.start_s(track, number) == pytest.approx(begun_s, abs=1e-4)


@given(track=TRACKS, number=NUMBERS)
def test_a_loop_later_only_the_clock_fields_differ(track: Track, number: int) -> None:
    one, later = LIBRARY.segment(track, number), LIBRARY.segment(track, number + len(track.fragments))
    assert len(one) == len(later)
    assert sum(a != b for a, b in zip(one, later, strict=True)) <= 4 + 8
    assert dict(boxes(one))[b"mdat"] == dict(boxes(later))[b"mdat"]


def test_three_rungs_and_two_languages_ship_in_less_than_3_mb(library: Library) -> None:
    assert [one.name for one in library.tracks] == ["v240", "v360", "v540", "a-hi", "a-en"]
    assert sum(one.stat().st_size for one in SHIPPED.iterdir() if one.is_file()) < 3_000_000


def test_video_segments_last_exactly_two_seconds_and_audio_at_most_a_frame_more(library: Library) -> None:
    for track in library.tracks:
        durations = [track.duration_s(number) for number in range(NOW, NOW + 8)]
        assert sum(durations) == pytest.approx(16, abs=1e-9)
        assert max(durations) <= 2 + (track.kind == "audio") * 1024 / 48_000
        assert track.kind == "audio" or set(durations) == {2.0}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(SHIPPED, tmp_path / "media")
    return tmp_path / "media"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source of one track, for a test that damages it many times over."""
    directory = tmp_path_factory.mktemp("scratch")
    listing = json.loads((SHIPPED / "tracks.json").read_text())
    (directory / "tracks.json").write_text(json.dumps(listing | {"tracks": listing["tracks"][:1]}))
    return directory


def problem(directory: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        media.load(directory)
    assert caught.value.hint == "make it again with edge/origin/media/make_source.py"
    return str(caught.value).removeprefix(str(directory))


def test_a_directory_without_media_is_named(tmp_path: Path) -> None:
    assert problem(tmp_path).startswith("/tracks.json: cannot be read: No such file")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"segment_s": 2, "segments": 8, "tracks": [1]}', "\xff"])
def test_a_list_of_tracks_that_is_none_is_named(copy: Path, text: str) -> None:
    (copy / "tracks.json").write_text(text, encoding="latin-1")
    assert problem(copy).startswith("/tracks.json: is no list of tracks")


@pytest.mark.parametrize("keep", [[], ["a-hi", "a-en"], ["v240", "v240"]])
def test_tracks_that_make_no_stream_are_refused(copy: Path, keep: list[str]) -> None:
    listing = json.loads((copy / "tracks.json").read_text())
    by_name = {one["name"]: one for one in listing["tracks"]}
    (copy / "tracks.json").write_text(json.dumps(listing | {"tracks": [by_name[name] for name in keep]}))
    assert "wants one video at least" in problem(copy)


def test_a_missing_track_is_named(copy: Path) -> None:
    (copy / "a-en.mp4").unlink()
    assert problem(copy).startswith("/a-en.mp4: cannot be read: No such file")


@pytest.mark.parametrize("size_bytes", [0, 3, 20, 700, 40_000, 70_000])
def test_a_truncated_track_is_named(copy: Path, size_bytes: int) -> None:
    whole = (copy / "v240.mp4").read_bytes()
    (copy / "v240.mp4").write_bytes(whole[:size_bytes])
    assert problem(copy).startswith("/v240.mp4: is no fragmented MP4 of that loop")


def test_a_track_of_another_loop_length_is_named(copy: Path) -> None:
    whole = (copy / "v360.mp4").read_bytes()
    (copy / "v360.mp4").write_bytes(whole[: whole.rindex(b"moof") - 4])
    assert "it has 7 segments, not 8" in problem(copy)


def test_a_gap_between_segments_is_named(copy: Path) -> None:
    whole = bytearray((copy / "a-hi.mp4").read_bytes())
    last = whole.rindex(b"tfdt") + 8
    (time,) = struct.unpack_from(">Q", whole, last)
    struct.pack_into(">Q", whole, last, time + 1024)
    (copy / "a-hi.mp4").write_bytes(whole)
    assert problem(copy).startswith("/a-hi.mp4: is no fragmented MP4 of that loop (segment 7 begins at")


@given(flips=st.dictionaries(st.integers(0, 11_000), st.integers(0, 255), min_size=1, max_size=20))
def test_damage_is_a_clear_error_or_no_harm_but_never_a_traceback(
    scratch: Path, flips: dict[int, int]
) -> None:
    whole = bytearray((SHIPPED / "v240.mp4").read_bytes())
    for at, byte in flips.items():
        whole[at] = byte
    (scratch / "v240.mp4").write_bytes(whole)
    with contextlib.suppress(ConfigError):
        media.load(scratch)
