"""The head of one of nginx's cache files: its key, what the node said of the object, until when it is fresh.

After a binary part come a line `KEY: …` and the header fields as the node sent them. Of the binary part only the
version and `valid_sec` count here (ngx_http_file_cache_header_t of nginx 1.11.10 and later: version 5).
"""

import os
import struct
from pathlib import Path
from typing import NamedTuple

VERSION = 5
HEAD_BYTES = 4096
HEAD_MAX_BYTES = 65_536  # of fields; nginx takes no more of them than proxy_buffer_size
_KEY = b"\nKEY: "
_END = b"\r\n\r\n"
_START = struct.Struct("=Qq")  # version, valid_sec
_VALID = struct.Struct("=q")  # time_t
_VALID_AT = 8


class Fill(NamedTuple):
    """Which answer of the node a copy was made from."""

    session: str  # of the node's process
    serial: int  # of the answer in it; they rise
    made: float  # when the object was made, seconds since 1970

    def is_answer(self, session: str, serial: int) -> bool:
        """Whether it is this very one."""
        return (self.session, self.serial) == (session, serial)

    def __str__(self) -> str:
        return f"{self.session}-{self.serial}-{int(self.made)}"


class Head(NamedTuple):
    """What a file says of itself."""

    key: bytes
    fill: Fill | None
    tags: tuple[str, ...]
    body_bytes: int


def read_fill(text: str) -> Fill | None:
    """The `Edge-Fill` field; None where it is none."""
    session, _, rest = text.partition("-")
    serial, _, made = rest.partition("-")
    if not (session and serial.isascii() and serial.isdigit() and made.isascii() and made.isdigit()):
        return None
    return Fill(session, int(serial), float(made))


def parse(given: bytes, size_bytes: int) -> Head | None:
    """Read the first bytes of a file; None where they are not the head of a whole one."""
    start = given.find(_KEY, _VALID_AT)
    end = given.find(b"\n", start + len(_KEY))
    close = given.find(_END, end)
    if start < 0 or end < 0 or close < 0:
        return None
    fill, tags = None, tuple[str, ...]()
    for line in given[end + 1 : close].split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        match name.lower():
            case b"edge-fill":
                fill = read_fill(value.strip().decode("latin-1"))
            case b"surrogate-key":
                tags = tuple(value.decode("latin-1").split())
    return Head(given[start + len(_KEY) : end], fill, tags, size_bytes - close - len(_END))


def read(path: Path) -> Head | None:
    """The head of a file; None where it is gone, or no file of nginx's cache.

    Raises:
        OSError: it cannot be read.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        size = os.fstat(fd).st_size
        given = os.pread(fd, HEAD_BYTES, 0)
        if (found := parse(given, size)) is None and size > HEAD_BYTES:
            found = parse(os.pread(fd, HEAD_MAX_BYTES, 0), size)
        return found
    finally:
        os.close(fd)


def expire(path: Path, now: float) -> bool:
    """Make a copy stale in place, for nginx reads the head at each use; False where it is of another version.

    What is gone counts as done.

    Raises:
        OSError: it cannot be written.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        given = os.pread(fd, _START.size, 0)
        if len(given) < _START.size:
            return False
        version, valid = _START.unpack(given)
        if version == VERSION:
            os.pwrite(fd, _VALID.pack(min(valid, int(now) - 1)), _VALID_AT)
        return bool(version == VERSION)
    finally:
        os.close(fd)
