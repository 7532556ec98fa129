"""What one step changed at one node: the checkers look at that and at nothing else, so they cost little."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from edge.gossip import GossipNode
from edge.gossip.accusers import PENDING_MAX
from edge.gossip.bulk import CANDIDATES_MAX
from edge.gossip.core import Core
from edge.gossip.events import _HISTORY
from edge.gossip.probe import RELAYS_MAX, ZONES_MAX
from edge.gossip.serving import AT_ONCE
from edge.gossip.storm import SENDERS_MAX
from edge.model import Durable, EventKind, Load, Member, TopSegments
from edge.state.events import EventLog, Held
from edge.state.reports import Report, ReportTable
from loadtest.sim.world import Host

_SESSIONS_MAX = 8192
_TIMERS_PER_MEMBER = 16
_TIMERS = 256


def core_of(node: GossipNode) -> Core:
    """A node's tables. The product hides them from its users; a checker must see them."""
    return node._core


def log_of(node: GossipNode) -> EventLog:
    """A node's durable events."""
    return node._events._log


class EventChange(NamedTuple):
    """What is held of one key, before and after; None: nothing."""

    before: Durable | None
    after: Durable | None


class ReportChange(NamedTuple):
    """A report of load or popularity that replaced an older one, or none."""

    table: str
    node: str
    before: Report[Any] | None
    after: Report[Any]


class Step(NamedTuple):
    """What changed at one host since its last step."""

    host: Host
    node: GossipNode
    members: list[tuple[Member | None, Member]]
    lost: list[str]  # members that are no longer held
    reports: list[ReportChange]
    events: list[EventChange]
    told: Report[Load] | None  # what the node said of its own load, if it said something
    unreached: list[str]  # members of which it knew more acknowledged before


class Observer:
    """Compares one process with what it was after its last step.

    Args:
        host: where it runs.
        node: the process.
        since: when it was seen first, virtual seconds.
    """

    def __init__(self, host: Host, node: GossipNode, since: float) -> None:
        self._host = host
        self.node = node
        self.since = since
        self._members: dict[str, Member] = {}
        self._version = -1
        self._reports = -1
        self._loads: dict[str, Report[Load]] = {}
        self._tops: dict[str, Report[TopSegments]] = {}
        self._events: dict[tuple[EventKind, str], Held] = {}
        self._told: Report[Load] | None = None
        self._reached: dict[str, int] = {}

    def step(self) -> Step:
        """What changed, and remember it."""
        core = core_of(self.node)
        members: list[tuple[Member | None, Member]] = []
        lost: list[str] = []
        if core.members.version != self._version:
            self._version = core.members.version
            held = {peer.member.name: peer.member for peer in core.members.peers()}
            before = self._members.get
            members = [(before(name), one) for name, one in held.items() if before(name) is not one]
            lost = [name for name in self._members if name not in held]
            self._members = held
        reports: list[ReportChange] = []
        if self.node._reports != self._reports:
            self._reports = self.node._reports
            reports = [ReportChange("load", *one) for one in _changes(self._loads, core.loads)]
            reports += [ReportChange("top", *one) for one in _changes(self._tops, core.tops)]
        said = core.loads.get(self._host.name)
        told, self._told = said if said is not self._told else None, said
        events, unreached = self._event_changes(), self._unreached()
        return Step(self._host, self.node, members, lost, reports, events, told, unreached)

    def unchanged(self) -> bool:
        """Whether nothing has changed since the last step, and nothing waits to be sent."""
        step = self.step()
        changed = step.members or step.lost or step.reports or step.events or step.told
        return not (changed or self.node._outbox._direct)

    def _event_changes(self) -> list[EventChange]:
        """Durable events in the order of their coming, then those that are gone."""
        held, before = log_of(self.node)._held, self._events
        if held == before:
            return []
        changes = []
        for key, one in held.items():
            known = before.get(key)
            if known != one:
                changes.append(EventChange(known.event if known else None, one.event))
        changes += [EventChange(one.event, None) for key, one in before.items() if key not in held]
        self._events = dict(held)
        return changes

    def _unreached(self) -> list[str]:
        """A member that is held no more is forgotten here too."""
        reached, before = self.node._events._reached, self._reached
        if reached == before:
            return []
        members = core_of(self.node).members
        self._reached = dict(reached)
        return [
            name
            for name, serial in before.items()
            if reached.get(name, -1) < serial and members.get(name) is not None
        ]


def _changes(
    before: dict[str, Report[Any]], table: ReportTable[Any]
) -> list[tuple[str, Report[Any] | None, Report[Any]]]:
    """Reports that are not the ones in `before`, which is brought up to date."""
    held, known = table._held, before.get
    changed = [(name, known(name), report) for name, report in held.items() if known(name) is not report]
    for name, _, report in changed:
        before[name] = report
    if len(before) > len(held):
        for name in [name for name in before if name not in held]:
            del before[name]
    return changed


def sizes(node: GossipNode, names: int, processes: int) -> Iterator[tuple[str, int, int]]:
    """Every table of a node: its name, its size, and its bound.

    Args:
        node: the node.
        names: how many names there are in the world: no table by name is larger, whatever its own bound.
        processes: how many processes have ever started: nobody else can have a session.
    """
    core, prober, durable = core_of(node), node._prober, node._events
    members_max, events_max = core.config.members_max, core.config.events_max
    members = len(core.members)
    accusers = core.config.suspicion_confirmations + 1
    yield "members", members, min(names, members_max)
    yield "loads", len(core.loads), min(names, members_max)
    yield "tops", len(core.tops), min(names, members_max)
    yield "qualities", len(core.qualities), min(names, members_max)
    yield "sessions", node.sessions, min(processes, _SESSIONS_MAX)
    yield "urgent queue", len(core.broadcasts.urgent), members * (1 + accusers) + events_max
    yield "regular queue", len(core.broadcasts.regular), names
    yield "quality queue", len(core.broadcasts.quality), names
    yield "bulk queue", len(core.broadcasts.bulk), names
    yield "events", len(core.events), 0  # taken after every step
    yield "suspicions", len(node._membership._suspicions), members
    yield "calls after the lost", len(node._contact._calls), members
    yield "probes", len(prober._probes), members
    yield "probed members", len(prober._in_flight), members
    yield "relays", len(prober._relays), RELAYS_MAX
    yield "zones", len(prober._zones), min(names, ZONES_MAX)
    yield "senders", len(core.storm._senders), SENDERS_MAX
    yield "durable events", len(durable._log), events_max
    yield "durable events to act on", len(durable._waiting), 0  # taken after every step
    yield "durable events acted on", len(durable._serials), events_max
    yield "bulk candidates", len(node.bulk._candidates), CANDIDATES_MAX
    yield "bulk answers", len(node.bulk_server._running), AT_ONCE
    yield "acknowledgements", len(durable._reached), names
    yield "past acknowledgements", len(durable._history), _HISTORY
    trust = node.trust
    yield "accusations", len(trust._accusers), PENDING_MAX
    yield "reputations", len(core.reputation._held), members
    yield "doubts of peers", len(core.reputation._heard), members
    yield "claims", len(trust._claims), min(names, members_max)
    yield "viewers sent", len(trust._dispatched._sent), names
    timers = _TIMERS + _TIMERS_PER_MEMBER * members + len(prober._relays)
    yield "timers", len(core.timers), timers
