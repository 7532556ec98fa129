"""A body on its way: kept once, in memory, and read by many while it arrives, each at his own pace.

Who reads slowly holds up nobody: what has come stays until the last reader has gone. Who reads a body that breaks off
is told so, lest half pass for whole.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from edge.cache.disk.body import PIECE_BYTES, BrokenBodyError

_COPIED_BYTES = 64 * 1024  # at a time, while it grows; once it is whole nothing is copied


class TooLargeError(ValueError):
    """More has come than may be kept."""


class GrowingBody:
    """What has come so far of one body.

    Args:
        size: as announced, bytes; None where nobody has told.
        size_max: more is refused.
    """

    def __init__(self, size: int | None, size_max: int) -> None:
        self.size = size
        self.reading: asyncio.Task[None] | None = None  # brings it
        self._size_max = size_max
        self._grown = bytearray()
        self._whole: bytes | None = None
        self._broken = False
        self._more = asyncio.Event()  # set and replaced with each piece

    def __len__(self) -> int:
        """How large it will be, as far as is known."""
        return self.have if self.size is None else self.size

    @property
    def have(self) -> int:
        """How many bytes have come."""
        return len(self._grown if self._whole is None else self._whole)

    @property
    def grows(self) -> bool:
        """Whether more may come."""
        return self._whole is None and not self._broken

    def add(self, piece: bytes) -> None:
        """More has come.

        Raises:
            TooLargeError: too much.
        """
        if len(self._grown) + len(piece) > self._size_max:
            raise TooLargeError(f"more than {self._size_max} bytes")
        self._grown += piece
        self._tell()

    def finish(self) -> bytes:
        """It is whole, and this is it."""
        self._whole = bytes(self._grown)
        self._grown.clear()
        self.size = len(self._whole)
        self._tell()
        return self._whole

    def fail(self) -> None:
        """No more will come; a whole body stays whole."""
        if self._whole is None:
            self._broken = True
            self._tell()

    def drop(self) -> None:
        """Nobody wants it: stop what brings it."""
        if self.reading:
            self.reading.cancel()
        self.fail()

    async def reached(self, size: float) -> None:
        """Wait until so many bytes are here, or no more will come."""
        while self._whole is None and not self._broken and len(self._grown) < size:
            await self._more.wait()

    async def piece(self, first: int, size: int) -> bytes | memoryview:
        """Some bytes from `first` on, at most `size`; waits until there are any. Empty at the end.

        The wait ends with the fill, which has a time limit.

        Raises:
            BrokenBodyError: it broke off.
        """
        while True:
            if self._whole is not None:
                return memoryview(self._whole)[first : first + min(size, PIECE_BYTES)]
            if self._broken:
                raise BrokenBodyError("the body broke off on its way here")
            if first < len(self._grown):
                with memoryview(self._grown) as grown:
                    return bytes(grown[first : first + min(size, _COPIED_BYTES)])
            await self._more.wait()

    def _tell(self) -> None:
        self._more.set()
        self._more = asyncio.Event()


class GrowingSpan:
    """A part of such a body, or all of it, for one reader.

    Args:
        body: what it is a part of.
        first: where it begins.
        size: bytes; None: to the end, which nobody knows yet.
    """

    def __init__(self, body: GrowingBody, first: int, size: int | None) -> None:
        self.size = size
        self._body = body
        self._first = first
        self._taken: list[Callable[[int], None]] = []

    def tell(self, taken: Callable[[int], None]) -> None:
        """Call `taken` with the bytes of each piece, once the reader has taken it."""
        self._taken.append(taken)

    async def pieces(self) -> AsyncIterator[bytes | memoryview]:
        """The bytes, in order, as they come.

        Raises:
            BrokenBodyError: the body broke off.
        """
        at, left = self._first, self.size
        while left is None or left > 0:
            piece = await self._body.piece(at, PIECE_BYTES if left is None else left)
            if not piece:
                break
            yield piece
            at += len(piece)
            left = None if left is None else left - len(piece)
            for taken in self._taken:
                taken(len(piece))

    async def read(self) -> bytes:
        """All of it at once, for who needs that.

        Raises:
            BrokenBodyError: the body broke off.
        """
        return b"".join([piece async for piece in self.pieces()])
