"""A report as one line of a log: where a machine's disk goes with the machine, its log is what stays."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import orjson
import zstandard

MARK = "loadtest-report:"
_MOST_BYTES = 64 * 1024 * 1024


def printed(made: Mapping[str, Any]) -> str:
    """The line."""
    packed = zstandard.ZstdCompressor().compress(orjson.dumps(dict(made)))
    return f"{MARK} {base64.b64encode(packed).decode()}"


def found(log: str) -> str:
    """The JSON of the last report in a log.

    Raises:
        ValueError: there is none, or it is damaged.
    """
    lines = [line for line in log.splitlines() if MARK in line]
    if not lines:
        raise ValueError(f"no line has {MARK}")
    try:
        packed = base64.b64decode(lines[-1].partition(MARK)[2].strip(), validate=True)
        size = zstandard.frame_content_size(packed)
        if not 0 < size <= _MOST_BYTES:
            raise ValueError(f"the report has {size} bytes")
        return zstandard.ZstdDecompressor().decompress(packed, max_output_size=_MOST_BYTES).decode()
    except (binascii.Error, zstandard.ZstdError) as error:
        raise ValueError(f"its line is damaged: {error}") from None
