"""Brings the entries of nginx's files in line with the files: at start, and now and then."""

import asyncio
from collections.abc import Iterator
from typing import NamedTuple

from edge.cache.disk.workers import Workers
from edge.nginx import files
from edge.nginx.copies import Copies, copy_of
from edge.nginx.head import Head
from edge.nginx.landing import Landings
from edge.nginx.names import Folder, file_name, own_key

_BATCH_FILES = 256
_ROOM_BYTES = 1024  # about what stands before a body
_JOBS_MAX = 4


class Scanned(NamedTuple):
    """What a scan has brought."""

    found: int  # files that no entry told of
    junk: int  # files that cannot be understood; nginx will remove them
    vanished: int  # entries whose files nginx has removed
    halves: int  # files that a killed nginx left; removed


class Scanner:
    """Reads the files.

    Args:
        folder: the shared one.
        copies: the entries.
        landings: answers whose files may not be there yet.
        session: of this process.
    """

    def __init__(self, folder: Folder, copies: Copies, landings: Landings, session: str) -> None:
        self._folder = folder
        self._copies = copies
        self._landings = landings
        self._session = session
        self._thread = Workers("edge-nginx-scan", 1, _JOBS_MAX)

    async def scan(self, now: float) -> Scanned:
        """Look at all files once.

        Raises:
            OSError: a folder cannot be read.
            BusyError: closed.
        """
        serial, known = self._landings.serial, dict[str, str]()
        for keys in _slices(self._copies.everything()):
            known |= self._copies.names(keys)
            await asyncio.sleep(0)
        found = await self._thread.run(files.listed, self._folder)
        present = dict.fromkeys(found.whole)
        unknown = [name for name in present if name not in known]
        junk = 0
        for batch in _slices(unknown):
            for name, head in await self._thread.run(_heads, self._folder, batch):
                junk += not self._keep(name, head)
            await asyncio.sleep(0)
        vanished = 0
        for keys in _slices([key for name, key in known.items() if name not in present]):
            vanished += self._forget(keys, serial, now)
            await asyncio.sleep(0)
        halves = await self._thread.run(files.remove_halves, self._folder, found.halves)
        return Scanned(len(unknown) - junk, junk, vanished, halves)

    def close(self) -> None:
        """Begin nothing more."""
        self._thread.close()

    def _keep(self, name: str, head: Head | None) -> bool:
        """Enter a file, unless an answer of this process has taken its place; whether it is one of the node's."""
        key = own_key(head.key) if head else ""
        if head is None or not key or file_name(key) != name:
            return False
        if self._copies.peek(key) is None:
            copy = copy_of(name, head.tags, head.fill, self._session)
            self._copies.put(key, copy, max(0, head.body_bytes) + _ROOM_BYTES)
        return True

    def _forget(self, keys: list[str], serial: int, now: float) -> int:
        """Drop entries whose files are gone, but for those of answers that may still land; how many."""
        gone = [
            key
            for key in keys
            if (copy := self._copies.peek(key))
            and copy.serial <= serial
            and not self._landings.awaits(copy.serial, now)
        ]
        for key in gone:
            self._copies.drop(key)  # and remove the file, should it have come since
        return len(gone)


def _slices(whole: list[str]) -> Iterator[list[str]]:
    return (whole[first : first + _BATCH_FILES] for first in range(0, len(whole), _BATCH_FILES))


def _heads(folder: Folder, names: list[str]) -> list[tuple[str, Head | None]]:
    return list(files.heads(folder, names))
