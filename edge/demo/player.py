"""What a player makes of playlists and time: pure, so that it can be tested without a network."""

import functools
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urljoin

import m3u8
from yarl import URL

START_BEHIND = 3  # segments before the live edge at which a player starts (RFC 8216 §6.3.3)
TARGET_MIN_S = 0.5  # nothing that a playlist says makes a viewer hurry more than this
TARGET_MAX_S = 30.0


class Stumble(Exception):  # noqa: N818  (an event in a viewer's life, not a fault of the program)
    """Something failed and the viewer must ask for another node; the text is the reason, one of a fixed few."""


class Variants(NamedTuple):
    """What a viewer chooses from."""

    videos: tuple[str, ...]  # URIs, lowest rung first
    audios: tuple[str, ...]


class MediaPlaylist(NamedTuple):
    """What a viewer needs of a media playlist."""

    first: int  # media sequence number of the first segment
    uris: tuple[str, ...]
    init: str  # URI of the initialization section; empty without one
    target_s: float

    @property
    def newest(self) -> int:
        """Media sequence number of the last segment."""
        return self.first + len(self.uris) - 1

    def after(self, number: int) -> list[tuple[int, str]]:
        """Segments younger than `number`."""
        start = max(number + 1, self.first)
        return [(each, self.uris[each - self.first]) for each in range(start, self.newest + 1)]


@functools.lru_cache(maxsize=64)
def parse_variants(body: bytes) -> Variants:
    """Renditions of a multivariant playlist.

    Raises:
        Stumble: it is none.
    """
    playlist = _load(body)
    ranked = sorted(playlist.playlists, key=lambda one: one.stream_info.bandwidth or 0)
    videos = tuple(one.uri for one in ranked if one.uri)
    if not videos:
        raise Stumble("bad playlist")
    return Variants(videos, tuple(one.uri for one in playlist.media if one.type == "AUDIO" and one.uri))


@functools.lru_cache(maxsize=256)
def parse_media(body: bytes) -> MediaPlaylist:
    """Segments of a media playlist; parsed once for all viewers that got the same one.

    Raises:
        Stumble: it is none, or holds no segment.
    """
    playlist = _load(body)
    uris = tuple(one.uri for one in playlist.segments if one.uri)
    if not uris or len(uris) != len(playlist.segments):
        raise Stumble("bad playlist")
    init = next((one.uri for one in playlist.segment_map if one), "")  # a map without attributes is None
    target_s = min(max(playlist.target_duration or 2.0, TARGET_MIN_S), TARGET_MAX_S)
    return MediaPlaylist(playlist.media_sequence or 0, uris, init or "", float(target_s))


def join(base: str, uri: str) -> str:
    """The HTTP address that `uri` means in a document at `base`, percent-encoding untouched.

    Raises:
        Stumble: it means none.
    """
    try:
        url = URL(urljoin(base, uri), encoded=True)
    except ValueError:
        raise Stumble("bad address") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise Stumble("bad address")
    return str(url)


def _load(body: bytes) -> m3u8.M3U8:
    if not body.startswith(b"#EXTM3U"):
        raise Stumble("bad playlist")
    try:
        return m3u8.loads(body.decode())
    except Exception:  # m3u8 raises whatever its parsing stumbles over: ValueError, IndexError, KeyError …
        raise Stumble("bad playlist") from None


@dataclass(slots=True)
class Playback:
    """The clock of one player: which segment is due when. Segments that come later stop the picture.

    Args:
        target_s: duration of a segment, seconds.
    """

    target_s: float
    _zero: float = 0.0  # time at which segment 0 would have been played
    _playing: bool = False

    def start(self, number: int, now: float) -> None:
        """Play segment `number` now."""
        self._zero, self._playing = now - number * self.target_s, True

    def arrived(self, number: int, now: float) -> bool:
        """Whether segment `number` came after its play time; if so the picture stood and goes on from now."""
        if not self._playing or now <= self._zero + number * self.target_s:
            return False
        self.start(number, now)
        return True
