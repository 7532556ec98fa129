"""Takes possession of the folder at start: one process only, numbers that were never given out, the record of purges.

Blocks; called in a thread.
"""

import errno
import fcntl
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from edge.cache.disk.files import Files
from edge.cache.disk.journal import Contents, Journal, Record, read
from edge.cache.disk.layout import DamagedError
from edge.cache.disk.recorder import first_number
from edge.cache.disk.writer import reason_of
from edge.model import ConfigError

log = logging.getLogger(__name__)

FIELD = "cache.disk_path"
_SERIAL_STARTS_SHIFT = 40


@dataclass(frozen=True, slots=True)
class Opened:
    """The folder, ready for use.

    Args:
        journal: begun.
        contents: what it says.
        serials: of the objects there, the oldest first.
        junk: how many other files lie among them.
        serial: the greatest below those that this process gives out.
        lock: descriptor of the lock; the system releases it when the process ends, however it ends.
    """

    journal: Journal
    contents: Contents
    serials: list[int]
    junk: int
    serial: int
    lock: int


class _Past(NamedTuple):
    starts: int
    records: list[Record]
    doubt: str  # why purges may be missing; "" where none can be


def opened(root: Path, files: Files, wall: float, away_max_s: float) -> Opened | None:
    """Open the folder; None where the disk is too full for even that.

    Args:
        root: the folder; made if need be.
        files: those in it.
        wall: wall clock.
        away_max_s: what no process has kept for longer is emptied.

    Raises:
        ConfigError: it cannot be used, or another process uses it.
    """
    lock = -1
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = _locked(root)
        files.prepare()
        serials, junk = files.listed()
        contents = _contents(root, serials, wall, away_max_s)
        journal = _begun(root, files, contents, serials)
    except OSError as error:
        if lock >= 0:
            os.close(lock)
        if reason_of(error) == "full":
            _forget_purges(root)
            return None
        problem = f"{root} cannot be used: {error.strerror}"
        raise ConfigError(FIELD, problem, "name a folder that this process may write") from None
    return Opened(journal, contents, serials, junk, contents.starts << _SERIAL_STARTS_SHIFT, lock)


def _locked(root: Path) -> int:
    fd = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        if error.errno != errno.EWOULDBLOCK:
            raise
        hint = "give each process a folder of its own"
        raise ConfigError(FIELD, f"{root} is used by another process", hint) from None
    return fd


def _contents(root: Path, serials: list[int], wall: float, away_max_s: float) -> Contents:
    """The record of purges for this start; one purge of everything where it cannot be relied on."""
    path = root / "journal"
    past = _past(path, serials)
    if not past.doubt and path.exists() and wall - path.stat().st_mtime > away_max_s:
        past = past._replace(doubt="nobody was here for so long that purges are told no more")
    starts = max(past.starts, (serials[-1] >> _SERIAL_STARTS_SHIFT) if serials else 0) + 1
    if not past.doubt:
        return Contents(starts, past.records)
    log.warning("%s is emptied: %s", root, past.doubt)
    return Contents(starts, [Record(first_number(starts), "prefix", "/", soft=False, at=wall, ident="")])


def _past(path: Path, serials: list[int]) -> _Past:
    try:
        contents = read(path)
    except DamagedError as error:
        return _Past(0, [], str(error))
    if contents is None:
        return _Past(0, [], "the record of purges is missing" if serials else "")
    return _Past(*contents, "")


def _begun(root: Path, files: Files, contents: Contents, serials: list[int]) -> Journal:
    """The new journal; where not even that finds room, the oldest objects go, twice as many each time."""
    journal = Journal(root / "journal")
    room = 1
    while True:
        try:
            journal.begin(contents.starts, contents.records)
        except OSError as error:
            if reason_of(error) != "full" or not serials:
                raise
            for serial in serials[:room]:
                files.remove(serial)
            del serials[:room]
            room *= 2
        else:
            return journal


def _forget_purges(root: Path) -> None:
    """So that the next start trusts nothing that is here."""
    (root / "journal").unlink(missing_ok=True)
