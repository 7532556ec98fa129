"""`ClusterView`: the one immutable snapshot that routing, HTTP, metrics and the page read.

Built lazily, at most once per change. Equal views give equal decisions.
"""

from dataclasses import dataclass

from edge.model import Load, Member, Quality, Status, TopSegments
from edge.state.reports import Report

LOSS_BORNE = 0.05  # share of probes unanswered that is put down to chance


@dataclass(frozen=True, slots=True)
class Link:
    """What this node's own probes say of the way to another."""

    rtt_s: float  # smoothed round-trip time (RFC 6298)
    loss: float  # smoothed share of direct probes without an answer, 0–1
    clock_ahead_s: float = 0.0  # its wall clock minus this node's, as probes measure it
    doubt: float = 0.0  # how surprising its silence was when the view was made, 0–1 (`edge.gossip.detector`)


@dataclass(frozen=True, slots=True)
class NodeView:
    """All that is held of one node."""

    member: Member
    load: Report[Load] | None = None
    top: Report[TopSegments] | None = None
    link: Link | None = None  # none for the node itself and before the first answer
    quality: Report[Quality] | None = None  # what its viewers see
    reputation: int = 100  # how far this node believes it, by its own evidence, 0-100
    quarantined: bool = False  # shunned, for what it tells is not so

    @property
    def name(self) -> str:
        """The member's name."""
        return self.member.name

    @property
    def alive(self) -> bool:
        """Held alive: neither suspect nor unreachable nor gone."""
        return self.member.status is Status.ALIVE

    @property
    def ratio(self) -> float:
        """Streams over capacity; 0 while no load is known."""
        return self.load.value.ratio if self.load else 0.0

    @property
    def level(self) -> int:
        """Its level of degradation; 0 while no load is known."""
        return self.load.value.level if self.load else 0

    @property
    def trust(self) -> float:
        """Weight for routing: 1, and less when its silence surprises, or the way to it loses.

        The first counts from half of what would be an alarm on, the second from `LOSS_BORNE` on.
        """
        if self.link is None:
            return 1.0
        way = 1.0 if self.link.loss <= LOSS_BORNE else 1.0 - self.link.loss
        return min(1.0, 2 * (1 - self.link.doubt)) * way

    @property
    def takes_viewers(self) -> bool:
        """Whether new viewers may be sent there: alive, reachable by them, believed, healthy and made for viewers."""
        healthy = self.load is None or (self.load.value.health > 0 and self.load.value.capacity > 0)
        return self.alive and healthy and not self.quarantined and bool(self.member.public)


@dataclass(frozen=True, slots=True)
class Partition:
    """A cut of the cluster as one node sees it from its side: its island and whom it has lost."""

    ident: str  # names this partition in events and logs of this node
    since: float  # when it was declared, the core's monotonic time
    island: tuple[str, ...]  # names of members that are reached, this node among them, in order
    lost: tuple[str, ...]  # names of members that are not, in order
    lost_zones: tuple[tuple[str, int], ...]  # how many of each zone are lost, in order of zone
    settled: bool  # whether nobody more was lost for a while: at first an island looks larger than it is
    majority: bool  # whether it is settled and the island holds more than half of the members known before


@dataclass(frozen=True, slots=True)
class ClusterView:
    """The cluster as `self_name` holds it, nodes in order of name."""

    version: int
    self_name: str
    nodes: tuple[NodeView, ...]
    partition: Partition | None = None  # while the cluster is cut

    @property
    def alive(self) -> tuple[NodeView, ...]:
        """Nodes held alive."""
        return tuple(one for one in self.nodes if one.alive)

    def node(self, name: str) -> NodeView | None:
        """The node called `name`."""
        return next((one for one in self.nodes if one.name == name), None)

    def hot(self, count: int = 10) -> tuple[tuple[str, float, int], ...]:
        """Hottest paths of the cluster: path, requests a second in sum, and how many nodes name it."""
        rates: dict[str, list[float]] = {}
        for one in self.alive:
            for segment in one.top.value if one.top else ():
                rates.setdefault(segment.path, []).append(segment.rate)
        summed = [(path, sum(each), len(each)) for path, each in rates.items()]
        return tuple(sorted(summed, key=lambda entry: (-entry[1], entry[0]))[:count])
