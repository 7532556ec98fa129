"""What happens in one run, as frozen values: the `repr` of a scenario is the bug report, and evaluates to itself.

Nodes have numbers: number n is the host `edge-n`. Addresses have numbers too (slots); a host's first slot is its own
number. Nodes 0 to 2 are the seeds of all others, so the drawn scenarios let them neither go for good nor move.
"""

from dataclasses import dataclass

MEMBERS_MAX = 10_000
EVENTS_MAX = 1024
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Cut:
    """From `at_s` on, for `for_s`, what `left` sends to `right` is lost; the other way too, unless `one_way`."""

    at_s: float
    for_s: float
    left: tuple[int, ...]
    right: tuple[int, ...]
    one_way: bool = False


@dataclass(frozen=True, slots=True)
class Crash:
    """The process of `node` dies. It is back `back_s` seconds later, at the address `slot`; None: never."""

    at_s: float
    node: int
    back_s: float | None
    slot: int


@dataclass(frozen=True, slots=True)
class Leave:
    """`node` says goodbye and ends. It is back `back_s` seconds later, at its address; None: never."""

    at_s: float
    node: int
    back_s: float | None


@dataclass(frozen=True, slots=True)
class Join:
    """`node`, whose number is not among the first ones, starts late, at the address `slot`."""

    at_s: float
    node: int
    slot: int


@dataclass(frozen=True, slots=True)
class Pause:
    """The process of `node` stands still for `for_s`."""

    at_s: float
    for_s: float
    node: int


@dataclass(frozen=True, slots=True)
class Skew:
    """From `at_s` on the wall clock of `node` is `skew_s` ahead; the next process start takes notice."""

    at_s: float
    node: int
    skew_s: float


@dataclass(frozen=True, slots=True)
class Drift:
    """The monotonic clock of `node` counts `rate` seconds in a second."""

    node: int
    rate: float


@dataclass(frozen=True, slots=True)
class Create:
    """Durable events are asked of `node`, as an operator does it: of `key`, or of `key`/0, `key`/1 and so on.

    It is no fault, but has its date among them. Nothing comes of it where no process runs, or it stands still.
    """

    at_s: float
    node: int
    kind: str  # purge, schedule, override or user
    key: str
    count: int = 1
    ttl_s: int = DAY_S
    body_bytes: int = 0  # at least

    @property
    def keys(self) -> list[str]:
        """The key of each event."""
        return [f"{self.key}/{number}" for number in range(self.count)] if self.count > 1 else [self.key]


Fault = Cut | Crash | Leave | Join | Pause | Skew | Create


@dataclass(frozen=True, slots=True)
class Scenario:
    """All that one run depends on.

    Nothing drawn from `seed` is in the other fields: leave a fault out and the rest of the run stays alike.
    """

    seed: int
    nodes: int  # started at the beginning; late joiners have higher numbers
    duration_s: float  # of the safety phase; all faults end with it
    loss: float = 0.0  # share of datagrams
    duplication: float = 0.0  # share of datagrams that come twice
    reorder_s: float = 0.0  # one in ten is late by up to this much
    load_hz: float = 1.0  # changes of each node's load, a second
    members_max: int = MEMBERS_MAX  # bound of each node's member table
    events_max: int = EVENTS_MAX  # bound of each node's log of durable events
    acts_s: float = 0.0  # an application acts on an event up to so much later
    refuses: bool = False  # machines say so (ICMP) when a datagram's process is dead
    backup: bool = False  # every host has a second path
    drifts: tuple[Drift, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def hosts(self) -> int:
        """How many hosts there are: the first ones, the late joiners', and whichever else a fault names."""
        named = [self.nodes - 1]
        for fault in self.faults:
            named += (*fault.left, *fault.right) if isinstance(fault, Cut) else (fault.node,)
        return max(named) + 1

    @property
    def crowded(self) -> bool:
        """Whether the member tables are too small for the cluster: then nobody can know everybody."""
        return self.members_max < self.hosts

    @property
    def pressed(self) -> bool:
        """Whether the logs are too small for all events that are asked for: then not all can be held everywhere."""
        asked = [one for one in self.faults if isinstance(one, Create)]
        return self.events_max < len({(one.kind, key) for one in asked for key in one.keys})
