"""Finds again, at start, what earlier processes have left, while the cache serves already."""

import asyncio
from collections.abc import Callable

from edge.cache.disk.files import Files, Head
from edge.cache.disk.layout import DamagedError
from edge.cache.disk.workers import Workers

_BATCH_FILES = 128
_THREADS = 4  # a cold disk answers several at once

Found = Callable[[int, Head | None], None]


async def scan(files: Files, serials: list[int], found: Found) -> None:
    """Read the heads of all files, in order.

    Args:
        files: of the tier.
        serials: of the objects, the oldest first.
        found: told of each, with None where it is damaged or cannot be read.
    """
    workers = Workers("edge-disk-scan", _THREADS, 2 * _THREADS)
    try:
        for first in range(0, len(serials), _BATCH_FILES * _THREADS):
            parts = [
                serials[start : start + _BATCH_FILES]
                for start in range(first, first + _BATCH_FILES * _THREADS, _BATCH_FILES)
            ]
            for part, heads in zip(
                parts,
                await asyncio.gather(*(workers.run(_heads, files, part) for part in parts)),
                strict=True,
            ):
                for serial, head in zip(part, heads, strict=True):
                    found(serial, head)
                await asyncio.sleep(0)
    finally:
        workers.close()


def _heads(files: Files, serials: list[int]) -> list[Head | None]:
    return [_head(files, serial) for serial in serials]


def _head(files: Files, serial: int) -> Head | None:
    try:
        return files.head(serial)
    except (DamagedError, OSError):
        return None
