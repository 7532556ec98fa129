"""A real decoder's word on 20 s of every rendition, across the end of the loop."""

import subprocess
from pathlib import Path

import pytest

from edge.origin.media import MEDIA_EPOCH_S, Library, Track
from needs import needs

SEGMENTS = range(MEDIA_EPOCH_S // 2 + 3, MEDIA_EPOCH_S // 2 + 13)  # segment 8 begins the second loop


def run(*command: str) -> tuple[str, str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout, done.stderr


@pytest.fixture(params=["v240", "v360", "v540", "a-hi", "a-en"])
def track(request: pytest.FixtureRequest, library: Library) -> Track:
    found = library.track(request.param)
    assert found is not None
    return found


@pytest.fixture
def played(tmp_path: Path, library: Library, track: Track) -> str:
    segments = (library.segment(track, number) for number in SEGMENTS)
    (tmp_path / "played.mp4").write_bytes(track.init + b"".join(segments))
    return str(tmp_path / "played.mp4")


@needs("ffprobe")
def test_frames_follow_each_other_without_gap_and_each_segment_opens_with_a_key_frame(
    played: str, track: Track
) -> None:
    out, errors = run(
        *("ffprobe", "-v", "warning", "-show_entries", "packet=dts,duration,flags", "-of", "csv=p=0", played)
    )
    assert errors == ""
    packets = [line.split(",") for line in out.split()]
    times = [int(dts) for dts, *_ in packets]
    frame = track.timescale // 25 if track.kind == "video" else 1024
    assert times == list(range(times[0], times[0] + len(times) * frame, frame))
    if track.kind == "video":
        keys = [index for index, (_, _, flags) in enumerate(packets) if flags.startswith("K")]
        assert keys == list(range(0, 500, 50))


@needs("ffmpeg")
def test_all_of_it_decodes_without_an_error(played: str) -> None:
    _, errors = run("ffmpeg", "-nostdin", "-v", "warning", "-xerror", "-i", played, "-f", "null", "-")
    assert errors == ""
