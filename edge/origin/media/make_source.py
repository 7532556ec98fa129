"""Makes the looped source that the demo origin publishes: `python edge/origin/media/make_source.py`.

Needs ffmpeg (with libx264 and drawtext) and espeak-ng. Writes one fragmented MP4 a track beside this file,
`tracks.json` with what the playlists must say of them, and nothing else. The loop is 16 s: a whole number of 2 s
segments, of video frames (400) and of AAC frames (750 at 48 kHz), so it repeats without gap, click or drift.
"""

import argparse
import json
import pathlib
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

LOOP_S, SEGMENT_S, FPS, SAMPLE_RATE = 16, 2, 25, 48_000
SEGMENTS = LOOP_S // SEGMENT_S
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf"
QUIET = ["ffmpeg", "-nostdin", "-y", "-loglevel", "error", "-fflags", "+bitexact"]


class Rung(NamedTuple):
    """One video rendition."""

    name: str
    width: int
    height: int
    kbps: int


class Language(NamedTuple):
    """One audio rendition."""

    name: str
    code: str
    title: str
    voice: str
    text: str


RUNGS = (Rung("v240", 426, 240, 130), Rung("v360", 640, 360, 260), Rung("v540", 960, 540, 520))
LANGUAGES = (
    Language(
        *("a-hi", "hi", "हिन्दी", "hi"),
        "गेंदबाज़ दौड़ते हुए आ रहे हैं। शानदार गेंद! बल्लेबाज़ ने खेला, और यह चार रन! क्या शानदार शॉट है। वानखेड़े झूम उठा है।",
    ),
    Language(
        *("a-en", "en", "English", "en-gb"),
        "In he comes, past the umpire. Short, and he pulls it! That is going all the way. Four runs. "
        "What a shot under pressure, and Wankhede is on its feet.",
    ),
)


def picture(rung: Rung) -> str:
    """A filter graph: mown stripes, a pitch, a ball that flies periodically in the loop, a counter, the rung's name."""
    w, h = rung.width, rung.height
    turn = f"2*PI*t/{LOOP_S}"
    stripes = "".join(
        f"drawbox=x={i * w // 8}:y=0:w={w // 16}:h={h}:color=0x2f7d3b:t=fill," for i in range(8)
    )
    ball_x, ball_y = f"(W-w)/2+(W*0.36)*sin(4*{turn})", f"(H-h)/2-(H*0.28)*abs(cos(8*{turn}))+H*0.12"
    text = f"drawtext=fontfile={FONT}:fontcolor=white:borderw=2:bordercolor=0x10331a"
    gop = FPS * SEGMENT_S  # one over of six balls a segment
    over = f"%{{eif\\:floor(n/{gop})\\:d}}.%{{eif\\:floor(mod(n\\,{gop})*6/{gop})+1\\:d}}"
    r = h // 26
    return (
        f"color=c=0x2a7035:s={w}x{h}:r={FPS}:d={LOOP_S},{stripes}"
        f"drawbox=x={w * 7 // 16}:y={h // 5}:w={w // 8}:h={h * 3 // 5}:color=0xc9b27c:t=fill,"
        f"drawbox=x={w // 2 - 1}:y={h // 5}:w=2:h={h * 3 // 5}:color=0xe8dcb8:t=fill[ground];"
        f"color=c=0xb3202a:s={2 * r}x{2 * r}:r={FPS}:d={LOOP_S},format=yuva420p,"
        f"geq=lum='lum(X,Y)':cb='cb(X,Y)':cr='cr(X,Y)':a='if(lte(hypot(X-{r},Y-{r}),{r}-1),255,0)'[ball];"
        f"[ground][ball]overlay=x='{ball_x}':y='{ball_y}':eval=frame,"
        f"{text}:fontsize={h // 9}:x={w // 24}:y={h // 16}:text='edge live',"
        f"{text}:fontsize={h // 9}:x=w-tw-{w // 24}:y={h // 16}:text='{rung.height}p',"
        f"{text}:fontsize={h // 7}:x={w // 24}:y=h-th-{h // 14}:text='over {over}',format=yuv420p"
    )


