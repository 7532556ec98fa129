"""What a purge asks for, and what it hits: paths, prefixes of paths, and the tags that the origin gives its answers.

Pure: no clock, no store, no asyncio. `hits` is the definition; the index of the store only finds the same faster.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from edge.cache.keys import BadTargetError, normal_path
from edge.model import ConfigError

What = Literal["url", "prefix", "tag"]

KINDS: tuple[What, ...] = ("url", "prefix", "tag")
TAGS_MAX = 64  # of one object
TAG_MAX_BYTES = 128
_TAG = re.compile(rf"[\x21-\x2b\x2d-\x7e]{{1,{TAG_MAX_BYTES}}}")  # printable ASCII without space and comma
_SEPARATORS = {"surrogate-key": None, "cache-tag": ","}  # None: white space, however much
_SHOWN_CHARACTERS = 80  # of a wrong value, in the message about it


@dataclass(frozen=True, slots=True)
class Purge:
    """An order to forget, or to doubt, what is stored.

    Args:
        what: "url": one path with all its delivery variants; "prefix": every path that begins so, letter by letter
            (/live/v2 hits /live/v240/7.m4s; end it with a slash for a folder); "tag": what the origin tagged so.
        value: the raw path as a viewer asks for it, or the tag, in which upper and lower case differ. A path is kept
            in its normal form, so equal orders are equal values.
        soft: mark stale rather than remove.

    Raises:
        ConfigError: naming `purge.what` or `purge.<what>`.
    """

    what: What
    value: str
    soft: bool = False

    def __post_init__(self) -> None:
        if self.what not in KINDS:
            raise ConfigError(
                "purge.what", f"{_shown(self.what)} cannot be purged by", f"choose one of {', '.join(KINDS)}"
            )
        field = f"purge.{self.what}"
        if self.what != "tag":
            object.__setattr__(self, "value", _normal(field, self.value))
        elif not is_tag(self.value):
            hint = f"write 1 to {TAG_MAX_BYTES} printable ASCII characters without spaces and commas"
            raise ConfigError(field, f"{_shown(self.value)} is no tag", hint)


class Tags(NamedTuple):
    """The tags of one answer, each once, and how many more the origin gave than are kept."""

    kept: tuple[str, ...] = ()
    ignored: int = 0


def is_tag(text: str) -> bool:
    """Whether an object can be tagged so, and purged by it."""
    return _TAG.fullmatch(text) is not None


def path_of(key: str) -> str:
    """The path of a cache key, without delivery directives."""
    return key.partition("?")[0]


def matches_key(purge: Purge, key: str) -> bool:
    """Whether the key alone tells that its object is hit; a tag says nothing about keys."""
    if purge.what == "url":
        return path_of(key) == purge.value
    return purge.what == "prefix" and key.startswith(purge.value)


def matching(purge: Purge, keys: Iterable[str]) -> list[str]:
    """Those of `keys` that alone tell that their objects are hit, in their order."""
    if purge.what == "prefix":  # as matches_key, without a call for each of perhaps 100,000 keys
        return [key for key in keys if key.startswith(purge.value)]
    return [key for key in keys if matches_key(purge, key)]


def hits(purge: Purge, key: str, tags: Iterable[str]) -> bool:
    """Whether `purge` hits the object that is stored under `key` with these tags."""
    return purge.value in tags if purge.what == "tag" else matches_key(purge, key)


def tags_of(headers: Mapping[str, str]) -> Tags:
    """The tags in the origin's Surrogate-Key and Cache-Tag fields, also where a field comes several times.

    What is no tag, and what is beyond the bound, could never be purged by and is ignored.

    Args:
        headers: the origin's headers; a mapping with several values for a name gives them all by `items`.
    """
    kept: dict[str, None] = {}
    ignored = 0
    for tag in _written(headers):
        if tag in kept:
            continue
        if len(kept) < TAGS_MAX and is_tag(tag):
            kept[tag] = None
        else:
            ignored += 1
    return Tags(tuple(kept), ignored)


def says_tags(headers: Mapping[str, str]) -> bool:
    """Whether an answer has a field for tags; a 304 that has none leaves them as they were."""
    return any(name.lower() in _SEPARATORS for name in headers)


def _written(headers: Mapping[str, str]) -> Iterator[str]:
    for name, value in headers.items():
        lowered = name.lower()
        if lowered in _SEPARATORS:
            yield from filter(None, (part.strip() for part in value.split(_SEPARATORS[lowered])))


def _normal(field: str, path: str) -> str:
    try:
        return normal_path(path)
    except BadTargetError as error:
        hint = "write an absolute path as a viewer asks for it, without host and query, e.g. /live/v240/7.m4s"
        raise ConfigError(field, f"{_shown(path)} is no path: {error}", hint) from None


def _shown(value: str) -> str:
    return repr(value if len(value) <= _SHOWN_CHARACTERS else f"{value[:_SHOWN_CHARACTERS]}…")
