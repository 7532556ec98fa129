"""Scheduled events: a match of which it is known when it begins, how many will watch, and what they will ask for.

It is a durable event of kind SCHEDULE with the key `event:NAME`, and any node accepts it. All nodes count towards its
start by the cluster's clock, so that they make ready together, whatever their own clocks say (S30).
"""

import re
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from edge.model import BODY_MAX_BYTES, ConfigError, Count, Durable, EventKind

PREFIX = "event:"
PATHS_MAX = 8
ZONES_MAX = 32
PEAK_MAX = 10**10
GROWTH_OF_PEAK = 0.044  # a minute: the steepest published growth, India–New Zealand 2019, 1.1 of 25.3 million
DURATION_S = 4 * 3600
DURATION_MAX_S = 2 * 86_400
_AGAIN_MS = 30_000  # an event's paths are looked after this often before its start
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")

Share = Annotated[float, Meta(gt=0, le=1)]


class _Body(Struct, frozen=True, omit_defaults=True):
    at_ms: Count | None  # since 1970; none: withdrawn
    peak: Count = 0
    growth: Count = 0
    for_s: Annotated[int, Meta(ge=1, le=DURATION_MAX_S)] = DURATION_S
    paths: Annotated[list[str], Meta(max_length=PATHS_MAX)] = []
    zones: Annotated[dict[str, Share], Meta(max_length=ZONES_MAX)] = {}


class Phase(Enum):
    """Where the cluster is with an event."""

    WAITS = "waits"
    NEAR = "near"  # the cluster makes ready
    ON = "on"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Scheduled:
    """One event."""

    name: str
    at_ms: int | None  # its start, milliseconds since 1970; none where it was withdrawn
    peak: int = 0  # viewers expected at a time
    growth_per_minute: int = 0  # viewers that come in its steepest minute
    duration_s: int = DURATION_S
    paths: tuple[str, ...] = ()  # raw
    zones: dict[str, float] = field(
        default_factory=dict
    )  # shares of its viewers; what is left is the others'
    by: str = ""  # the node that accepted it

    @property
    def key(self) -> str:
        """Of its durable event."""
        return PREFIX + self.name

    @property
    def body(self) -> str:
        """Of its durable event."""
        made = _Body(
            self.at_ms, self.peak, self.growth_per_minute, self.duration_s, list(self.paths), self.zones
        )
        return msgspec.json.encode(made).decode()

    @property
    def ends_ms(self) -> int:
        """When it is over, milliseconds since 1970."""
        return (self.at_ms or 0) + 1000 * self.duration_s

    def seconds_until(self, wall_ms: int) -> float:
        """Until its start, by the cluster's clock; negative from then on."""
        return ((self.at_ms or 0) - wall_ms) / 1000

    def phase(self, wall_ms: int, lead_s: float) -> Phase:
        """Where the cluster is with it.

        Args:
            wall_ms: the cluster's clock.
            lead_s: how long before its start the cluster makes ready.
        """
        if self.at_ms is None or wall_ms >= self.ends_ms:
            return Phase.OVER
        if wall_ms >= self.at_ms:
            return Phase.ON
        return Phase.NEAR if wall_ms >= self.at_ms - 1000 * lead_s else Phase.WAITS

    def turn(self, wall_ms: int, lead_s: float) -> int:
        """Which look after its paths is due: -1 none yet, then one each half a minute, and the last at its start.

        A stream that is not there yet some minutes before its event is found by a later one.
        """
        begins_ms, at_ms = self.turn_ms(0, lead_s), self.at_ms or 0
        if wall_ms < begins_ms:
            return -1
        if wall_ms >= at_ms:
            return -((begins_ms - at_ms) // _AGAIN_MS)
        return (wall_ms - begins_ms) // _AGAIN_MS

    def turn_ms(self, turn: int, lead_s: float) -> int:
        """When a look is due, milliseconds since 1970."""
        at_ms = self.at_ms or 0
        return min(at_ms, at_ms - int(1000 * lead_s) + turn * _AGAIN_MS)


def scheduled(made: Scheduled) -> Scheduled:
    """An event as somebody asks for it, checked.

    Raises:
        ConfigError: what of it cannot be.
    """
    if not _NAME.fullmatch(made.name):
        hint = "write at most 63 letters, digits and ._-, e.g. final"
        raise ConfigError("name", f"{made.name!r} is no name", hint)
    if not 0 <= made.peak <= PEAK_MAX or not 0 <= made.growth_per_minute <= PEAK_MAX:
        raise ConfigError("expected_peak", "is no number of viewers", "write e.g. 25000000")
    if not 1 <= made.duration_s <= DURATION_MAX_S:
        hint = f"write whole seconds from 1 to {DURATION_MAX_S}"
        raise ConfigError("duration_s", f"{made.duration_s!r} does not fit", hint)
    if len(made.paths) > PATHS_MAX:
        raise ConfigError("paths", f"are {len(made.paths)}", f"at most {PATHS_MAX} are told")
    if any(not path.startswith("/") or path.startswith("//") for path in made.paths):
        raise ConfigError("paths", "has one that is not absolute", "write e.g. /live/main.m3u8")
    _check_zones(made.zones)
    if len(made.body) > BODY_MAX_BYTES:
        hint = "name fewer paths or zones; a multivariant playlist leads to its renditions"
        raise ConfigError("event", f"has {len(made.body)} bytes of at most {BODY_MAX_BYTES}", hint)
    return made


def _check_zones(zones: dict[str, float]) -> None:
    if len(zones) > ZONES_MAX:
        raise ConfigError("zones", f"are {len(zones)}", f"at most {ZONES_MAX} are told")
    for zone, share in zones.items():
        if not 0 < share <= 1:
            hint = "write a share of the viewers above 0 and up to 1, e.g. mumbai=0.28"
            raise ConfigError("zones", f"has {zone}={share}", hint)
    if (whole := sum(zones.values())) > 1.001:
        raise ConfigError("zones", f"make {whole:.3g} of the viewers", "let shares sum up to 1 or less")


def read(event: Durable) -> Scheduled | None:
    """What an event schedules; None where that is nothing that this version understands."""
    if event.kind is not EventKind.SCHEDULE or not event.key.startswith(PREFIX):
        return None
    try:
        body = msgspec.json.decode(event.body, type=_Body)
        made = Scheduled(
            event.key.removeprefix(PREFIX),
            body.at_ms,
            body.peak,
            body.growth,
            body.for_s,
            tuple(body.paths),
            body.zones,
        )
        return replace(scheduled(made), by=event.origin)
    except (msgspec.DecodeError, ConfigError):
        return None
