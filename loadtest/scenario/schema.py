"""A scenario as its file says it."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from loadtest.scenario.events import DAY_S, Event, Share, Span, Time
from loadtest.scenario.faults import Fault

Operator = Literal["<=", ">=", "=="]
Text = Annotated[str, Meta(min_length=1, max_length=400)]


class Rung(Struct, frozen=True, forbid_unknown_fields=True):
    """One rung of the bitrate ladder, and who is on it on a good day."""

    name: Annotated[str, Meta(min_length=1, max_length=20)]
    kbps: Annotated[float, Meta(gt=0, le=1_000_000)]
    share: Share


class Fleet(Struct, frozen=True, forbid_unknown_fields=True):
    """The nodes, spread over the cities by their shares of the audience."""

    nodes: Annotated[int, Meta(ge=1, le=5000)]
    capacity: Annotated[int, Meta(ge=1, le=10_000_000)]  # streams of one, on average


class Audience(Struct, frozen=True, forbid_unknown_fields=True):
    """Who watches, and how. The cities and their shares are those of the latency model."""

    peak: Annotated[float, Meta(gt=0, le=1e9)]  # viewers
    rung: Annotated[tuple[Rung, ...], Meta(min_length=1, max_length=12)]
    start: Share = 0.0  # of the peak, who are there when it begins
    session_s: Span = 2400  # mean of a viewer's stay: whoever leaves is followed by another; assumption
    segment_s: Annotated[float, Meta(ge=1, le=12)] = 4
    patience_s: Span = 120  # mean after which one who was refused gives up; assumption


class Source(Struct, frozen=True, forbid_unknown_fields=True):
    """Where figures come from."""

    what: Text
    where: Text


class Assumption(Struct, frozen=True, forbid_unknown_fields=True):
    """What nobody published: the field, and what it rests on."""

    field: Text
    why: Text


class Published(Struct, frozen=True, forbid_unknown_fields=True):
    """A figure that somebody published, which the curve must meet within 5%."""

    at_s: Time
    figure: Literal["viewers", "growth-per-min", "kbps-per-viewer"]
    value: Annotated[float, Meta(gt=0)]
    source: Text  # `where` of a source


class Expect(Struct, frozen=True, forbid_unknown_fields=True):
    """What a run must show."""

    figure: str  # one of `loadtest.scenario.figures`
    op: Operator
    value: float

    def holds(self, found: float) -> bool:
        """Whether a measured figure is as expected."""
        return {"<=": found <= self.value, ">=": found >= self.value, "==": found == self.value}[self.op]


class Scenario(Struct, frozen=True, forbid_unknown_fields=True):
    """One file."""

    title: Text
    for_s: Annotated[float, Meta(gt=0, le=DAY_S)]
    fleet: Fleet
    audience: Audience
    event: Annotated[tuple[Event, ...], Meta(min_length=1, max_length=200)]
    source: Annotated[tuple[Source, ...], Meta(min_length=1, max_length=50)]
    expect: Annotated[tuple[Expect, ...], Meta(min_length=1, max_length=50)]
    fault: Annotated[tuple[Fault, ...], Meta(max_length=50)] = ()
    assumption: Annotated[tuple[Assumption, ...], Meta(max_length=50)] = ()
    published: Annotated[tuple[Published, ...], Meta(max_length=50)] = ()
    name: str = ""  # the file's; not written in it
