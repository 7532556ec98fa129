"""Announced prewarming: an operator's word that a path will be watched from some time on.

It is a durable event of kind SCHEDULE. Its key says what and where, `prewarm:pune:/live/main.m3u8` or, for all zones,
`prewarm::/live/main.m3u8`; its body holds the time. A newer word on the same key takes the older one's place.
"""

from dataclasses import dataclass
from statistics import median

import msgspec
from msgspec import Struct

from edge.model import ConfigError, Count, Durable, EventKind
from edge.state.view import ClusterView

PREFIX = "prewarm:"
LATE_S = 600  # a node that hears of it later than so long after its time leaves it
_ZONE_MAX = 63


class _Body(Struct, frozen=True):
    at_ms: Count | None  # since 1970; none: withdrawn


@dataclass(frozen=True, slots=True)
class Announced:
    """One of them."""

    path: str
    zone: str  # whose nodes are to fetch it; empty: all
    at_ms: int | None  # from when on, milliseconds since 1970; none where it was withdrawn
    by: str = ""  # the node that accepted it; empty: its own settings

    @property
    def key(self) -> str:
        """Of its event."""
        return f"{PREFIX}{self.zone}:{self.path}"

    @property
    def body(self) -> str:
        """Of its event."""
        return msgspec.json.encode(_Body(self.at_ms)).decode()

    def is_over(self, wall_ms: int) -> bool:
        """Whether it is too late for it, or it was withdrawn."""
        return self.at_ms is None or wall_ms > self.at_ms + 1000 * LATE_S


def announced(path: str, zone: str, at_ms: int | None) -> Announced:
    """One as somebody asks for it.

    Raises:
        ConfigError: path or zone cannot be.
    """
    if not path.startswith("/") or path.startswith("//"):
        raise ConfigError("path", f"{path!r} is no path", "write an absolute one, e.g. /live/main.m3u8")
    if ":" in zone or len(zone.encode()) > _ZONE_MAX:
        raise ConfigError(
            "zone", f"{zone!r} does not fit", f"name one in at most {_ZONE_MAX} bytes, without colons"
        )
    return Announced(path, zone, at_ms)


def read(event: Durable) -> Announced | None:
    """What an event announces; None where that is nothing that this version understands."""
    if event.kind is not EventKind.SCHEDULE or not event.key.startswith(PREFIX):
        return None
    zone, _, path = event.key.removeprefix(PREFIX).partition(":")
    try:
        found = announced(path, zone, msgspec.json.decode(event.body, type=_Body).at_ms)
    except (msgspec.DecodeError, ConfigError):
        return None
    return Announced(found.path, found.zone, found.at_ms, event.origin)


def cluster_ahead_s(view: ClusterView) -> float:
    """How far the cluster's clock is ahead of this node's, seconds: all are to begin at one time (S30).

    The cluster's clock is the middle one of all living nodes', this one's among them: so all come to the same, where
    each would come to another one if it left itself out.
    """
    others = [one.link.clock_ahead_s for one in view.alive if one.link and one.name != view.self_name]
    return median([0.0, *others])
