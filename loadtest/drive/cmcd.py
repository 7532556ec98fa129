"""What a player tells of itself with each request: CTA-5004, version 1, as a field of the query."""

from typing import NamedTuple
from urllib.parse import quote

_ROUNDED = 100  # milliseconds of buffer and kilobits of throughput are told in hundreds


class Told(NamedTuple):
    """What is told; nothing where it is None."""

    sid: str  # of the session
    object_type: str  # m playlist, v video, a audio, i initialization section
    starved: bool = False  # the picture stood since the last request
    starts: bool = False  # no picture yet, or it stands
    kbps: float | None = None  # of the rung
    buffer_s: float | None = None
    throughput_kbps: float | None = None


def field(told: Told) -> str:
    """`CMCD=…`, percent-encoded; keys in order of the alphabet, of a live HLS stream."""
    keys: dict[str, int | str | bool | None] = {
        "bl": None if told.buffer_s is None else _hundreds(told.buffer_s * 1000),
        "br": None if told.kbps is None else round(told.kbps),
        "bs": told.starved,
        "mtp": None if told.throughput_kbps is None else _hundreds(told.throughput_kbps),
        "ot": told.object_type,
        "sf": "h",
        "sid": f'"{told.sid}"',
        "st": "l",
        "su": told.starts,
    }
    said = [name if value is True else f"{name}={value}" for name, value in keys.items() if _is_told(value)]
    return "CMCD=" + quote(",".join(said), safe="")


def _is_told(value: int | str | bool | None) -> bool:
    return value is not None and value is not False


def _hundreds(value: float) -> int:
    return _ROUNDED * round(value / _ROUNDED)