def encode_video(rung: Rung, work: pathlib.Path) -> list[pathlib.Path]:
    """HLS pieces of one rung: init, then segments."""
    rate = f"{rung.kbps}k"
    gop = str(FPS * SEGMENT_S)
    codec = ["-c:v", "libx264", "-preset", "veryslow", "-profile:v", "main", "-bf", "0", "-flags", "+cgop"]
    rates = [
        "-crf",
        "25",
        "-maxrate",
        rate,
        "-bufsize",
        rate,
        "-g",
        gop,
        "-keyint_min",
        gop,
        "-sc_threshold",
        "0",
    ]
    source = ["-f", "lavfi", "-i", picture(rung)]
    return _segments(source + codec + rates, work, SEGMENTS)


def encode_audio(language: Language, work: pathlib.Path) -> list[pathlib.Path]:
    """HLS pieces of one language, cut from the second of three loops so that the coder has run in."""
    speech, loop = work / "speech.wav", work / "loop.wav"
    subprocess.run(["espeak-ng", "-v", language.voice, "-s", "150", "-w", speech, language.text], check=True)
    crowd = f"aevalsrc='0.05*(2*random(0)-1)*(0.55-0.45*cos(2*PI*t/{LOOP_S}))':s={SAMPLE_RATE}:d={LOOP_S}"
    mix = (
        f"[0]aresample={SAMPLE_RATE},adelay=900,apad,atrim=duration={LOOP_S},afade=out:st={LOOP_S - 0.3}:d=0.3[speech];"
        f"[1]lowpass=f=900,highpass=f=120[crowd];[speech][crowd]amix=normalize=0,alimiter=limit=0.9"
    )
    pcm = ["-ac", "1", "-ar", str(SAMPLE_RATE), "-t", str(LOOP_S), str(loop)]
    subprocess.run(
        [*QUIET, "-i", speech, "-f", "lavfi", "-i", crowd, "-filter_complex", mix, *pcm], check=True
    )
    source = ["-stream_loop", "2", "-i", str(loop), "-c:a", "aac", "-b:a", "48k"]
    pieces = _segments(source, work, 3 * SEGMENTS)
    return [pieces[0], *pieces[1 + SEGMENTS : 1 + 2 * SEGMENTS]]


def _segments(encode: list[str], work: pathlib.Path, count: int) -> list[pathlib.Path]:
    options = ["-f", "hls", "-hls_time", str(SEGMENT_S), "-hls_list_size", "0", "-hls_segment_type", "fmp4"]
    options += ["-hls_segment_options", "use_editlist=0:movflags=+default_base_moof", "-flags", "+bitexact"]
    options += ["-hls_segment_filename", str(work / "%d.m4s"), str(work / "list.m3u8")]
    subprocess.run([*QUIET, *encode, *options], check=True)
    return [work / "init.mp4", *(work / f"{number}.m4s" for number in range(count))]


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and whole bytes of each top-level box (ISO/IEC 14496-12)."""
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at : at + size]
        at += size


def write_track(name: str, pieces: list[pathlib.Path], out: pathlib.Path) -> None:
    """One fragmented MP4: header, then a moof and mdat a segment; indexes that would lie in a loop are left out."""
    kept = b"".join(
        box
        for piece in pieces
        for kind, box in boxes(piece.read_bytes())
        if kind in (b"ftyp", b"moov", b"moof", b"mdat")
    )
    (out / f"{name}.mp4").write_bytes(kept)


def avc_codec(header: bytes) -> str:
    """RFC 6381 name of the video codec, from the avcC box."""
    at = header.index(b"avcC") + 4
    return f"avc1.{header[at + 1 : at + 4].hex()}"


def main() -> None:
    """Make all tracks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    out: pathlib.Path = parser.parse_args().out
    tracks: list[dict[str, object]] = []
    for rung in RUNGS:
        with tempfile.TemporaryDirectory() as directory:
            pieces = encode_video(rung, pathlib.Path(directory))
            write_track(rung.name, pieces, out)
            codec = avc_codec(pieces[0].read_bytes())
        size = {"width": rung.width, "height": rung.height, "fps": FPS}
        tracks.append({"name": rung.name, "kind": "video", "codec": codec, **size})
    for language in LANGUAGES:
        with tempfile.TemporaryDirectory() as directory:
            write_track(language.name, encode_audio(language, pathlib.Path(directory)), out)
        named = {"language": language.code, "title": language.title}
        tracks.append({"name": language.name, "kind": "audio", "codec": "mp4a.40.2", **named})
    description = {"segment_s": SEGMENT_S, "segments": SEGMENTS, "tracks": tracks}
    (out / "tracks.json").write_text(
        json.dumps(description, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
