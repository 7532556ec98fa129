"""What happens in a match, as viewers show it: each event moves the number of viewers from where it is.

Shares are of the scenario's peak. The defaults are the constants for a normalised match that published curves gave;
those that are only assumed say so, and a scenario that relies on one names it among its assumptions.
"""

from typing import Annotated

from msgspec import Meta, Struct

DAY_S = 86_400
Time = Annotated[float, Meta(ge=0, le=DAY_S)]
Span = Annotated[float, Meta(gt=0, le=DAY_S)]
Share = Annotated[float, Meta(ge=0, le=1)]
Note = Annotated[str, Meta(max_length=200)]


class Toss(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="toss"):
    """The first come, and stay as many through the lull that follows."""

    at_s: Time
    share: Share = 0.14
    over_s: Span = 600  # assumption
    note: Note = ""


class Innings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="innings"):
    """Play begins: a ramp, and then the slow rise of its body, until another event takes over."""

    at_s: Time
    share: Share = 0.45  # assumption
    over_s: Span = 1800
    body: Share = 0.55
    body_s: Span = 10_800
    note: Note = ""


class StarWalksIn(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="star-walks-in"
):
    """The crowd comes: steep at first, then slower, to `share` after `over_s` in all."""

    at_s: Time
    share: Share
    over_s: Span = 2580
    steepest_per_min: Share = 0.044  # of the peak
    steep_s: Span = 120
    note: Note = ""


class Wicket(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="wicket"):
    """Some leave at once. Where it ends the match, most others follow."""

    at_s: Time
    drop: Share = 0.26  # of those who watch
    over_s: Span = 120
    ends: bool = False
    rest: Share = 0.04
    rest_s: Span = 1200
    note: Note = ""


class Drinks(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="drinks"):
    """A dip, from which they come back."""

    at_s: Time
    drop: Share = 0.15  # assumption; of those who watch
    for_s: Span = 300
    note: Note = ""


class Rain(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="rain"):
    """Play stops, and most go."""

    at_s: Time
    drop: Share = 0.64  # of those who watch
    over_s: Span = 600  # assumption
    note: Note = ""


class PushNotice(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="push-notice"
):
    """Phones ring: log-in calls rise `burst` times within seconds, and the crowd comes to `share`."""

    at_s: Time
    share: Share
    over_s: Span = 180
    burst: Annotated[float, Meta(ge=1, le=1000)] = 12.5
    rise_s: Span = 10
    for_s: Span = 60  # assumption
    note: Note = ""


class LastOver(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="last-over"
):
    """One of the overs that decide: to `share`, evenly."""

    at_s: Time
    share: Share
    over_s: Span = 240
    note: Note = ""


class Crowd(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="crowd"):
    """Any other move: to `share`, evenly."""

    at_s: Time
    share: Share
    over_s: Span
    note: Note = ""


Event = Toss | Innings | StarWalksIn | Wicket | Drinks | Rain | PushNotice | LastOver | Crowd
