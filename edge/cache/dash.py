"""What an MPD (MPEG-DASH, ISO/IEC 23009-1) tells of how long it may be kept. All else of DASH is plain objects."""

import math
import re

_ROOT = re.compile(rb"<MPD\b[^<>]{0,8192}>")
_ATTRIBUTE = re.compile(rb"\b(type|minimumUpdatePeriod|maxSegmentDuration)\s*=\s*[\"']([^\"']{1,64})[\"']")
_DURATION = re.compile(rb"PT(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6}(?:\.\d{1,9})?)S)?")


def segment_s(body: bytes) -> float | None:
    """About the duration of a segment; inf for a recording, None where this is no MPD or tells nothing.

    Args:
        body: perhaps an MPD.
    """
    if not (root := _ROOT.search(body, 0, 65_536)):
        return None
    told = dict(_ATTRIBUTE.findall(root[0]))
    if told.get(b"type", b"static") != b"dynamic":
        return math.inf
    for name in (b"maxSegmentDuration", b"minimumUpdatePeriod"):
        if (found := _DURATION.fullmatch(told.get(name, b""))) and any(found.groups()):
            hours, minutes, seconds = (float(one or 0) for one in found.groups())
            return 3600 * hours + 60 * minutes + seconds
    return None
