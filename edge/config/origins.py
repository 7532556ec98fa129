"""Settings of the origins: which there are, and how they are judged.

`cache.origin` names one. `cache.origins` names several, each as `http(s)://host:port;priority=1;weight=2`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from msgspec import Meta

from edge.model import ConfigError

FIELD = "cache.origins"
ORIGIN_URL = r"^https?://[^/\s]+/?$"
PRIORITY_MAX = 100
WEIGHT_MAX = 1000
_EXAMPLE = "write http(s)://host:port;priority=1;weight=2"


class OriginServer(NamedTuple):
    """One origin."""

    url: str  # http(s)://host:port, without a trailing slash
    priority: int = 1  # the lowest that has a usable origin is asked
    weight: int = 1  # its share of the paths among those of its priority

    @property
    def name(self) -> str:
        """The URL without user and password, for people and metrics."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginConfig:
    """How origins are judged, by the fills that they answer and, where a path is given, by asking them."""

    check_path: Annotated[
        str,
        Meta(
            max_length=1024,
            pattern=r"^(/[!-~]*)?$",
            description="Path that each origin is asked for every few seconds; 200 to 399 is well. Empty: none is.",
        ),
    ] = ""
    check_s: Annotated[
        float, Meta(ge=0.05, le=600, description="Pause between two such checks, ± 10%, seconds.")
    ] = 5
    check_timeout_s: Annotated[
        float, Meta(ge=0.05, le=60, description="A check that is not answered in this time failed, seconds.")
    ] = 2
    failures: Annotated[
        int,
        Meta(
            ge=1,
            le=100,
            description="Fills or checks that fail in a row until an origin is asked no more while others do.",
        ),
    ] = 3
    pause_min_s: Annotated[
        float,
        Meta(ge=0.05, le=60, description="First pause until it is tried again, with one request, seconds."),
    ] = 1
    pause_max_s: Annotated[
        float,
        Meta(ge=0.05, le=600, description="Greatest pause; it doubles with each trial in vain, seconds."),
    ] = 30


def origin_servers(single: str, several: Sequence[str]) -> tuple[OriginServer, ...]:
    """The origins that `cache.origin` and `cache.origins` name; at least one.

    Raises:
        ConfigError: an entry that cannot be read, or one that is there twice.
    """
    found = [_read(entry, f"{FIELD}[{index}]") for index, entry in enumerate(several)]
    known: dict[str, int] = {}
    for index, one in enumerate(found):
        if (first := known.setdefault(one.name, index)) != index:
            raise ConfigError(f"{FIELD}[{index}]", f"{one.name} is {FIELD}[{first}], too", "name each once")
    return tuple(found) or (OriginServer(single.rstrip("/")),)


def _read(entry: str, where: str) -> OriginServer:
    url, *options = (part.strip() for part in entry.split(";"))
    if not re.match(ORIGIN_URL, url):
        raise ConfigError(where, f"{url!r} is no origin", _EXAMPLE)
    given: dict[str, int] = {}
    for option in options:
        name, _, value = option.partition("=")
        greatest = {"priority": PRIORITY_MAX, "weight": WEIGHT_MAX}.get(name)
        if greatest is None:
            raise ConfigError(where, f"{option!r} is unknown", _EXAMPLE)
        if name in given:
            raise ConfigError(where, f"{name} is given twice", _EXAMPLE)
        if not (value.isascii() and value.isdigit() and 1 <= int(value) <= greatest):
            raise ConfigError(where, f"{option!r} does not fit", f"{name} is a number from 1 to {greatest}")
        given[name] = int(value)
    return OriginServer(url.rstrip("/"), **given)
