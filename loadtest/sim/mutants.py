"""Rules broken on purpose: a swarm that does not notice each of them is not worth its time.

A mutant patches production code for as long as its context lasts, in one process. The patches reach into private parts;
one that no longer fits its target fails with an error and is to be written anew.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar
from unittest import mock

from msgspec import structs

from edge.decide import routing
from edge.decide.routing import RouteAnswer, RouteQuery, layout, table
from edge.gossip.broadcast import Taken
from edge.gossip.events import Events
from edge.gossip.members import Change, MemberTable
from edge.gossip.membership import Membership
from edge.gossip.outbox import Outbox
from edge.gossip.partition import PartitionDetector
from edge.gossip.probe import Probe, Prober
from edge.gossip.publish import Publisher
from edge.gossip.suspicion import Suspicion
from edge.gossip.sync import Sync
from edge.model import Address, Durable, Member, Status
from edge.state.events import EventLog, HybridClock
from edge.state.reports import Report
from edge.state.view import ClusterView, NodeView
from edge.wire.compress import INFLATED_MAX_BYTES
from edge.wire.messages import Ack, Claim, Entries, LoadRow, Loads, Nack, Ping, Root, encode, join
from edge.wire.replay import ReplayWindow
from loadtest.sim.draw import SMALL, Size

LONG = Size((5, 8), (18.0, 24.0))  # time enough for a cut after which somebody is lost
PRESSED = Size((5, 8), (8.0, 12.0), 1.0)  # more durable events than logs hold
LARGE = Size((24, 24), (6.0, 7.0))  # more to tell than one datagram holds

_TABLE = MemberTable.__init__
_MERGE = MemberTable.merge
_LOADS = Publisher.loads
_SHARE = layout.share
_ROUTE = routing.route
_NACK = Prober.nack
_MERGE_EVENT = EventLog.merge
_HEARD = Events.heard
_NEXT = Events.next
_SEND = Outbox.send
_CALL = encode(Ping(0, "", "")).partition(b'"')[0]  # of all pings only calls bear no number


@dataclass(frozen=True, slots=True)
class Mutant:
    """A broken rule."""

    what: str
    noticed_by: tuple[str, ...]  # rules of checkers and demands, one of which must be violated
    target: Any
    attribute: str
    broken: Any
    size: Size = SMALL  # of scenarios in which it is noticed soon

    def patched(self) -> AbstractContextManager[Any]:
        """Production code with the rule broken."""
        return mock.patch.object(self.target, self.attribute, self.broken)


MUTANTS: dict[str, Mutant] = {}

Broken = TypeVar("Broken", bound=Callable[..., Any])


def _mutant(
    target: Any, attribute: str, *noticed_by: str, wrap: Any = None, size: Size = SMALL
) -> Callable[[Broken], Broken]:
    """Enter a function as the broken `attribute` of `target`; its name and its docstring are the mutant's."""

    def enter(broken: Broken) -> Broken:
        what, name = broken.__doc__ or "", broken.__name__.strip("_").replace("_", "-")
        patch = wrap(broken) if wrap else broken
        MUTANTS[name] = Mutant(what, noticed_by, target, attribute, patch, size)
        return broken

    return enter


@_mutant(MemberTable, "merge", "versions")
def _dead_beats_newer(self: MemberTable, member: Member, now: float) -> Change | None:
    """An old word of unreachability beats a newer word of life."""
    held = self.get(member.name)
    if held and member.status is Status.UNREACHABLE and held.member.status is Status.ALIVE:
        self.forget(member.name)
    return _MERGE(self, member, now)


@_mutant(MemberTable, "merge", "versions")
def _left_comes_back(self: MemberTable, member: Member, now: float) -> Change | None:
    """Any other word about the same incarnation beats that the member left."""
    held = self.get(member.name)
    if held and held.member.rank == (member.incarnation, Status.LEFT) and member.status is not Status.LEFT:
        self.forget(member.name)
    return _MERGE(self, member, now)


@_mutant(Membership, "_refute", "alarms")
def _refuted_without_counter(self: Membership, _incarnation: int, _status: Status, now: float) -> None:
    """A refutation does not raise the counter, so nobody believes it."""
    self._announce_me(now)


@_mutant(Membership, "suspect", "owners")
def _raised_by_others(self: Membership, name: str, now: float) -> None:
    """Whoever suspects a member raises its incarnation."""
    if peer := self._core.members.get(name):
        self.claim(Claim(name, peer.member.incarnation + 1, Status.SUSPECT, self._core.name), now)


@_mutant(Membership, "leave", "gone")
def _leave_untold(self: Membership, _now: float) -> None:
    """A member that leaves tells nobody."""
    self.leaving = True


@_mutant(Membership, "renew", "alarms", "tables", "loads", "storms")
def _past_self_not_outrun(_self: Membership, _generation: int, _now: float) -> None:
    """A process whose wall clock stepped back does not rise above its past self."""


@_mutant(Suspicion, "deadline", "gone", wrap=property)
def _suspected_for_ever(_self: Suspicion) -> float:
    """A suspect is never called unreachable."""
    return float("inf")


@_mutant(MemberTable, "__init__", "bounds")
def _table_without_bound(self: MemberTable, _members_max: int) -> None:
    """The member table takes in everybody."""
    _TABLE(self, 10**9)


@_mutant(Prober, "ping", "gone")
def _answers_for_another(self: Prober, message: Ping, source: Address, _now: float) -> None:
    """A process at a reused address answers for the dead one that had it before."""
    self._core.outbox.send(source, encode(Ack(message.seq, message.target)))


