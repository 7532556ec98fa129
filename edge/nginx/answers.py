"""What the node tells nginx beside the answer itself: how long to keep it, and what it was made from.

nginx 1.22 counts whole seconds: what is kept until `X-Accel-Expires: @S` is served to the end of second S. So an object
is told to end before its lifetime does, and what has less than a second left is kept to the end of this one: at most
one second too long. Cache-Control stands first, or nginx before 1.23 would not heed it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from edge.cache.lifetime import Kind, kind_of
from edge.cache.objects import CachedObject, CacheResponse
from edge.cache.pathways import REASON
from edge.cache.purge import path_of
from edge.nginx.head import Fill
from edge.nginx.names import CONTROL, DETAIL, FILL, TAGS, directives_of, is_plain

NO_STORE = {"X-Accel-Expires": "0"}
NO_CONTROL = "-"  # viewers get no Cache-Control
_STORABLE = frozenset({200, 301, 404, 410})
_MEDIA = frozenset({Kind.SEGMENT, Kind.INIT})
_MULTIVARIANT = b"#EXT-X-STREAM-INF"
_LEFT_OUT = frozenset({"Age", "Cache-Control"})  # nginx would tell the same age for ever


class Moment(NamedTuple):
    """Now, by both clocks."""

    clock: float  # the cache's
    wall: float  # seconds since 1970


def why_not(found: CacheResponse, directives: str, now: float) -> str:
    """Why nginx must not store an answer; "" where it may.

    Args:
        found: the node's answer.
        directives: as nginx has them in its key; where the node read others, the answer is of another object.
        now: the cache's clock.
    """
    made = found.made_of
    if made is None or found.status not in _STORABLE or found.status != made.status:
        return "status"
    if REASON in found.headers:
        return "steered"  # for one viewer
    if not is_plain(path_of(made.key)) or directives_of(made.key) != directives:
        return "key"
    life, kind = made.lifetime, kind_of(made.key)
    if life.fresh_s <= 0:
        return "lifetime"
    lasts = life.stale_if_error_s > 0 or life.stale_while_revalidate_s > 0
    if made.ttl_s(now) <= 0 and not lasts:
        return "lifetime"
    if kind is not Kind.PLAYLIST and made.status == 200 and not lasts:
        return "revalidate"  # nginx would serve it stale while the node is away
    if kind is Kind.PLAYLIST and isinstance(made.body, bytes) and _MULTIVARIANT in made.body:
        return "multivariant"  # players begin with it, and admission is here
    return ""


def kept_until(ttl_s: float, wall: float) -> int:
    """The last second in which nginx serves what is fresh for `ttl_s` more."""
    return max(int(wall), int(wall + ttl_s) - 1)


def fields_for(found: CacheResponse, made: CachedObject, fill: Fill, moment: Moment) -> dict[str, str]:
    """The header of an answer that nginx stores, in the order that it wants."""
    ttl_s = made.ttl_s(moment.clock)
    fields = {name: value for name, value in found.headers.items() if name not in _LEFT_OUT}
    fields["Cache-Control"] = _control(made)
    fields["X-Accel-Expires"] = f"@{kept_until(max(0.0, ttl_s), moment.wall)}"
    fields[CONTROL] = found.headers.get("Cache-Control") or NO_CONTROL
    fields[FILL] = str(fill)
    if made.tags:
        fields[TAGS] = " ".join(made.tags)
    if ttl_s <= 0:
        fields[DETAIL] = "; detail=stale"
    return fields


def fields_against(headers: Mapping[str, str]) -> dict[str, str]:
    """The header of an answer that nginx passes on and forgets."""
    return {**headers, **NO_STORE}


def _control(made: CachedObject) -> str:
    """For nginx only. Media never changes, so that it may be a little old while a newer one is asked for.

    What is served while the node gives nothing is told by the location: nginx would take a 404 for such a failure.
    Playlists have no such location, for they may be served so for seconds only.
    """
    life, kind = made.lifetime, kind_of(made.key)
    if kind is Kind.PLAYLIST:
        return f"stale-if-error={int(life.stale_if_error_s)}"
    while_s = life.stale_while_revalidate_s
    if kind in _MEDIA:
        while_s = max(while_s, life.stale_if_error_s)
    return f"stale-while-revalidate={int(while_s)}, stale-if-error=0"
