"""A body that stays on disk and is read piece by piece as a viewer takes it."""

import asyncio
import os
from collections.abc import AsyncIterator

from edge.cache.disk.workers import BusyError, Workers

PIECE_BYTES = 256 * 1024
_PATIENCE_S = 4.0  # for one piece; a disk that is slower than that cannot play video


class BrokenBodyError(ConnectionError):
    """A body cannot be read to its end: all that is left is to cut the connection, lest half pass for whole."""


class FileBody:
    """The body of one object, in a file that is held open: evicted or purged, it is still there for who reads it.

    Args:
        fd: of the file; closed with this object.
        first: where the body begins in it.
        size: of the body, bytes.
        digest: of the body, as the file states it.
        readers: threads to read in.
    """

    __slots__ = ("__weakref__", "_fd", "_first", "_readers", "_size", "digest")

    def __init__(self, fd: int, first: int, size: int, digest: bytes, readers: Workers) -> None:
        self._fd = fd
        self._first = first
        self._size = size
        self._readers = readers
        self.digest = digest

    def __len__(self) -> int:
        return self._size

    def __del__(self) -> None:
        os.close(self._fd)

    def read(self, first: int, size: int) -> bytes:
        """Some bytes from `first` on; blocks.

        Raises:
            OSError: the disk fails, or the file has become shorter.
        """
        found = os.pread(self._fd, min(size, self._size - first), self._first + first)
        if not found:
            raise BrokenBodyError("the file has become shorter")
        return found

    async def piece(self, first: int, size: int) -> bytes:
        """As `read`, in a thread and with patience.

        Raises:
            BrokenBodyError: the disk fails or is too slow.
        """
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await self._readers.run(self.read, first, size)
        except (OSError, TimeoutError, BusyError) as error:
            raise BrokenBodyError("the body cannot be read to its end") from error


class FileSpan:
    """A part of a body on disk, or all of it."""

    __slots__ = ("_body", "_first", "_size")

    def __init__(self, body: FileBody, first: int, size: int) -> None:
        self._body = body
        self._first = first
        self._size = size

    def __len__(self) -> int:
        return self._size

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes, in order; nothing is read ahead of who takes them.

        Raises:
            BrokenBodyError: the disk fails or is too slow.
        """
        first, last = self._first, self._first + self._size
        while first < last:
            piece = await self._body.piece(first, min(PIECE_BYTES, last - first))
            first += len(piece)
            yield piece

    async def whole(self) -> bytes:
        """All of it at once, for who needs that.

        Raises:
            BrokenBodyError: the disk fails or is too slow.
        """
        return b"".join([piece async for piece in self.pieces()])
