"""Files that settings name: keys and the admin token."""

import pathlib

from edge.config import Config
from edge.model import ConfigError
from edge.wire.keys import KeyRing

Stamp = tuple[int, int, int]

_TOKEN_MIN = 16


def read_ring(config: Config) -> KeyRing:
    """The cluster's keys; without a file, those that all know.

    Raises:
        ConfigError: the file cannot be read or holds no keys.
    """
    if not config.gossip.keys_file:
        return KeyRing.insecure(config.node.cluster)
    return KeyRing.parse(_read(config.gossip.keys_file, "gossip.keys_file"), config.gossip.keys_file)


def read_token(config: Config) -> str:
    """The admin token; empty where there is none.

    Raises:
        ConfigError: the file cannot be read, or the token is too short to be a secret.
    """
    if not config.admin.token_file:
        return ""
    token = _read(config.admin.token_file, "admin.token_file").strip()
    if len(token) < _TOKEN_MIN:
        raise ConfigError(
            "admin.token_file",
            f"holds less than {_TOKEN_MIN} characters",
            "put a long random word into it",
        )
    return token


def stamp(path: pathlib.Path) -> Stamp:
    """What of a file changes when it does; through symbolic links, as a Secret's files are."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_ino, found.st_size)


def _read(path: str, field: str) -> str:
    try:
        return pathlib.Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no UTF-8 text"
        raise ConfigError(field, f"{path} cannot be read: {reason}", "name a readable text file") from None
