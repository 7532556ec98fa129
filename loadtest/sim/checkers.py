"""The invariants of PROTOCOL.md, looked at after every step of every node.

`durable` has those of durable events, `liveness` those of the end.
"""

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import NamedTuple

from msgspec import structs

from edge.decide import routing
from edge.decide.routing import layout
from edge.model import Member, Status, generation_of
from edge.state.view import ClusterView, Link, NodeView
from loadtest.sim.observe import ReportChange, Step, core_of, sizes
from loadtest.sim.world import World

_ROUTE_EVERY = 8  # steps with a change, of one host; a decision costs as much as the step itself
_BOUNDS_EVERY = 7  # steps of all hosts
_STORM = 200  # datagrams a second of one node; the most seen are 90 among five hosts,
_STORM_PER_HOST = 20  # and 520 among 59
_PATHS = 5
_DECISIONS_MAX = 4096


class Violation(NamedTuple):
    """An invariant that did not hold."""

    phase: str  # safety or liveness
    rule: str
    at_s: float  # virtual seconds since the start
    node: str
    text: str

    def __str__(self) -> str:
        return f"{self.phase} violation of {self.rule!r} at {self.at_s:.3f} s, {self.node}: {self.text}"


class ViolationError(Exception):
    """Ends a run at its first violation."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(violation)
        self.violation = violation


class Checker(ABC):
    """One invariant. It says what is wrong in a few words, or nothing."""

    rule = ""

    @abstractmethod
    def stepped(self, step: Step) -> str:
        """Look at the host that was just touched."""


class Versions(Checker):
    """Versions never go back: rank of a member, version of a load and of a popularity, at each process.

    The reports of a member's newer process begin anew: `Membership` forgets those of the older one.
    """

    rule = "versions"

    def __init__(self) -> None:
        self._newest: dict[tuple[str, int, str, str], tuple[int, int]] = {}

    def stepped(self, step: Step) -> str:
        """Compare what changed with what was there before."""
        if step.lost:
            return f"no longer holds {', '.join(step.lost)}"
        for before, after in step.members:
            if before and _rank(after) < _rank(before):
                return f"held {_told(before)} and now holds {_told(after)}"
        for change in step.reports:
            if wrong := self._fell(step, change):
                return wrong
        return ""

    def _fell(self, step: Step, change: ReportChange) -> str:
        """Across a time in which the report was not held at all, too."""
        held = core_of(step.node).members.get(change.node)
        if held is None:
            return ""  # it came before the record of its node; it may be dropped, and come again
        key = (step.host.name, step.host.starts, change.table, change.node)
        version = (generation_of(held.member.incarnation), change.after.version)
        if version < self._newest.get(key, version):
            return f"{change.table} of {change.node} fell from {self._newest[key]} to {version}"
        self._newest[key] = version
        return ""


class Owners(Checker):
    """Only the owner raises its incarnation: nobody holds one that the owner never had.

    A process may refute twice in one step; of the counters of a generation only the last is seen here, so those below
    it count as had.
    """

    rule = "owners"

    def __init__(self) -> None:
        self._had: dict[tuple[str, int], int] = {}

    def stepped(self, step: Step) -> str:
        """Own records say what was had; all others must be among that."""
        own = [after for _, after in step.members if after.name == step.host.name]
        for member in own:
            process = (member.name, generation_of(member.incarnation))
            self._had[process] = max(self._had.get(process, -1), member.incarnation)
            if member.status not in (Status.ALIVE, Status.LEFT):
                return f"calls itself {member.status.name.lower()}"
        for _, member in step.members:
            had = self._had.get((member.name, generation_of(member.incarnation)), -1)
            if member.incarnation > had:
                return f"holds {_told(member)}, an incarnation its owner never had"
        return ""


class Bounds(Checker):
    """Every table is bounded. A look at all of them costs half a step, so it is not taken at every one."""

    rule = "bounds"

    def __init__(self, world: World) -> None:
        self._world = world
        self._steps = 0

    def stepped(self, step: Step) -> str:
        """Now and then, look at the size of every table."""
        self._steps += 1
        if self._steps % _BOUNDS_EVERY:
            return ""
        hosts = self._world.hosts
        processes = sum(host.starts for host in hosts.values())
        for table, size, bound in sizes(step.node, len(hosts), processes):
            if size > bound:
                return f"{table}: {size}, at most {bound}"
        return ""


class Storms(Checker):
    """No node sends more datagrams in a second than a fixed number, and some for each host there is."""

    rule = "storms"

    def __init__(self, world: World) -> None:
        self._world = world
        self._begun: dict[str, tuple[int, int]] = {}

    def stepped(self, step: Step) -> str:
        """Compare what was sent with what had been sent when the second began."""
        second = int(self._world.now)
        sent = step.node.counters.datagrams_sent
        before = self._begun.get(step.host.name)
        if before is None or before[0] != second or before[1] > sent:  # a new second, or a new process
            self._begun[step.host.name] = (second, sent)
            return ""
        bound = _STORM + _STORM_PER_HOST * len(self._world.hosts)
        if sent - before[1] > bound:
            return f"sent {sent - before[1]} datagrams in this second, at most {bound}"
        return ""


class Routes(Checker):
    """Routing answers while the own node takes viewers, with one that takes them; equal views give equal decisions.

    Views are equal when members, their loads, the trust in them, and the order of zones by distance are: when a report
    came, and how far a node is to the millisecond, belong to the observer alone.
    """

    rule = "routing"

    def __init__(self) -> None:
        self._steps: dict[str, int] = {}
        self._decisions: dict[tuple[object, ...], str] = {}

    def stepped(self, step: Step) -> str:
        """Now and then, ask where a viewer goes."""
        if not (step.members or step.reports):
            return ""
        count = self._steps[step.host.name] = self._steps.get(step.host.name, 0) + 1
        if count % _ROUTE_EVERY:
            return ""
        view = step.node.view()
        own = view.node(step.host.name)
        zone = step.host.place.city if count % 3 else ""
        query = routing.RouteQuery(f"/live/{count % _PATHS}.m4s", zone)
        answer = routing.route(view, query, {})
        if own and own.takes_viewers and answer is None:
            return "no answer, though the own node takes viewers"
        chosen = view.node(answer.node) if answer else None
        if answer and not (chosen and chosen.takes_viewers):
            return f"sends viewers to {answer.node}, which takes none"
        return self._differs(view, query, answer.node if answer else "nobody")

    def _differs(self, view: ClusterView, query: routing.RouteQuery, node: str) -> str:
        shared = replace(view, version=0, nodes=tuple(_shared(one) for one in view.nodes))
        again = routing.route(shared, query, {})
        if (again.node if again else "nobody") != node:
            return f"chose {node} by what only this node can know"
        loads = tuple((one.load.value if one.load else None, one.trust) for one in shared.nodes)
        near = str(layout.ways_of(view))
        key = (query, tuple((one.name, *_rank(one.member)) for one in shared.nodes), loads, near)
        if len(self._decisions) >= _DECISIONS_MAX:
            self._decisions.clear()
        before = self._decisions.setdefault(key, node)
        return "" if before == node else f"chose {node} where an equal view chose {before}"


def _rank(member: Member) -> tuple[int, int]:
    """Not `Member.rank`, which a mutant may break."""
    return (member.incarnation, int(member.status))


def _told(member: Member) -> str:
    return f"{member.name} {member.status.name.lower()} in {member.incarnation:#x}"


def _shared(one: NodeView) -> NodeView:
    """A node without what may not matter."""
    link = Link(one.link.rtt_s, one.link.loss, 0.0, one.link.doubt) if one.link else None
    return replace(one, link=link, load=structs.replace(one.load, at=0.0) if one.load else None, top=None)
