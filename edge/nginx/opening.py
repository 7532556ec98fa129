"""Takes possession of the shared folder at start: one process only, and a look at how long nobody was here.

Blocks; called in a thread.
"""

import fcntl
import os
import time
from typing import NamedTuple

from edge.model import ConfigError
from edge.nginx.names import Folder

FIELD = "nginx.folder"
AWAY_MAX_S = 82_800.0  # purges are told again for a day; a cache that missed more is emptied
_ALIVE = "alive"


class Opened(NamedTuple):
    """The folder, ready for use."""

    lock: int  # descriptor; the system releases the lock when the process ends, however it ends
    doubt: str  # why purges may have been missed; "" where none can have been


def opened(folder: Folder) -> Opened:
    """Open the folder.

    Args:
        folder: made if need be.

    Raises:
        ConfigError: it cannot be used, or another process uses it.
    """
    try:
        folder.flags.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        folder.log.touch(mode=0o600)
    except OSError as error:
        hint = "name a folder that this process may write"
        raise ConfigError(FIELD, f"{folder.root} cannot be used: {error.strerror}", hint) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        hint = "give each process a folder of its own"
        raise ConfigError(FIELD, f"{folder.root} is used by another process", hint) from None
    return Opened(lock, _doubt(folder))


def note_alive(folder: Folder) -> None:
    """Say that a node was here now, and knows of every purge.

    Raises:
        OSError: the folder cannot be written.
    """
    path = folder.root / _ALIVE
    path.touch(mode=0o600)
    os.utime(path)


def _doubt(folder: Folder) -> str:
    try:
        if not any(folder.cache.iterdir()):
            return ""
    except FileNotFoundError:
        return ""
    try:
        away_s = time.time() - (folder.root / _ALIVE).stat().st_mtime
    except FileNotFoundError:
        return "nothing tells when a node was here last"
    return "nobody was here for so long that purges are told no more" if away_s > AWAY_MAX_S else ""
