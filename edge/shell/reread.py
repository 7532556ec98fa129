"""Files that are read at the start, and again when they change.

A Secret's files are replaced at once, a tool's one after the other; so files that do not fit together are logged,
counted and tried again when they change, and what was read before goes on.
"""

import asyncio
import logging
import pathlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge.model import ConfigError

log = logging.getLogger(__name__)

Stamp = tuple[tuple[int, int, int], ...]  # what of files changes when they do


@dataclass(slots=True)
class _Group:
    files: list[pathlib.Path]
    read: Callable[[], None]
    stamp: Stamp


class Rereader:
    """Looks after files, in groups that belong together."""

    def __init__(self) -> None:
        self._groups: list[_Group] = []
        self.reloads = 0
        self.failures = 0  # new files that could not be used

    def add(self, names: Sequence[str], read: Callable[[], None]) -> None:
        """Read files, and look after them.

        Args:
            names: of the files; an empty one is none.
            read: reads all of them; not called where there are none.

        Raises:
            ConfigError: they cannot be used.
        """
        if files := [pathlib.Path(name) for name in names if name]:
            group = _Group(files, read, _stamp(files))
            read()
            self._groups.append(group)

    async def run(self, every_s: float) -> None:
        """Look for changed files until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Read what has changed."""
        for group in self._groups:
            stamp = _stamp(group.files)
            if stamp == group.stamp:
                continue
            group.stamp = stamp
            try:
                group.read()
            except ConfigError as error:
                self.failures += 1
                log.warning("what was read before goes on: %s", error)
            else:
                self.reloads += 1
                log.info("read again: %s", ", ".join(map(str, group.files)))


def _stamp(files: Sequence[pathlib.Path]) -> Stamp:
    return tuple(stamp_of(path) for path in files)


def stamp_of(path: pathlib.Path) -> tuple[int, int, int]:
    """What of a file changes when it does; through symbolic links, as a Secret's files are."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_ino, found.st_size)
