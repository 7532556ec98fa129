"""Invariants of durable events, looked at after every step of every node: what is held, dated, and acknowledged.

What was accepted and acted on, the checkers have from the ledger and not from the nodes.
"""

from edge.model import Durable, EventKind
from edge.state.events import digest_of
from loadtest.sim.checkers import Checker
from loadtest.sim.ledger import Ledger, Process, rank
from loadtest.sim.observe import EventChange, Step, core_of, log_of
from loadtest.sim.world import World

_REACHED_EVERY = 8  # steps with something new, of one host
_APPLIED_MASK = (1 << 32) - 1  # of an acknowledgement as it is told


class LastWriter(Checker):
    """An event never changes, is of somebody who accepted it, and goes only for a newer one or when its time is over.

    A log that is full may let users' events and schedules go, never purges and overrides. What has given way to a newer
    event does not come back when that one is over; what the newer one's acceptor had not heard of may still come.
    """

    rule = "events"

    def __init__(self, world: World, ledger: Ledger) -> None:
        self._world = world
        self._ledger = ledger
        self._newest: dict[tuple[Process, EventKind, str], Durable] = {}

    def stepped(self, step: Step) -> str:
        """Compare what changed with what was there before, and enter it in the ledger."""
        for change in step.events:
            if wrong := self._wrong(step, change):
                return wrong
            if change.before:
                self._ledger.lets_go(step.host, change.before)
            if change.after:
                self._ledger.holds(step.host, change.after)
        return ""

    def _wrong(self, step: Step, change: EventChange) -> str:
        before, after = change
        if after is None:
            return self._lost(step, before) if before else ""
        if after not in self._ledger.accepted:
            return f"holds {_told(after)}, which nobody has accepted"
        if before and rank(after) < rank(before):
            return f"held {_told(before)} and now holds {_told(after)}"
        key = ((step.host.name, step.host.starts), after.kind, after.key)
        newest = self._newest.get(key, after)
        if self._ledger.replaced(after, newest):
            return f"took {_told(after)}, though it had {_told(newest)} in its place"
        self._newest[key] = max(newest, after, key=rank)
        return ""

    def _lost(self, step: Step, event: Durable) -> str:
        core, log = core_of(step.node), log_of(step.node)
        wall_ms = int((step.host.local(self._world.now) + core.wall_offset_s) * 1000)
        key = ((step.host.name, step.host.starts), event.kind, event.key)
        newer = [
            one
            for one in self._ledger.accepted
            if (one.kind, one.key) == (event.kind, event.key) and rank(one) > rank(event)
        ]
        if any(one.expires_ms <= wall_ms for one in (event, *newer)):
            return ""  # its time is over, or that of what takes its place: it does not outlive that
        if len(log) >= core.config.events_max and event.kind in (EventKind.USER, EventKind.SCHEDULE):
            del self._newest[key]  # whatever comes of it again, it knows no better
            return ""
        return f"no longer holds {_told(event)}"


class Dates(Checker):
    """Hybrid clocks are monotone: what a process accepts is dated after all that it has known before."""

    rule = "dates"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._last: dict[Process, int] = {}
        self._seen: dict[Process, int] = {}  # how many of the events that it created

    def stepped(self, step: Step) -> str:
        """Compare the dates of new events, in the order of their making, with the latest one known before."""
        process = (step.host.name, step.host.starts)
        last, created = self._last.get(process, -1), self._ledger.created.get(process, [])
        for event in created[self._seen.get(process, 0) :]:
            if event.at <= last:
                return f"dates {_told(event)}, and knows one of {last:#x}"
            last = event.at
        self._seen[process] = len(created)
        self._last[process] = max([last, *(change.after.at for change in step.events if change.after)])
        return ""


class Acknowledgements(Checker):
    """A node acknowledges what it has acted on and still holds, no more and no less.

    What others know of it never falls, and nobody is said to have acted on an event who has not.
    """

    rule = "acknowledged"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._steps: dict[str, int] = {}

    def stepped(self, step: Step) -> str:
        """Compare what was told and what is known with what applications did."""
        if step.unreached:
            return f"knows less than before of what {step.unreached[0]} has acted on"
        if step.told and step.told.applied != (acted := self._acted(step)):
            return f"acknowledges {step.told.applied:#x} and has acted on what makes {acted:#x}"
        if not (step.reports or step.events):
            return ""
        count = self._steps[step.host.name] = self._steps.get(step.host.name, 0) + 1
        return "" if count % _REACHED_EVERY else self._reached(step, count // _REACHED_EVERY)

    def _acted(self, step: Step) -> int:
        """Digest of all events that the host's application has acted on, and that the node holds."""
        digest = 0
        for event in self._ledger.acted.get((step.host.name, step.host.starts), {}):
            digest ^= digest_of(event)
        return digest & _APPLIED_MASK

    def _reached(self, step: Step, turn: int) -> str:
        """Of one event at a time: whoever is said to have acted on it must have, this process or a past one."""
        held = list(log_of(step.node)._held.values())
        if not held:
            return ""
        event = held[turn % len(held)].event
        acted = self._ledger.accepted[event].acted
        liars = [name for name in step.node.reached(event) if name not in acted]
        return f"says that {liars[0]} has acted on {_told(event)}" if liars else ""


def _told(event: Durable) -> str:
    return f"{event.kind.name.lower()} {event.key} of {event.at:#x} by {event.origin}"
