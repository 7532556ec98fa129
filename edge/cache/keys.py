"""From a request's target to the cache key: one spelling for each object, nothing that climbs, nothing unbounded."""

import re
import string
from urllib.parse import unquote

from edge.cache.objects import CacheRequest

TARGET_MAX_BYTES = 2048
_DELIVERY = ("_HLS_msn", "_HLS_part", "_HLS_skip")  # what changes a playlist (RFC 8216bis §6.2.5)
_UNRESERVED = frozenset(string.ascii_letters + string.digits + "-._~")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_UNWRITABLE = re.compile(r"[^\x21-\x7e]|[?#]")  # stands in no raw path
_HOSTILE = re.compile(r"[\x00-\x1f\x7f\\]")


class BadTargetError(ValueError):
    """No object can have this name; `status` is what to answer."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status = status


def cache_key(request: CacheRequest) -> str:
    """Normalised path and delivery directives: what is stored, and what the origin is asked for.

    All else in a query is the viewer's own affair (CMCD, tokens) and no part of the object.

    Raises:
        BadTargetError: the path is malformed, leads out of its tree, or is too long.
    """
    key = normal_path(request.path) + delivery_query(request.query)
    if len(key) > TARGET_MAX_BYTES:
        raise BadTargetError(414, f"a target has at most {TARGET_MAX_BYTES} bytes")
    return key


def delivery_query(query: str) -> str:
    """The HLS delivery directives of a raw query, each once, in one order; "" or with its question mark.

    Raises:
        BadTargetError: a directive's value is neither a number nor a word.
    """
    if "_HLS_" not in query:
        return ""
    given = dict(pair.partition("=")[::2] for pair in reversed(query.split("&")))  # the first of equals stays
    kept = [f"{name}={given[name]}" for name in _DELIVERY if given.get(name)]
    if not all(given[name].isascii() and given[name].isalnum() for name in _DELIVERY if given.get(name)):
        raise BadTargetError(400, "a delivery directive is a number or a word, e.g. _HLS_msn=120")
    return f"?{'&'.join(kept)}" if kept else ""


def normal_path(path: str) -> str:
    """A raw path in the one spelling of RFC 3986 §6.2.2: no needless escapes, escapes in upper case.

    Raises:
        BadTargetError: it is relative, malformed or too long, or has empty, dot or control parts, however written.
    """
    if len(path) > TARGET_MAX_BYTES:
        raise BadTargetError(414, f"a path has at most {TARGET_MAX_BYTES} bytes")
    if not path.startswith("/"):
        raise BadTargetError(400, "a path starts with a slash")
    if _UNWRITABLE.search(path):
        raise BadTargetError(400, "a path holds printable ASCII; percent-encode all else")
    plain = path
    if "%" in path:
        path = _ESCAPE.sub(_normal_escape, path)
        plain = unquote(path, errors="replace")
    if _HOSTILE.search(plain):
        raise BadTargetError(400, "a path holds no control characters or backslashes")
    *folders, name = plain[1:].split("/")
    if "" in folders or not {".", ".."}.isdisjoint((*folders, name)):
        raise BadTargetError(400, "a path has no empty or dot parts")
    return path


def _normal_escape(found: re.Match[str]) -> str:
    if not found[1]:
        raise BadTargetError(400, "% is followed by two hexadecimal digits")
    character = chr(int(found[1], 16))
    return character if character in _UNRESERVED else f"%{found[1].upper()}"
