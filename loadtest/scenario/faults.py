"""What goes wrong in a scenario, each from a time on."""

from typing import Annotated

from msgspec import Meta, Struct

from loadtest.scenario.events import Note, Share, Span, Time

Zones = Annotated[tuple[str, ...], Meta(min_length=1, max_length=64)]
Level = Annotated[int, Meta(ge=0, le=4)]


class Cut(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="cut"):
    """These zones reach each other, and nobody else; heals after `for_s`."""

    at_s: Time
    for_s: Span
    zones: Zones
    origin: bool = False  # whether the origin is on their side; else it is with the others
    note: Note = ""


class IspLoss(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="isp-loss"
):
    """Datagrams are lost: `losses` by provider, and by city where `zones` names it."""

    at_s: Time
    for_s: Span
    rise_s: Span = 60
    losses: dict[str, Share]
    zones: dict[str, Share] = {}
    note: Note = ""


class NodeKill(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="node-kill"
):
    """`share` of a zone's nodes, one at least, die at once, and are back after `for_s`."""

    at_s: Time
    for_s: Span
    zone: str
    share: Share = 0.0
    note: Note = ""


class OriginOutage(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="origin-outage"
):
    """No origin answers."""

    at_s: Time
    for_s: Span
    note: Note = ""


class RollingUpdate(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="rolling-update"
):
    """Every node drains, ends, and starts again under a new address with an empty cache, `at_once` at a time."""

    at_s: Time
    drain_s: Span = 8
    away_s: Span = 12
    at_once: Annotated[int, Meta(ge=1, le=1000)] = 1
    note: Note = ""


class PurgeStorm(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="purge-storm"
):
    """`per_s` purges of everything that is live, accepted in `zone`; with `for_s` of a second and 1, a single one."""

    at_s: Time
    for_s: Span
    zone: str
    per_s: Annotated[float, Meta(gt=0, le=1000)] = 1
    note: Note = ""


class Override(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="override"
):
    """An operator, in `zone`, sets the cluster's level of degradation for `for_s`."""

    at_s: Time
    for_s: Span
    zone: str
    level: Level
    note: Note = ""


Fault = Cut | IspLoss | NodeKill | OriginOutage | RollingUpdate | PurgeStorm | Override
