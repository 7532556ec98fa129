"""Names that nginx and the node must agree on: the shared folder, the cache key, the file of a key.

nginx's key is its `$uri`, which is decoded, and the HLS delivery directives. The encoding is no part of it: the node
asks the origin for identity only, so there is one representation of each object.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from edge.cache.keys import BadTargetError, delivery_query, normal_path
from edge.cache.purge import path_of

KEY = "$uri|$arg__HLS_msn|$arg__HLS_part|$arg__HLS_skip"
DIRECTIVES = "$arg__HLS_msn|$arg__HLS_part|$arg__HLS_skip"
_NAMES = ("_HLS_msn", "_HLS_part", "_HLS_skip")
_LITERAL = "/:@!$&'()*+,;=~"  # stand in a path as they are; quote() adds letters, digits and -._

# Fields that the node adds to its answers for nginx, which stores them and hides them from viewers.
FILL = "Edge-Fill"
CONTROL = "Edge-Control"
DETAIL = "Edge-Detail"
TAGS = "Surrogate-Key"
# Fields that nginx adds to its requests.
VIEWER = "Edge-Viewer"
ASKED = "Edge-Asked"


class Folder(NamedTuple):
    """The folder that nginx and the node share."""

    root: Path

    @property
    def cache(self) -> Path:
        """Of nginx's cache; nginx removes what it does not know there."""
        return self.root / "cache"

    @property
    def log(self) -> Path:
        """What nginx writes and the node reads."""
        return self.root / "access.log"

    @property
    def flags(self) -> Path:
        """Of files that nginx looks for at each request."""
        return self.root / "flags"

    def file(self, name: str) -> Path:
        """Where nginx keeps the object of a file's name (levels=1:2)."""
        return self.cache / name[-1] / name[-3:-1] / name


def directives_of(key: str) -> str:
    """The delivery directives of the node's key as nginx writes them: msn|part|skip."""
    given = dict(pair.partition("=")[::2] for pair in key.partition("?")[2].split("&"))
    return "|".join(given.get(name, "") for name in _NAMES)


def nginx_key(key: str) -> bytes:
    """nginx's key of the object that the node keeps under `key`."""
    return unquote_to_bytes(path_of(key)) + b"|" + directives_of(key).encode()


def file_name(key: str) -> str:
    """The name of nginx's file of the node's `key`."""
    return hashlib.md5(nginx_key(key), usedforsecurity=False).hexdigest()


def own_key(given: bytes) -> str:
    """The node's key of what nginx keeps under `given`; empty where it is none of the node's."""
    path, *directives = given.rsplit(b"|", 3)
    if len(directives) != 3:
        return ""
    query = "&".join(
        f"{name}={value.decode('latin-1')}" for name, value in zip(_NAMES, directives, strict=True)
    )
    try:
        return normal_path(raw_path(path)) + delivery_query(query)
    except BadTargetError:
        return ""


def raw_path(decoded: bytes | str) -> str:
    """The raw path of a decoded one, in its normal form."""
    return quote(decoded, safe=_LITERAL)


def is_plain(path: str) -> bool:
    """Whether no other normal path is the same to nginx, which decodes: /a%2Fb would be stored as /a/b."""
    return raw_path(unquote_to_bytes(path)) == path
