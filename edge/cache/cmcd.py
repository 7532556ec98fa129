"""CMCD version 1 (CTA-5004): what a player says of itself with a request, in its query or in four fields.

Whatever comes, nothing is raised: what is malformed or out of bounds is taken as not told. Only what quality is made
of is read.
"""

from typing import NamedTuple
from urllib.parse import unquote

RAW_MAX = 2048  # characters that are read
FIELDS = ("CMCD-Object", "CMCD-Request", "CMCD-Session", "CMCD-Status")
_SESSION_MAX = 64  # characters of a session's id (CTA-5004)
_NUMBER_DIGITS = 9


class Cmcd(NamedTuple):
    """One player at one request; None or empty where it was not told."""

    br: int | None = None  # encoded bitrate of the object, kb/s
    bl: int | None = None  # buffer, ms
    mtp: int | None = None  # measured throughput, kb/s
    rtp: int | None = None  # requested maximum throughput, kb/s
    tb: int | None = None  # top bitrate that it could play, kb/s
    bs: bool = False  # it ran dry since its last request
    su: bool = False  # it needs this at once: it starts, seeks or recovers
    ot: str = ""  # kind of object: v, a, av, i, m, c, tt, k or o
    st: str = ""  # v: VOD, l: live
    sid: str = ""  # session; it never leaves this process


NOTHING = Cmcd()
_NUMBERS = frozenset(("br", "bl", "mtp", "rtp", "tb"))
_FLAGS = frozenset(("bs", "su"))
_WORDS = {"ot": frozenset(("v", "a", "av", "i", "m", "c", "tt", "k", "o")), "st": frozenset("vl")}


def in_query(query: str) -> str:
    """The raw value of a raw query's CMCD argument; empty where it has none."""
    if "CMCD=" not in query:
        return ""
    for part in query.split("&"):
        if part.startswith("CMCD="):
            return part[5:]
    return ""


def of_query(raw: str) -> Cmcd:
    """What the percent-encoded value of a CMCD argument says."""
    return parse(unquote(raw[: 3 * RAW_MAX], errors="replace")) if raw else NOTHING


def parse(text: str) -> Cmcd:
    """What a list of pairs says, the first of equal keys; from several fields, joined by commas."""
    found: dict[str, int | bool | str] = {}
    for pair in text[:RAW_MAX].split(","):  # a quoted comma breaks the pair that it is in, no other
        key, equals, value = pair.strip().partition("=")
        if key in found:
            continue
        if key in _NUMBERS:
            if value.isascii() and value.isdigit() and len(value) <= _NUMBER_DIGITS:
                found[key] = int(value)
        elif key in _FLAGS:
            if not equals or value in ("true", "false"):
                found[key] = value != "false"
        elif key in _WORDS:
            if value in _WORDS[key]:
                found[key] = value
        elif key == "sid":
            found[key] = value.strip('"')[:_SESSION_MAX]
    return Cmcd(**found) if found else NOTHING  # type: ignore[arg-type]
