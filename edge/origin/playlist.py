"""Live HLS playlists (RFC 8216) of a looped source: pure text from the library and the time."""

import math
from datetime import UTC, datetime

from edge.origin.media import Library, Track

WINDOW = 10  # segments in a playlist: five target durations more than a player's start needs


def newest(library: Library, now_s: float) -> int:
    """Number of the newest whole segment at Unix time `now_s`. Any two origins agree, and a restart never rewinds."""
    return int(now_s // library.segment_s) - 1


def multivariant(library: Library) -> str:
    """The multivariant playlist: every video rung with every language."""
    videos = [one for one in library.tracks if one.kind == "video"]
    audios = [one for one in library.tracks if one.kind == "audio"]
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for index, audio in enumerate(audios):
        default = "NO" if index else "YES"
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="{audio.title}",LANGUAGE="{audio.language}",'
            f'DEFAULT={default},AUTOSELECT=YES,CHANNELS="1",URI="{audio.name}/playlist.m3u8"'
        )
    loudest = max((audio.peak_bps for audio in audios), default=0)
    typical = max((audio.mean_bps for audio in audios), default=0)
    for video in videos:
        codecs = ",".join([video.codec, *dict.fromkeys(audio.codec for audio in audios)])
        lines.append(
            f"#EXT-X-STREAM-INF:BANDWIDTH={video.peak_bps + loudest},AVERAGE-BANDWIDTH={video.mean_bps + typical},"
            f'CODECS="{codecs}",RESOLUTION={video.width}x{video.height},FRAME-RATE={video.fps:.3f}'
            + (',AUDIO="audio"' if audios else "")
        )
        lines.append(f"{video.name}/playlist.m3u8")
    return "\n".join(lines) + "\n"


def media(library: Library, track: Track, now_s: float, window: int = WINDOW) -> str:
    """The sliding-window playlist of one rendition; a segment appears once it is whole."""
    last = newest(library, now_s)
    numbers = range(last - window + 1, last + 1)
    # Every rounded EXTINF must be at most the target duration (RFC 8216 §4.3.3.1).
    target = max(math.floor(track.duration_s(number) + 0.5) for number in range(len(track.fragments)))
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{target}"]
    lines += [
        f"#EXT-X-MEDIA-SEQUENCE:{numbers[0]}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        '#EXT-X-MAP:URI="init.mp4"',
    ]
    for number in numbers:
        begun = datetime.fromtimestamp(library.start_s(track, number), UTC)
        lines.append(
            f"#EXT-X-PROGRAM-DATE-TIME:{begun.isoformat(timespec='milliseconds').replace('+00:00', 'Z')}"
        )
        lines += [f"#EXTINF:{track.duration_s(number):.5f},", f"{number}.m4s"]
    return "\n".join(lines) + "\n"