@_mutant(Prober, "nack", "raised")
def _nack_for_no_probe(self: Prober, message: Nack, now: float) -> None:
    """A late nack, whose probe is over, is an error."""
    assert message.seq in self._probes
    _NACK(self, message, now)


@_mutant(Prober, "_end", "bounds")
def _probes_pile_up(self: Prober, probe: Probe) -> None:
    """A probe that is over stays in the table."""
    self._in_flight.pop(probe.name, None)
    if probe.timer:
        probe.timer.cancel()


@_mutant(PartitionDetector, "_close", "partitions", size=LONG)
def _never_healed(_self: PartitionDetector, _lost: list[Member], _now: float) -> None:
    """A partition is never over."""


@_mutant(Outbox, "send", "alarms", "tables", size=LONG)
def _lost_never_called(self: Outbox, address: Address, *messages: bytes) -> None:
    """Lost members are never called again, neither one by one nor across a cut."""
    if not any(one.startswith(_CALL) for one in messages):
        _SEND(self, address, *messages)


@_mutant(Sync, "root", "tables", "alarms")
def _no_anti_entropy(_self: Sync, _message: Root, _source: Address, _now: float) -> None:
    """Digests that differ lead to nothing."""


@_mutant(ReplayWindow, "accept", "replays")
def _replay_accepted(_self: ReplayWindow, _counter: int) -> bool:
    """A frame is opened as often as it comes."""
    return True


@_mutant(Outbox, "_pack", "datagrams", size=LARGE)
def _over_budget(self: Outbox, messages: list[bytes], start: int, address: Address) -> tuple[bytes, int]:
    """All that waits for a peer goes into one datagram, and all news with it."""
    news = self._broadcasts.take(INFLATED_MAX_BYTES // 2) if address in self._gossip else Taken()
    frame = self._sealer.seal(join(messages[start:] + self._broadcasts.messages(news)), address)
    self._broadcasts.sent(news)
    return frame, len(messages) - start


@_mutant(Publisher, "loads", "versions")
def _stale_load_wins(self: Publisher, message: Loads, now: float) -> int:
    """The load that came last is held, whatever its version."""
    held = self._core.loads._held
    for row in message.rows:
        if row.node != self._core.name and row.node in held and held[row.node].version > row.version:
            held[row.node] = Report(row.version, row.load, now, row.applied)
            return 1
    return _LOADS(self, message, now)


@_mutant(table, "share", "routing")
def _route_by_arrival(node: NodeView) -> float:
    """Routing depends on when a report came, which differs from node to node."""
    return float(_SHARE(node)) * (1 + (node.load.at % 1 if node.load else 0))


@_mutant(routing, "route", "routing")
def _no_answer_alone(view: ClusterView, query: RouteQuery, pending: Mapping[str, int]) -> RouteAnswer | None:
    """A node that is cut off from all others sends viewers nowhere."""
    return None if len(view.alive) == 1 else _ROUTE(view, query, pending)


@_mutant(EventLog, "_make_room", "lost", size=PRESSED)
def _purge_dropped_under_pressure(_self: EventLog, _event: Durable) -> bool:
    """A full log lets nothing go for a purge that comes."""
    return False


@_mutant(EventLog, "_make_room", "events", size=PRESSED)
def _oldest_goes_under_pressure(self: EventLog, _event: Durable) -> bool:
    """A full log lets the oldest event go, even if it is a purge."""
    oldest = min((one.event for one in self._held.values()), key=lambda one: one.at)
    self._drop((oldest.kind, oldest.key))
    return True


@_mutant(EventLog, "merge", "events", "acknowledged")
def _older_event_beats_newer(self: EventLog, event: Durable, wall_ms: int) -> bool:
    """The event that came last is held, whatever its date."""
    held = self.get(event.kind, event.key)
    if held is not None and event.rank < held.rank:
        self._drop((event.kind, event.key))
    return _MERGE_EVENT(self, event, wall_ms)


@_mutant(Events, "heard", "events")
def _event_changed_on_the_way(self: Events, event: Durable, source: Address, now: float) -> None:
    """A long body is cut short."""
    _HEARD(self, structs.replace(event, body=event.body[:100]), source, now)


@_mutant(HybridClock, "saw", "dates")
def _clock_does_not_follow(_self: HybridClock, _at: int) -> None:
    """A node whose clock is behind dates its events before those that it knows."""


@_mutant(Events, "heard", "acknowledged")
def _acknowledged_before_applied(self: Events, event: Durable, source: Address, now: float) -> None:
    """What comes in counts as acted on at once."""
    _HEARD(self, event, source, now)
    self.confirm(event, now)


@_mutant(Events, "acknowledged", "acknowledged")
def _any_load_acknowledges(self: Events, rows: list[LoadRow], _now: float) -> None:
    """A node that tells its load is taken to have acted on everything."""
    self._reached.update(dict.fromkeys([row.node for row in rows], self._serial))


@_mutant(Events, "acknowledged", "acknowledged")
def _acknowledgement_goes_back(self: Events, rows: list[LoadRow], _now: float) -> None:
    """A node that has said nothing known is taken to have acted on nothing."""
    for row in rows:
        self._reached[row.node] = self._history.get(row.applied, 0)


@_mutant(Events, "next", "acted")
def _acted_on_at_home_only(self: Events) -> Durable | None:
    """Only what was accepted here is handed to the application."""
    while event := _NEXT(self):
        if event.origin == self._core.name:
            return event
    return None


@_mutant(Sync, "_events", "lost", "tables")
def _no_replay_to_late_nodes(_self: Sync, _message: Entries) -> tuple[list[bytes], bytes]:
    """Who was away when an event was told never hears of it."""
    return [], b""
