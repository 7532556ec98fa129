"""Where a playlist leads: what a player asks for after it."""

from urllib.parse import urljoin

import m3u8

from edge.cache.keys import BadTargetError, normal_path
from edge.cache.lifetime import PLAYLIST_MAX_BYTES, UNREADABLE

FOLLOWED_MAX = 32  # paths
_SEGMENTS = 3  # a player begins so many before the end of what is live (RFC 8216 §6.3.3)


def led_to(key: str, body: bytes) -> list[str]:
    """Normal paths on the same server: playlists of renditions, or initialization and segments a player begins with.

    A live playlist's last segments, an ended one's first. Nothing where there is no HLS playlist to be read.
    """
    if len(body) > PLAYLIST_MAX_BYTES or not body.startswith(b"#EXTM3U"):
        return []
    try:
        playlist = m3u8.loads(body.decode())
    except UNREADABLE:
        return []
    if playlist.is_variant:
        uris = [one.uri for one in (*playlist.playlists, *playlist.media)]
    else:
        segments = playlist.segments[:_SEGMENTS] if playlist.is_endlist else playlist.segments[-_SEGMENTS:]
        uris = [one.uri for one in (*playlist.segment_map, *segments) if one]  # a map without a URI is None
    found = dict.fromkeys(_path(key, uri) for uri in uris if uri)
    return [path for path in found if path][:FOLLOWED_MAX]


def _path(key: str, uri: str) -> str:
    """The normal path of what a playlist names; empty where that is elsewhere, or nowhere."""
    try:
        return normal_path(urljoin(key.partition("?")[0], uri).partition("?")[0])
    except (BadTargetError, ValueError):
        return ""
