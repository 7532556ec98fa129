"""From a stored object and a request to the answer: conditions, ranges, ages, CORS (RFC 9110, 9111, 9211)."""

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from edge.cache.disk.body import FileBody, FileSpan
from edge.cache.growing import GrowingBody, GrowingSpan
from edge.cache.lifetime import http_date
from edge.cache.objects import CachedObject, CacheRequest, CacheResponse
from edge.wire.passport import HEADER

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": (
        "Age, Cache-Control, Cache-Status, CMSD-Dynamic, CMSD-Static, Content-Length, Content-Range, Date, ETag"
    ),
}
PREFLIGHT = CORS | {
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": (
        "CMCD-Object, CMCD-Request, CMCD-Session, CMCD-Status, If-Modified-Since, If-None-Match, If-Range, Range"
    ),
    "Access-Control-Max-Age": "86400",
}
_Body = bytes | FileBody | GrowingBody
_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII | re.IGNORECASE)
_KEPT_BY_304 = ("Cache-Control", "ETag", "Expires", "Last-Modified", "Vary")


class Span(NamedTuple):
    """Bytes `first` to `last`, both included."""

    first: int
    last: int


class UnsatisfiableError(ValueError):
    """A range of which the object has no byte."""


def respond(request: CacheRequest, stored: CachedObject, status: str, now: float) -> CacheResponse:
    """The answer to `request` made of `stored`.

    A range is for GET only (RFC 9110 §14.2). The answer to a HEAD holds the body too, which gives its length; who sends
    it leaves the body out.

    Args:
        request: a GET or HEAD.
        stored: what to answer with.
        status: the Cache-Status field.
        now: the cache's clock.
    """
    headers = {**stored.headers, "Age": str(int(stored.age_s(now))), "Cache-Status": status}
    asked = request.headers
    if stored.status != 200 or not (
        "Range" in asked or "If-None-Match" in asked or "If-Modified-Since" in asked
    ):
        return CacheResponse(stored.status, headers, _whole(stored.body))
    if _not_modified(asked, stored):
        kept = {name: value for name, value in headers.items() if name in _KEPT_BY_304}
        return CacheResponse(304, kept | CORS | {"Age": headers["Age"], "Cache-Status": status})
    size = len(stored.body)  # of a body on its way: as announced, else what has come, which will do
    try:
        span = _asked_span(asked, stored) if request.method == "GET" else None
    except UnsatisfiableError:
        return CacheResponse(416, CORS | {"Content-Range": f"bytes */{size}", "Cache-Status": status})
    if span is None:
        return CacheResponse(200, headers, _whole(stored.body))
    complete = "*" if isinstance(stored.body, GrowingBody) and stored.body.size is None else size
    headers["Content-Range"] = f"bytes {span.first}-{span.last}/{complete}"
    return CacheResponse(206, headers, _part(stored.body, span))


def bytes_needed(request: CacheRequest) -> float:
    """How many bytes of a body must be here before this can be answered, where its size is not announced.

    With them a range that names both its ends can be given without the size of the whole (RFC 9110 §14.4).
    """
    if request.method != "GET" or "Range" not in request.headers:
        return 0
    found = _RANGE.fullmatch(request.headers["Range"])
    return int(found[2]) + 1 if found and found[1] and found[2] else math.inf


def for_peer(stored: CachedObject, now: float) -> dict[str, str]:
    """What another node must know of an object beyond what a viewer is told."""
    life = stored.lifetime
    control = f"max-age={math.ceil(life.fresh_s)}"
    control += f", stale-while-revalidate={int(life.stale_while_revalidate_s)}"
    control += f", stale-if-error={int(life.stale_if_error_s)}"
    fields = {HEADER: f"{stored.age_s(now):.3f}", "CDN-Cache-Control": control}
    return fields | ({"Surrogate-Key": " ".join(stored.tags)} if stored.tags else {})


def parse_range(field: str, size: int) -> Span | None:
    """A single byte range of an object of `size` bytes; None where the field is to be ignored (RFC 9110 §14.2).

    Several ranges are ignored too: the whole object is a correct answer, and no player asks for them.

    Raises:
        UnsatisfiableError: well-formed, but beyond the object.
    """
    found = _RANGE.fullmatch(field)
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        suffix = int(found[2])
        if not suffix or not size:
            raise UnsatisfiableError(field)
        return Span(max(0, size - suffix), size - 1)
    first = int(found[1])
    last = int(found[2]) if found[2] else size - 1
    if found[2] and last < first:
        return None
    if first >= size:
        raise UnsatisfiableError(field)
    return Span(first, min(last, size - 1))


def _whole(body: _Body) -> bytes | FileSpan | GrowingSpan:
    if isinstance(body, bytes):
        return body
    return FileSpan(body, 0, len(body)) if isinstance(body, FileBody) else GrowingSpan(body, 0, body.size)


def _part(body: _Body, span: Span) -> memoryview | FileSpan | GrowingSpan:
    """Some bytes of a body, without a copy."""
    if isinstance(body, bytes):
        return memoryview(body)[span.first : span.last + 1]
    size = span.last + 1 - span.first
    return (
        FileSpan(body, span.first, size)
        if isinstance(body, FileBody)
        else GrowingSpan(body, span.first, size)
    )


def _asked_span(asked: Mapping[str, str], stored: CachedObject) -> Span | None:
    if "Range" not in asked:
        return None
    condition = asked.get("If-Range")
    if condition is not None and (
        not condition
        or condition.startswith("W/")  # a weak tag cannot join parts
        or condition not in (stored.etag, stored.last_modified)
    ):
        return None
    return parse_range(asked["Range"], len(stored.body))


def _not_modified(asked: Mapping[str, str], stored: CachedObject) -> bool:
    """If-None-Match is stronger than If-Modified-Since (RFC 9110 §13.2.2)."""
    if (tags := asked.get("If-None-Match")) is not None:
        known = stored.etag.removeprefix("W/")
        return tags.strip() == "*" or any(
            tag.strip().removeprefix("W/") == known for tag in tags.split(",") if known
        )
    since, modified = http_date(asked.get("If-Modified-Since")), http_date(stored.last_modified)
    return since is not None and modified is not None and modified <= since


def plain(status: int, text: str, headers: Mapping[str, str] | None = None) -> CacheResponse:
    """An answer of the cache itself."""
    body = text.encode()
    kind = {"Content-Type": "text/plain; charset=utf-8"} if body else {}
    return CacheResponse(status, {**CORS, **kind, **(headers or {})}, body)
