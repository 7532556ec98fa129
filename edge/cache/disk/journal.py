"""The record of purges on disk, so that nothing purged comes back with a restart.

Each purge has a number, each object the number of the latest purge when it was stored. At start, an object that a
recorded purge of a greater number hits is gone, or stale, whatever of the purge's work a kill -9 left undone. Numbers
and the serial numbers of files hold the count of starts in front, which is on disk before anything else is written;
so a number that was given out but not recorded is never given out again.

A line is the CRC-32 of its JSON, a space, and the JSON. What is appended is synced before anyone is told. An end
without a line feed was never told to anyone and is ignored; any other broken line means that purges may be missing.

`Journal` and `read` block and are called in threads; `PurgeTable` is pure.
"""

import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from edge.cache.disk.layout import DamagedError
from edge.cache.purge import What, path_of

GONE = float("-inf")
UNTOUCHED = float("inf")
_FORMAT = 1


class Record(msgspec.Struct, frozen=True, array_like=True):
    """One purge."""

    number: int
    what: What
    value: str
    soft: bool
    at: float  # wall clock
    ident: str  # of the event that asked for it, lest it be done again when the event is told again; or ""


class Contents(NamedTuple):
    """What a journal says."""

    starts: int
    records: list[Record]


class _Opening(msgspec.Struct, frozen=True, array_like=True):
    format: int
    starts: int


_encoder = msgspec.json.Encoder()
_records = msgspec.json.Decoder(Record)
_openings = msgspec.json.Decoder(_Opening)


def read(path: Path) -> Contents | None:
    """The journal at `path`; None where there is none.

    Raises:
        DamagedError: purges may be missing.
        OSError: it cannot be read.
    """
    try:
        given = path.read_bytes()
    except FileNotFoundError:
        return None
    opening, *rest = [_checked(line) for line in given.split(b"\n")[:-1]] or [None]
    if opening is None or None in rest:
        raise DamagedError("a line of the journal is not what was written")
    try:
        opened = _openings.decode(opening)
        records = [_records.decode(text) for text in rest if text is not None]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise DamagedError("a line of the journal is of another kind") from None
    if opened.format != _FORMAT:
        raise DamagedError("the journal is of another version")
    return Contents(opened.starts, records)


class Journal:
    """The journal of this process, which is the only one to write there.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._size = 0
        self._torn = False  # something half written may stand beyond that size

    def begin(self, starts: int, records: Iterable[Record]) -> None:
        """Put a new file with these records in place of what is there, and sync it.

        Raises:
            OSError: the disk is full or fails; what was there still is.
        """
        made = b"".join(_line(one) for one in (_Opening(_FORMAT, starts), *records))
        temporary = self._path.with_suffix(".new")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _append(fd, made)
            temporary.rename(self._path)
            _sync_folder(self._path.parent)
        except BaseException:
            os.close(fd)
            raise
        self.close()
        self._fd, self._size, self._torn = fd, len(made), False

    def append(self, records: Iterable[Record]) -> None:
        """Add records and sync them.

        Raises:
            OSError: the disk is full or fails; the same may be tried again.
        """
        made = b"".join(_line(one) for one in records)
        if self._torn:
            os.ftruncate(self._fd, self._size)
            os.lseek(self._fd, self._size, os.SEEK_SET)
        self._torn = True
        _append(self._fd, made)
        self._size += len(made)
        self._torn = False

    def touch(self) -> None:
        """Note that this process is alive, by the time of the file's last change.

        Raises:
            OSError: the disk fails.
        """
        os.utime(self._path)

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class PurgeTable:
    """What recorded purges say of an object, without a look at all of them."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._hard: dict[tuple[What, str], int] = {}  # the latest number
        self._soft: dict[tuple[What, str], list[tuple[int, float]]] = {}  # numbers, rising, and times
        self._lengths: dict[int, None] = {}  # of prefixes
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """One purge more; numbers rise."""
        name = (record.what, record.value)
        if record.soft:
            self._soft.setdefault(name, []).append((record.number, record.at))
        else:
            self._hard[name] = record.number
        if record.what == "prefix":
            self._lengths[len(record.value)] = None

    def stale_from(self, key: str, tags: Iterable[str], purges: int) -> float:
        """From when on an object is stale, wall clock; `GONE` or `UNTOUCHED`.

        Args:
            key: of the object.
            tags: of the object.
            purges: the number of the latest purge when it was stored.
        """
        stale_from = UNTOUCHED
        for name in self._names(key, tags):
            if self._hard.get(name, 0) > purges:
                return GONE
            for number, at in self._soft.get(name, ()):
                if number > purges:
                    stale_from = min(stale_from, at)
                    break
        return stale_from

    def _names(self, key: str, tags: Iterable[str]) -> Iterator[tuple[What, str]]:
        yield "url", path_of(key)
        for tag in tags:
            yield "tag", tag
        for length in self._lengths:
            yield "prefix", key[:length]


def _line(said: msgspec.Struct) -> bytes:
    text = _encoder.encode(said)
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _checked(line: bytes) -> bytes | None:
    crc, _, text = line.partition(b" ")
    return text if crc == b"%08x" % zlib.crc32(text) else None


def _append(fd: int, made: bytes) -> None:
    left = memoryview(made)
    while left:
        left = left[os.write(fd, left) :]
    os.fdatasync(fd)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
