"""nginx's cache files: found, removed, made stale. Blocks; called in threads."""

import os
import re
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from edge.nginx.head import Fill, Head, expire, read
from edge.nginx.names import Folder

_NAME_LENGTH = 32
_HALF = re.compile(r"[0-9a-f]{32}\.[0-9]{10}")
HALF_S = 60.0  # an answer on its way comes on, or is given up, much sooner than this


class Listed(NamedTuple):
    """The files of the cache, by name."""

    whole: list[str]
    halves: list[str]  # of answers that nginx has not, or never, received to their end


class Volume(NamedTuple):
    """A file system."""

    used_bytes: int
    usable_bytes: int  # used or free


class Done(NamedTuple):
    """What came of an order on some files."""

    failed: list[str]  # names
    error: str = ""  # why, of the last of them


def listed(folder: Folder) -> Listed:
    """All files of the cache.

    Raises:
        OSError: a folder cannot be read; one that is gone counts as empty.
    """
    found = Listed([], [])
    for first in _names(folder.cache):
        for second in _names(folder.cache / first):
            names = _names(folder.cache / first / second)
            found.whole.extend(name for name in names if len(name) == _NAME_LENGTH)
            found.halves.extend(name for name in names if _HALF.fullmatch(name))
    return found


def remove_halves(folder: Folder, halves: Sequence[str]) -> int:
    """Remove what an nginx that was killed has left: the next one neither uses nor removes it. How many it were.

    What resists is met again by the next scan.
    """
    removed, before = 0, time.time() - HALF_S
    for name in halves:
        path = folder.file(name[:_NAME_LENGTH]).with_name(name)
        with suppress(OSError):
            if path.stat().st_mtime < before:
                path.unlink()
                removed += 1
    return removed


def heads(folder: Folder, names: Sequence[str]) -> Iterator[tuple[str, Head | None]]:
    """Each name with what its file says; None where it says nothing, or is gone."""
    for name in names:
        try:
            yield name, read(folder.file(name))
        except OSError:
            yield name, None


def fills(folder: Folder, names: Collection[str]) -> dict[str, Fill | None]:
    """From which answer each file that is there now was made."""
    return {name: head.fill for name, head in heads(folder, list(names)) if head}


def purge(folder: Folder, names: Sequence[str], stale_from: float | None) -> Done:
    """Remove files, or make them stale in place.

    Args:
        folder: the shared one.
        names: of the files; what is gone counts as done.
        stale_from: seconds since 1970; None: remove them. A file of a version that is not known is removed.
    """
    failed, error = [], ""
    for name in names:
        path = folder.file(name)
        try:
            if stale_from is None or not expire(path, stale_from):
                path.unlink(missing_ok=True)
        except OSError as problem:
            failed.append(name)
            error = problem.strerror or str(problem)
    return Done(failed, error)


def volume(folder: Folder) -> Volume:
    """The volume that the folder is on, as others than root may use it.

    Raises:
        OSError: it cannot be asked.
    """
    found = os.statvfs(folder.root)
    used = found.f_blocks - found.f_bfree
    return Volume(found.f_frsize * used, found.f_frsize * (used + found.f_bavail))


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []
