"""From an answer of the origin to what is stored of it, and from what is stored to what the origin is asked for."""

from collections.abc import Mapping

from edge.cache.disk.body import FileBody
from edge.cache.growing import GrowingBody
from edge.cache.lifetime import age_of, viewer_control
from edge.cache.objects import CachedObject, Lifetime
from edge.cache.receiving import UpstreamResponse
from edge.cache.respond import CORS
from edge.cache.upstream import is_blocking

_PASSED_MAX = 512
_KEPT = (
    *("Cache-Control", "CMSD-Static", "Content-Encoding", "Content-Language", "Content-Type"),
    *("Date", "ETag", "Expires", "Last-Modified", "Location"),
)


def initial_age_s(key: str, answer: UpstreamResponse) -> float:
    """How old an answer was when its header came (RFC 9111 §4.2.3).

    A blocking reload waits on purpose: what it brings was made when it came.
    """
    if answer.age_s is not None:
        return answer.age_s
    return age_of(answer.headers) + (0.0 if is_blocking(key) else answer.delay_s)


def passed(headers: Mapping[str, str]) -> str:
    """The Cache-Status of the caches that an answer came through; "" where there is none, or too much of it."""
    field = headers.get("Cache-Status", "")
    return field if len(field) <= _PASSED_MAX else ""


def read(body: bytes | FileBody | GrowingBody) -> bytes:
    """What of a body tells a lifetime: playlists do, and those on disk or on their way are no playlists."""
    return body if isinstance(body, bytes) else b""


def conditions(stale: CachedObject | None) -> dict[str, str]:
    """What asks the origin for a change only."""
    if stale is None or stale.status != 200:
        return {}
    if stale.etag:
        return {"If-None-Match": stale.etag}
    return {"If-Modified-Since": stale.last_modified} if stale.last_modified else {}


def viewer_headers(
    key: str, given: Mapping[str, str], before: CachedObject | None, life: Lifetime | None
) -> dict[str, str]:
    """What every answer made of the object carries."""
    headers = {**CORS, "Accept-Ranges": "bytes"}
    for name in _KEPT:
        if value := given.get(name) or (before.headers.get(name) if before else None):
            headers[name] = value
    if life is not None and (control := viewer_control(key, headers.get("Cache-Control", ""), life)):
        headers["Cache-Control"] = control
    return headers
