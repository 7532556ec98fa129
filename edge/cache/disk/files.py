"""One file for each object: written beside, then renamed, so that a name never stands for half a file.

A kill -9 at any moment therefore loses nothing that has its name and leaves at most rubbish in `tmp`. Objects are not
fsynced: after a power cut a file may be short or hold zeros, and that is found by its length and digests. The length
and the digest of the head are checked whenever a file is met, that of the body when it is read into memory, and for a
body that is streamed at its first reading in each process.

Everything here blocks and is called in threads. Names of objects are plain strings: pathlib interns each part of a
path, and with names that are ever new the table of interned strings doubles within an hour: a megabyte.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from edge.cache.disk.body import FileBody
from edge.cache.disk.layout import (
    META_AT,
    STALE_AT,
    DamagedError,
    Meta,
    digest_of,
    parsed_meta,
    parsed_start,
    size_on_disk,
    stale_field,
    start_of,
)
from edge.cache.disk.workers import Workers

_FIRST_READ_BYTES = 4096  # most heads fit
_PIECE_BYTES = 1024 * 1024
_FOLDERS = 256
_NAME_DIGITS = 16


class Head(NamedTuple):
    """What a file says before its body, checked."""

    meta: Meta
    stale_from: float  # wall clock; infinite where no soft purge has hit it
    body_at: int
    body_bytes: int
    body_digest: bytes

    @property
    def size_bytes(self) -> int:
        """What the file takes on disk."""
        return size_on_disk(self.body_at - META_AT, self.body_bytes)


class Files:
    """The files of one tier, by serial number.

    Args:
        root: folder of the tier.
        streams: threads in which streamed bodies are read.
    """

    def __init__(self, root: Path, streams: Workers) -> None:
        self._streams = streams
        self._objects = root / "objects"
        self._folders = [str(self._objects / f"{number:02x}") for number in range(_FOLDERS)]
        self._temporary = root / "tmp"

    def path(self, serial: int) -> str:
        """Where the object with this number is."""
        return f"{self._folders[serial % _FOLDERS]}/{serial:0{_NAME_DIGITS}x}"

    def prepare(self) -> None:
        """Make the folders, remove what a killed process left half written.

        Raises:
            OSError: the folder cannot be used.
        """
        for folder in (self._temporary, self._objects):
            folder.mkdir(parents=True, exist_ok=True)
        for left in self._temporary.iterdir():
            if not left.is_dir():
                left.unlink()

    def listed(self) -> tuple[list[int], int]:
        """The numbers of all objects, the oldest first, and how many other files are among them.

        Raises:
            OSError: a folder cannot be read.
        """
        serials, junk = [], 0
        for folder in filter(os.path.isdir, self._folders):
            for one in os.scandir(folder):
                serial = _serial_of(one.name)
                if serial is not None and self.path(serial) == one.path:
                    serials.append(serial)
                else:
                    junk += 1
        return sorted(serials), junk

    def write(self, serial: int, meta: bytes, body: bytes | FileBody) -> None:
        """Write an object, and give it its name once it is whole.

        Raises:
            OSError: the disk is full or fails; nothing is left.
        """
        temporary = f"{self._temporary}/{serial:0{_NAME_DIGITS}x}"
        digest = body.digest if isinstance(body, FileBody) else digest_of((body,))
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            try:
                _write(fd, start_of(meta, len(body), digest) + meta)
                for piece in _pieces(body) if isinstance(body, FileBody) else (body,):
                    _write(fd, piece)
            finally:
                os.close(fd)
            _rename(temporary, self.path(serial))
        except BaseException:
            _unlink(temporary)
            raise

    def mark(self, serial: int, stale_from: float) -> None:
        """Note in place that an object is stale from then on, wall clock; where that fails, remove it.

        Raises:
            OSError: neither could be done.
        """
        try:
            fd = os.open(self.path(serial), os.O_WRONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            os.pwrite(fd, stale_field(stale_from), STALE_AT)
        except OSError:
            self.remove(serial)
        finally:
            os.close(fd)

    def remove(self, serial: int) -> None:
        """Remove an object, if it is there.

        Raises:
            OSError: the disk fails.
        """
        _unlink(self.path(serial))

    def head(self, serial: int) -> Head:
        """What the file says before its body, and that it is as long as it says.

        Raises:
            DamagedError: it is no whole object.
            OSError: it is not there, or the disk fails.
        """
        fd = os.open(self.path(serial), os.O_RDONLY | os.O_CLOEXEC)
        try:
            return _head(fd)
        finally:
            os.close(fd)

    def load(self, serial: int, stream_from: int, verify: bool) -> tuple[Head, bytes | FileBody]:
        """An object; bodies of `stream_from` bytes and more stay on disk.

        Args:
            serial: its number.
            stream_from: bytes.
            verify: check the digest of a body that stays on disk too, which means to read it once.

        Raises:
            DamagedError: it is no whole object.
            OSError: it is not there, or the disk fails.
        """
        fd = os.open(self.path(serial), os.O_RDONLY | os.O_CLOEXEC)
        try:
            head = _head(fd)
            if head.body_bytes < stream_from:
                body = _read(fd, head.body_bytes, head.body_at)
                if digest_of((body,)) != head.body_digest:
                    raise DamagedError("the body is not what was written")
                return head, body
            streamed = FileBody(os.dup(fd), head.body_at, head.body_bytes, head.body_digest, self._streams)
        finally:
            os.close(fd)
        if verify and digest_of(_pieces(streamed)) != head.body_digest:
            raise DamagedError("the body is not what was written")
        return head, streamed


def _rename(temporary: str, path: str) -> None:
    try:
        os.rename(temporary, path)  # noqa: PTH104  # see above
    except FileNotFoundError:  # the first in its folder
        Path(path).parent.mkdir(exist_ok=True)
        os.rename(temporary, path)  # noqa: PTH104  # see above


def _unlink(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108  # see above


def _serial_of(name: str) -> int | None:
    try:
        return int(name, 16) if len(name) == _NAME_DIGITS else None
    except ValueError:
        return None


def _head(fd: int) -> Head:
    begun = os.pread(fd, _FIRST_READ_BYTES, 0)
    start = parsed_start(begun)
    if os.fstat(fd).st_size != start.file_bytes:
        raise DamagedError("not as long as it says")
    meta = begun[META_AT : META_AT + start.meta_bytes]
    if len(meta) < start.meta_bytes:
        meta = _read(fd, start.meta_bytes, META_AT)
    body_at = META_AT + start.meta_bytes
    return Head(parsed_meta(begun, meta), start.stale_from, body_at, start.body_bytes, start.body_digest)


def _pieces(body: FileBody) -> Iterator[bytes]:
    first = 0
    while first < len(body):
        piece = body.read(first, _PIECE_BYTES)
        first += len(piece)
        yield piece


def _read(fd: int, size: int, first: int) -> bytes:
    found = os.pread(fd, size, first)
    while len(found) < size:
        more = os.pread(fd, size - len(found), first + len(found))
        if not more:
            raise DamagedError("not as long as it says")
        found += more
    return found


def _write(fd: int, given: bytes) -> None:
    left = memoryview(given)
    while left:
        left = left[os.write(fd, left) :]
