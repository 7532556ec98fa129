"""Files that settings name: the keys, and other texts."""

import pathlib

from edge.config import Config
from edge.model import ConfigError
from edge.wire.keys import KeyRing


def read_ring(config: Config) -> KeyRing:
    """The cluster's keys; without a file, those that all know.

    Raises:
        ConfigError: the file cannot be read or holds no keys.
    """
    if not config.gossip.keys_file:
        return KeyRing.insecure(config.node.cluster)
    return KeyRing.parse(read_text(config.gossip.keys_file, "gossip.keys_file"), config.gossip.keys_file)


def read_text(path: str, field: str) -> str:
    """What is in a text file that the setting `field` names.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return pathlib.Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no UTF-8 text"
        raise ConfigError(field, f"{path} cannot be read: {reason}", "name a readable text file") from None
