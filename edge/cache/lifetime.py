"""How long an answer may be kept: RFC 9111 with targeted control (RFC 9213), bounded by what live HLS can bear."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

import m3u8

from edge.cache import dash
from edge.cache.objects import Lifetime
from edge.cache.settings import CacheSettings

PLAYLIST_SUFFIXES = frozenset({".m3u8", ".mpd"})
MEDIA_SUFFIXES = frozenset({".m4s", ".mp4", ".m4v", ".m4a", ".ts", ".aac", ".cmfv", ".cmfa", ".vtt", ".webm"})
PLAYLIST_MIN_S, PLAYLIST_MAX_S = 0.5, 5.0
PLAYLIST_MAX_BYTES = 1024 * 1024  # a longer one is not read: it would hold up the event loop
PLAYLIST_DEFAULT_S = 1.0  # a playlist that tells no target duration
MEDIA_DEFAULT_S = 3600.0
NEGATIVE_S = 1.0  # a segment that is not there yet will be in a second
LIVE_NEGATIVE_S = 0.5  # half a segment of one second, which is as short as they are
_STORABLE = frozenset({200, 301, 404, 410})
UNREADABLE = (
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    ArithmeticError,
    m3u8.ParseError,
)  # junk makes m3u8 raise


class Kind(Enum):
    """What a path names; it decides default lifetimes and what counts as a hot segment."""

    PLAYLIST = "playlist"
    INIT = "init"
    SEGMENT = "segment"
    OTHER = "other"


def kind_of(path: str) -> Kind:
    """Judge by the name. Every request passes here: it takes half a microsecond."""
    name = path.partition("?")[0].rpartition("/")[2].lower()
    stem, dot, suffix = name.rpartition(".")
    if not stem:
        return Kind.OTHER
    if dot + suffix in MEDIA_SUFFIXES:
        return Kind.INIT if stem.startswith("init") else Kind.SEGMENT
    return Kind.PLAYLIST if dot + suffix in PLAYLIST_SUFFIXES else Kind.OTHER


def directives(value: str) -> dict[str, str]:
    """A Cache-Control-like field as name → argument ("" where there is none)."""
    found = {}
    for part in value.split(","):
        name, _, argument = part.strip().partition("=")
        if name:
            found[name.lower()] = argument.strip('" ')
    return found


def lifetime(
    path: str, status: int, headers: Mapping[str, str], body: bytes, settings: CacheSettings
) -> Lifetime | None:
    """How long to keep an answer; None where it must not be stored.

    Args:
        path: what was asked for.
        status: the origin's status.
        headers: the origin's headers, case-insensitive.
        body: the origin's body; a playlist tells its target duration in it.
        settings: defaults for errors.
    """
    targeted = directives(headers.get("CDN-Cache-Control", ""))
    control = targeted or directives(headers.get("Cache-Control", ""))
    if status not in _STORABLE or "Set-Cookie" in headers or control.keys() & {"no-store", "private"}:
        return None
    if "*" in headers.get("Vary", ""):
        return None
    kind = kind_of(path)
    fresh = _stated(control, {} if targeted else headers)
    if fresh is None:
        fresh = _default(kind, status)
    if control.keys() & {"no-cache", "must-revalidate", "proxy-revalidate"}:
        while_revalidate, if_error = 0.0, 0.0
    else:
        while_revalidate = _seconds(control.get("stale-while-revalidate")) or 0.0
        if_error = _or(_seconds(control.get("stale-if-error")), settings.stale_if_error_object_s)
    if status != 200:
        return Lifetime(min(fresh, NEGATIVE_S) if kind is Kind.PLAYLIST else fresh)
    if kind is Kind.PLAYLIST:
        limit = playlist_limit_s(body)
        fresh = min(fresh, limit)
        while_revalidate = min(while_revalidate, limit - fresh)
        if_error = min(if_error, settings.stale_if_error_playlist_s)
    return Lifetime(fresh, while_revalidate, if_error)


def says_lifetime(headers: Mapping[str, str]) -> bool:
    """Whether an answer tells how long it may be kept; a 304 that does not leaves things as they were."""
    return any(name in headers for name in ("CDN-Cache-Control", "Cache-Control", "Expires"))


def age_of(headers: Mapping[str, str]) -> float:
    """Seconds that an answer spent in other caches (RFC 9111 §5.1); 0 where the field is absent or malformed."""
    return _seconds(headers.get("Age")) or 0.0


def viewer_control(path: str, field: str, life: Lifetime) -> str:
    """The Cache-Control that viewers get: the origin's own, but no player keeps a playlist longer than this cache.

    Args:
        path: what was asked for.
        field: the origin's Cache-Control, or "".
        life: how long this cache keeps it.
    """
    control = directives(field)
    if kind_of(path) is not Kind.PLAYLIST or "no-cache" in control:
        return field
    control.pop("stale-while-revalidate", None)
    limit = int(life.fresh_s)
    for name in ("max-age", "s-maxage"):
        if name in control or name == "max-age":
            control[name] = str(int(min(_or(_seconds(control.get(name)), limit), limit)))
    return ", ".join(f"{name}={argument}" if argument else name for name, argument in control.items())


def playlist_limit_s(body: bytes) -> float:
    """Half the target duration of a live playlist (RFC 8216 §6.3.4: reloads come that often); ended ones have none."""
    if len(body) > PLAYLIST_MAX_BYTES:
        return PLAYLIST_DEFAULT_S
    if (segment_s := dash.segment_s(body)) is not None:
        return MEDIA_DEFAULT_S if segment_s == math.inf else _half(segment_s)
    try:
        playlist = m3u8.loads(body.decode())
    except UNREADABLE:
        return PLAYLIST_DEFAULT_S
    if playlist.is_variant or playlist.is_endlist:
        return MEDIA_DEFAULT_S
    if not playlist.target_duration:
        return PLAYLIST_DEFAULT_S
    return _half(float(playlist.target_duration))


def _half(segment_s: float) -> float:
    return min(PLAYLIST_MAX_S, max(PLAYLIST_MIN_S, segment_s / 2))


def _stated(control: Mapping[str, str], headers: Mapping[str, str]) -> float | None:
    """What the origin said, strongest first."""
    if "no-cache" in control:
        return 0.0
    for name in ("s-maxage", "max-age"):
        if (seconds := _seconds(control.get(name))) is not None:
            return seconds
    expires, date = http_date(headers.get("Expires")), http_date(headers.get("Date"))
    if expires and date:
        return max(0.0, (expires - date).total_seconds())
    return 0.0 if "Expires" in headers else None


def _default(kind: Kind, status: int) -> float:
    if status != 200:
        return NEGATIVE_S
    return {Kind.PLAYLIST: PLAYLIST_MAX_S, Kind.OTHER: 0.0}.get(kind, MEDIA_DEFAULT_S)


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdigit() and len(text) <= 9 else None


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def http_date(text: str | None) -> datetime | None:
    """The time that a field tells, with its zone; None where it tells none."""
    try:
        found = parsedate_to_datetime(text) if text else None
    except (ValueError, OverflowError):
        return None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found  # -0000: of no known zone
