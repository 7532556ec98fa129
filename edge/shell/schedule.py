"""Scheduled events: told as durable events; ahead of one, all nodes fetch its paths and gossip at full pace.

All go by the cluster's clock, so that they begin together. What is scheduled is besides held against what living nodes
can carry, long enough before that more of them can be had.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from edge.config import ScheduleConfig
from edge.decide import demand
from edge.decide.demand import Room, Verdict, room_of
from edge.decide.schedule import cluster_ahead_s
from edge.decide.scheduled import Phase, Scheduled, read
from edge.model import Durable, GossipEvent
from edge.shell.events import EventActor
from edge.state.view import ClusterView

log = logging.getLogger(__name__)

SCHEDULED_MAX = 64  # events at a time
HASTEN_EVERY_S = 0.5  # full pace lasts a second


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleParts:
    """What of the node is looked at and acted on."""

    view: Callable[[], ClusterView]
    events: EventActor
    wall: Callable[[], float]  # this node's clock as its peers measure it, seconds since 1970
    hasten: Callable[[], None]  # gossips at full pace for a second
    told: Callable[[GossipEvent], None]


@dataclass(slots=True)
class _Held:
    """An event, and how far this node is with it."""

    event: Scheduled
    phase: Phase = Phase.WAITS
    turn: int = -1  # looks after its paths so far


class Schedule:
    """What is scheduled, as one node acts on it.

    Args:
        parts: the node's.
        config: how long before an event, and how room is counted.
    """

    def __init__(self, parts: ScheduleParts, config: ScheduleConfig) -> None:
        self._parts = parts
        self.config = config
        self.lead_s = max(config.prewarm_lead_s, config.tempo_lead_s)
        self._held: dict[str, _Held] = {}
        self._room: tuple[ClusterView, Room] | None = None  # of the view that was asked for last
        self._stir = asyncio.Event()
        self.on_news: Callable[[], None] = lambda: None  # called when one was heard of
        self.dropped = 0  # for want of room
        parts.events.on_scheduled = self._heard

    @property
    def full(self) -> bool:
        """Whether there is room for no further event."""
        return len(self._held) >= SCHEDULED_MAX

    @property
    def events(self) -> list[Scheduled]:
        """All that are not over, the earliest first."""
        return sorted((one.event for one in self._held.values()), key=lambda one: (one.at_ms or 0, one.name))

    def wall_ms(self) -> int:
        """The cluster's clock, milliseconds since 1970."""
        return int(1000 * (self._parts.wall() + cluster_ahead_s(self._parts.view())))

    def room(self) -> Room:
        """What living nodes can carry."""
        view = self._parts.view()
        if self._room is None or self._room[0] is not view:
            self._room = (view, room_of(view, self.config.safe_load))
        return self._room[1]

    def needed(self, event: Scheduled) -> int:
        """Streams that must have room for one event."""
        return demand.needed(event, self.config.scale_up_minutes)

    def wanted_now(self) -> tuple[int, dict[str, Verdict]]:
        """Streams that must have room for all that is on or comes soon, in all and by zone."""
        wall_ms, lead_s = self.wall_ms(), self.config.capacity_lead_s
        due = [one for one in self.events if one.phase(wall_ms, lead_s) in (Phase.NEAR, Phase.ON)]
        zones = demand.by_zone(due, self.room(), self.config.scale_up_minutes, self.config.safe_load)
        return sum(self.needed(one) for one in due), zones

    def due(self) -> list[str]:
        """Paths that this node is to fetch from now on; each is told again while its event comes nearer."""
        wall_ms, room, found = self.wall_ms(), self.room(), list[str]()
        for held in self._held.values():
            event, turn = held.event, held.event.turn(wall_ms, self.config.prewarm_lead_s)
            if event.phase(wall_ms, 0) is Phase.OVER or turn <= held.turn:
                continue
            held.turn = turn
            if demand.shares(event, room).get(self._zone(), 1.0) > 0:
                found += [path for path in event.paths if path not in found]
        return found

    def next_s(self) -> float | None:
        """Seconds until paths are due again; none where none will be."""
        wall_ms, lead_s = self.wall_ms(), self.config.prewarm_lead_s
        waits = []
        for held in self._held.values():
            last = held.event.turn(held.event.at_ms or 0, lead_s)
            if held.event.paths and held.turn < last:
                waits.append(max(0, held.event.turn_ms(held.turn + 1, lead_s) - wall_ms) / 1000)
        return min(waits, default=None)

    def budget_factor(self) -> float:
        """How much of its usual prewarm budget this node has now, by the demand of its zone."""
        wall_ms, lead_s = self.wall_ms(), self.config.prewarm_lead_s
        near = [one for one in self.events if one.phase(wall_ms, lead_s) is Phase.NEAR]
        return demand.budget_factor(near, self.room(), self._zone()) if near else 1.0

    async def run(self) -> None:
        """Tell each phase in time, and hasten gossip, until cancelled."""
        while True:
            pause_s = self.look()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._stir.wait()
                    self._stir.clear()

    def look(self) -> float:
        """Act on what has come; seconds until the next look."""
        wall_ms, pause_s, quick = self.wall_ms(), HASTEN_EVERY_S, False
        for name, held in list(self._held.items()):
            event, phase = held.event, held.event.phase(wall_ms, self.lead_s)
            if phase is not held.phase:
                held.phase = phase
                self._tell(event, phase, wall_ms)
            if phase is Phase.OVER:
                del self._held[name]
                continue
            quick |= event.phase(wall_ms, self.config.tempo_lead_s) in (Phase.NEAR, Phase.ON)
            for at_ms in ((event.at_ms or 0) - int(1000 * self.lead_s), event.at_ms or 0, event.ends_ms):
                if at_ms > wall_ms:
                    pause_s = min(pause_s, (at_ms - wall_ms) / 1000)
        if quick:
            self._parts.hasten()
        return pause_s

    def _heard(self, durable: Durable) -> None:
        """A newer one takes the place of an older one of the same name."""
        made = read(durable)
        if made is None:
            log.warning("event %s by %s is not understood: %s", durable.key, durable.origin, durable.body)
        elif made.at_ms is None:
            if self._held.pop(made.name, None):
                self._say(f"{made.name} was withdrawn by {made.by}")
        elif made.name in self._held or len(self._held) < SCHEDULED_MAX:
            older = self._held.get(made.name)
            same = older is not None and (older.event.at_ms, older.event.paths) == (made.at_ms, made.paths)
            self._held[made.name] = _Held(made, *((older.phase, older.turn) if older and same else ()))
        else:
            self.dropped += 1
        self._stir.set()
        self.on_news()

    def _tell(self, event: Scheduled, phase: Phase, wall_ms: int) -> None:
        text = {
            Phase.WAITS: "waits",
            Phase.NEAR: f"begins in {event.seconds_until(wall_ms):.0f} s: the cluster makes ready",
            Phase.ON: "begins",
            Phase.OVER: "is over",
        }[phase]
        self._say(f"{event.name} {text}")

    def _say(self, text: str) -> None:
        self._parts.told(GossipEvent("schedule", self._parts.view().self_name, text, time.monotonic()))

    def _zone(self) -> str:
        view = self._parts.view()
        me = view.node(view.self_name)
        return me.member.zone if me else ""
