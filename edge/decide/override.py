"""Overrides: an operator's word on the level of a node, a zone or the cluster, until a stated end.

An override is a durable event of kind OVERRIDE. Its key says whom it is about, `monsoon/cluster`, `monsoon/zone/pune`
or `monsoon/node/edge-3`; its body holds the level and the real end, for an event lives at least as long as the one
whose place it takes. The most specific one that is not over counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from edge.model import ConfigError, Count, Durable, EventKind

PREFIX = "monsoon/"
LEVEL_MAX = 4
SCOPES = ("node", "zone", "cluster")  # the most specific first
_NAME_MAX = 63


class _Body(Struct, frozen=True):
    level: Annotated[int, Meta(ge=0, le=LEVEL_MAX)] | None  # none: withdrawn, the less specific ones count
    until_ms: Count  # since 1970


@dataclass(frozen=True, slots=True)
class Override:
    """One operator's word."""

    scope: str  # node, zone or cluster
    name: str  # of the node or the zone; empty for the cluster
    level: int | None  # 0–4; none where it was withdrawn
    until_ms: int  # when it is over, milliseconds since 1970
    by: str = ""  # the node that accepted it

    @property
    def key(self) -> str:
        """Of its event."""
        return f"{PREFIX}{self.scope}/{self.name}" if self.name else f"{PREFIX}{self.scope}"

    @property
    def body(self) -> str:
        """Of its event."""
        return msgspec.json.encode(_Body(self.level, self.until_ms)).decode()

    @property
    def about(self) -> str:
        """Whom it is about, in words."""
        return f"{self.scope} {self.name}" if self.name else f"the {self.scope}"

    def counts(self, wall_ms: int) -> bool:
        """Whether it forces a level at `wall_ms`, milliseconds since 1970."""
        return self.level is not None and wall_ms < self.until_ms


def named(scope: str, name: str, level: int | None, until_ms: int) -> Override:
    """An override as somebody asks for it.

    Raises:
        ConfigError: there is no such scope or level, or the name is missing, needless or too long.
    """
    if scope not in SCOPES:
        raise ConfigError("scope", f"{scope!r} is none", f"write one of {', '.join(SCOPES)}")
    if (scope == "cluster") != (not name) or len(name.encode()) > _NAME_MAX:
        hint = (
            "the cluster has none"
            if scope == "cluster"
            else f"name one {scope}, in at most {_NAME_MAX} bytes"
        )
        raise ConfigError("name", f"{name!r} does not fit", hint)
    if level is not None and not 0 <= level <= LEVEL_MAX:
        raise ConfigError("level", f"{level} does not fit", f"write 0 to {LEVEL_MAX}")
    return Override(scope, name, level, until_ms)


def read(event: Durable) -> Override | None:
    """The override that an event carries; None where it carries none that this version understands."""
    if event.kind is not EventKind.OVERRIDE or not event.key.startswith(PREFIX):
        return None
    scope, _, name = event.key.removeprefix(PREFIX).partition("/")
    try:
        body = msgspec.json.decode(event.body, type=_Body)
        found = named(scope, name, body.level, body.until_ms)
    except (msgspec.DecodeError, ConfigError):
        return None
    return Override(found.scope, found.name, found.level, found.until_ms, event.origin)


def active(overrides: Iterable[Override], node: str, zone: str, wall_ms: int) -> Override | None:
    """The one that counts for a node of a zone at `wall_ms`, milliseconds since 1970."""
    names: Mapping[str, str] = {"node": node, "zone": zone, "cluster": ""}
    mine = [one for one in overrides if one.counts(wall_ms) and names[one.scope] == one.name]
    return min(mine, key=lambda one: SCOPES.index(one.scope), default=None)
