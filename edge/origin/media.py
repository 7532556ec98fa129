"""The looped source as endless live segments: the same frames, their decode times running on (ISO/IEC 14496-12)."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from edge.model import ConfigError

SHIPPED = Path(__file__).with_name("media")
MEDIA_EPOCH_S = (
    1_767_225_600  # 2026-01-01: media time counts from here, so that it stays small enough for any player
)
GRID_SLACK_S = 0.05  # audio may leave the grid of segments by two AAC frames
_HINT = "make it again with edge/origin/media/make_source.py"


class Box(NamedTuple):
    """One ISO BMFF box: its type and where its contents are."""

    kind: bytes
    start: int  # of the header
    body: int
    end: int


class Fragment(NamedTuple):
    """One stored segment and where its clock fields stand."""

    data: bytes
    sequence_at: int
    time_at: int
    offset: int  # decode time within the loop, in units of the track's timescale
    duration: int  # same units


@dataclass(frozen=True, slots=True)
class Track:
    """One rendition."""

    name: str
    kind: str  # video or audio
    codec: str  # RFC 6381
    timescale: int  # units a second
    init: bytes
    fragments: tuple[Fragment, ...]
    width: int = 0
    height: int = 0
    fps: int = 0
    language: str = ""  # RFC 5646
    title: str = ""

    def duration_s(self, number: int) -> float:
        """Length of segment `number`, seconds."""
        return self.fragments[number % len(self.fragments)].duration / self.timescale

    @property
    def peak_bps(self) -> int:
        """Greatest rate of any segment, bits a second."""
        return max(round(8 * len(one.data) * self.timescale / one.duration) for one in self.fragments)

    @property
    def mean_bps(self) -> int:
        """Mean rate over the loop, bits a second."""
        total = sum(one.duration for one in self.fragments)
        return round(8 * sum(len(one.data) for one in self.fragments) * self.timescale / total)


@dataclass(frozen=True, slots=True)
class Library:
    """All renditions of the source."""

    segment_s: int
    tracks: tuple[Track, ...]
    modified_s: int = MEDIA_EPOCH_S  # when the newest of its files was written, Unix seconds

    def track(self, name: str) -> Track | None:
        """The rendition called `name`."""
        return next((one for one in self.tracks if one.name == name), None)

    def segment(self, track: Track, number: int) -> bytes:
        """Segment `number` of the endless stream; media time runs on from MEDIA_EPOCH_S, in whole loops."""
        loops, index = divmod(number, len(track.fragments))
        fragment = track.fragments[index]
        loop_s = len(track.fragments) * self.segment_s
        time = (loops - MEDIA_EPOCH_S // loop_s) * loop_s * track.timescale + fragment.offset
        data = bytearray(fragment.data)
        struct.pack_into(">I", data, fragment.sequence_at, number & 0xFFFFFFFF)
        struct.pack_into(">Q", data, fragment.time_at, max(0, time))
        return bytes(data)

    def start_s(self, track: Track, number: int) -> float:
        """When segment `number` begins, Unix seconds: `number * segment_s`, for audio up to a frame later."""
        index = number % len(track.fragments)
        lateness_s = track.fragments[index].offset / track.timescale - index * self.segment_s
        return number * self.segment_s + lateness_s


def load(directory: Path = SHIPPED) -> Library:
    """Read and check a source that make_source.py made.

    Raises:
        ConfigError: naming the file that is missing, damaged or does not fit the others.
    """
    listing = directory / "tracks.json"
    try:
        description = json.loads(_read(listing))
        segment_s, segments = int(description["segment_s"]), int(description["segments"])
        entries: list[dict[str, Any]] = list(description["tracks"])
        names = [str(entry["name"]) for entry in entries]
        if {str(entry["kind"]) for entry in entries} - {"audio"} != {"video"} or len(set(names)) < len(names):
            raise ValueError("wants one video at least, else audio, each of its own name")
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(str(listing), f"is no list of tracks ({error!r})", _HINT) from None
    tracks = []
    for name, entry in zip(names, entries, strict=True):
        where = directory / f"{name}.mp4"
        try:
            track = _track(entry, _read(where))
            _check_grid(track, segment_s, segments)
        except (ValueError, struct.error, TypeError) as error:
            raise ConfigError(str(where), f"is no fragmented MP4 of that loop ({error})", _HINT) from None
        tracks.append(track)
    written = (int(one.stat().st_mtime) for one in (listing, *(directory / f"{name}.mp4" for name in names)))
    return Library(segment_s, tuple(tracks), max(written))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read: {error.strerror}", _HINT) from None


def _track(entry: dict[str, Any], data: bytes) -> Track:
    found = list(_boxes(data, 0, len(data)))
    head = [box for box in found if box.kind in (b"ftyp", b"moov")]
    timescale = _timescale(data, next((box for box in head if box.kind == b"moov"), None))
    fragments = []
    for moof, mdat in zip(*(iter([box for box in found if box not in head]),) * 2, strict=True):
        if (moof.kind, mdat.kind) != (b"moof", b"mdat"):
            raise ValueError(f"{moof.kind!r} then {mdat.kind!r} where a moof and its mdat should be")
        fragments.append(_fragment(data[moof.start : mdat.end]))
    first = fragments[0].offset if fragments else 0
    return Track(
        timescale=timescale,
        init=b"".join(data[box.start : box.end] for box in head),
        fragments=tuple(one._replace(offset=one.offset - first) for one in fragments),
        **entry,
    )


def _check_grid(track: Track, segment_s: int, segments: int) -> None:
    """Raises ValueError unless the segments follow each other without gap, close to every whole `segment_s`."""
    if len(track.fragments) != segments:
        raise ValueError(f"it has {len(track.fragments)} segments, not {segments}")
    slack = 0 if track.kind == "video" else round(GRID_SLACK_S * track.timescale)
    time = 0
    for index, fragment in enumerate(track.fragments):
        if fragment.offset != time:
            raise ValueError(
                f"segment {index} begins at {fragment.offset}/{track.timescale} s, not at {time}"
            )
        if abs(time - index * segment_s * track.timescale) > slack:
            raise ValueError(f"segment {index} begins too far from {index * segment_s} s")
        time += fragment.duration
    if time != segments * segment_s * track.timescale:
        raise ValueError(f"its segments do not sum up to {segments * segment_s} s")


def _boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    while start < end:
        size, kind = struct.unpack_from(">I4s", data, start)
        if size < 8 or start + size > end:
            raise ValueError(f"box {kind!r} at byte {start} is cut off")
        yield Box(kind, start, start + 8, start + size)
        start += size


def _child(data: bytes, parent: Box | None, *kinds: bytes) -> Box:
    """The first box along a path of kinds."""
    for kind in kinds:
        children = _boxes(data, parent.body, parent.end) if parent else iter(())
        parent = next((box for box in children if box.kind == kind), None)
        if parent is None:
            raise ValueError(f"box {kind!r} is missing")
    assert parent is not None
    return parent


def _timescale(data: bytes, moov: Box | None) -> int:
    mdhd = _child(data, moov, b"trak", b"mdia", b"mdhd")
    version = data[mdhd.body]
    (timescale,) = struct.unpack_from(">I", data, mdhd.body + (20 if version else 12))
    return int(timescale)


def _fragment(data: bytes) -> Fragment:
    moof = next(_boxes(data, 0, len(data)))
    tfdt = _child(data, moof, b"traf", b"tfdt")
    if data[tfdt.body] != 1:
        raise ValueError("tfdt has 32 bits, which live media time outgrows")
    (time,) = struct.unpack_from(">Q", data, tfdt.body + 4)
    sequence = _child(data, moof, b"mfhd").body + 4
    return Fragment(data, sequence, tfdt.body + 4, time, _duration(data, moof))


def _duration(data: bytes, moof: Box) -> int:
    """Sum of the samples' durations: each its own, or the fragment's default."""
    tfhd, trun = _child(data, moof, b"traf", b"tfhd"), _child(data, moof, b"traf", b"trun")
    flags = int.from_bytes(data[tfhd.body + 1 : tfhd.body + 4], "big")
    at = tfhd.body + 8 + 8 * bool(flags & 0x01) + 4 * bool(flags & 0x02)
    default = struct.unpack_from(">I", data, at)[0] if flags & 0x08 else 0
    flags = int.from_bytes(data[trun.body + 1 : trun.body + 4], "big")
    (count,) = struct.unpack_from(">I", data, trun.body + 4)
    if not flags & 0x100:
        return int(default * count)
    at = trun.body + 8 + 4 * bool(flags & 0x01) + 4 * bool(flags & 0x04)
    stride = 4 * (flags >> 8 & 0xF).bit_count()
    return sum(struct.unpack_from(">I", data, at + stride * index)[0] for index in range(count))
