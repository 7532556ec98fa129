"""What operators asked for and applications did in one run: the truth that durable events are checked against.

Each host has an application. It takes the events that its node hands out, acts on them some time later, and says so; if
the process ends before that, nothing was done.
"""

import random
from dataclasses import dataclass, field
from functools import partial

from edge.gossip import GossipNode
from edge.gossip.events import Refusal
from edge.model import Durable, EventKind, Status
from loadtest.sim.observe import core_of, log_of
from loadtest.sim.scenario import Create, Scenario
from loadtest.sim.world import Host, World

TOLD_S = 5.0  # a process that could tell another one for so long has told it; 3 s is the most ever seen
_LOOK_EVERY_S = 0.25
_PAUSED_S = 0.1  # how soon an application that stands still is looked at again
_CLOCKS_APART_MS = 30_000  # nodes refuse what is dated a minute ahead; half of it is left for doubt
_PRESENT = (Status.ALIVE, Status.SUSPECT)

Process = tuple[str, int]  # a host's name, and the how manyth process there


@dataclass(slots=True)
class Accepted:
    """An event that a node has accepted, and which processes have ever held it."""

    event: Durable
    process: Process
    replaced: Durable | None  # what that process held of its key
    way_out_s: dict[Process, float] = field(default_factory=dict)  # of each that held it: see `Ledger`
    acted: dict[str, None] = field(default_factory=dict)  # hosts where some process has acted on it


class Ledger:
    """Asks nodes for events, acts on events, and keeps book.

    An event may be lost with those who hold it, but only if none of them could have told anybody. So for each process
    that holds an event, the time is counted for which it had a way out: another process that would take the event in,
    each knows the other, both run, and the network is whole between them.

    Args:
        world: the hosts.
        scenario: how slow applications are, and when the faults end.
    """

    def __init__(self, world: World, scenario: Scenario) -> None:
        self.accepted: dict[Durable, Accepted] = {}
        self.refused = 0  # what a node did not accept
        self.acted: dict[Process, dict[Durable, None]] = {}  # what each process has acted on and still holds
        self.created: dict[Process, list[Durable]] = {}
        self._world = world
        self._scenario = scenario
        self._taken: dict[Process, list[Durable]] = {}
        self._chance: dict[str, random.Random] = {}
        if any(isinstance(fault, Create) for fault in scenario.faults):
            world.clock.at(0.0, self._look)

    def create(self, host: Host, asked: Create) -> None:
        """An operator asks a node for events, by the call that the admin port makes."""
        if host.node is None or host.paused:
            return
        process, now = (host.name, host.starts), host.local(self._world.now)
        kind, body = EventKind[asked.kind.upper()], f"{asked.at_s}".ljust(asked.body_bytes, ".")
        for key in asked.keys:
            replaced = log_of(host.node).get(kind, key)
            try:
                event = host.node.create_event(kind, key, body, asked.ttl_s, now)
            except Refusal:
                self.refused += 1
                continue
            self.accepted[event] = Accepted(event, process, replaced, {process: 0.0})
            self.created.setdefault(process, []).append(event)
        self._world.drain(host)

    def stepped(self, host: Host) -> None:
        """The application of a host takes what its node hands out."""
        process = (host.name, host.starts)
        while host.node and (event := host.node.next_durable()):
            taken = self._taken.setdefault(process, [])
            taken.append(event)
            if len(taken) == 1:
                self._later(host, process)

    def holds(self, host: Host, event: Durable) -> None:
        """A process has come to hold an event."""
        if told := self.accepted.get(event):
            told.way_out_s.setdefault((host.name, host.starts), 0.0)

    def lets_go(self, host: Host, event: Durable) -> None:
        """A process holds an event no more: if it comes again, it is to be acted on again."""
        self.acted.get((host.name, host.starts), {}).pop(event, None)

    def owed(self) -> list[Durable]:
        """What must be everywhere: of each key the newest that a live process held, or one that could have told it."""
        newest: dict[tuple[EventKind, str], Durable] = {}
        for event, one in self.accepted.items():
            key = (event.kind, event.key)
            if self._is_owed(one) and (key not in newest or rank(newest[key]) < rank(event)):
                newest[key] = event
        return list(newest.values())

    def replaced(self, older: Durable, newer: Durable) -> bool:
        """Whether `newer` was accepted in the place of `older`, directly or by way of others."""
        one = self.accepted[newer].replaced
        while one is not None and one != older:
            one = self.accepted[one].replaced
        return one is not None

    def _is_owed(self, one: Accepted) -> bool:
        lives = any(self._runs(process) for process in one.way_out_s)
        return lives or max(one.way_out_s.values()) >= TOLD_S

    def _runs(self, process: Process) -> Host | None:
        host = self._world.hosts[process[0]]
        return host if host.node and host.starts == process[1] else None

    def _later(self, host: Host, process: Process) -> None:
        if host.name not in self._chance:
            self._chance[host.name] = random.Random(f"{self._scenario.seed}:application:{host.name}")
        wait_s = self._scenario.acts_s * self._chance[host.name].random()
        self._world.clock.at(self._world.now + wait_s, partial(self._act, process))

    def _act(self, process: Process) -> None:
        host = self._runs(process)
        if host is None or host.node is None:
            self._taken.pop(process, None)
        elif host.paused:
            self._world.clock.at(self._world.now + _PAUSED_S, partial(self._act, process))
        else:
            for event in self._taken.pop(process, []):
                if log_of(host.node).get(event.kind, event.key) == event:
                    self.acted.setdefault(process, {})[event] = None
                if told := self.accepted.get(event):
                    told.acted[host.name] = None
                host.node.confirm_durable(event, host.local(self._world.now))
            self._world.drain(host)

    def _look(self) -> None:
        """Count the time for which holders had a way out; what has been told needs no further look."""
        world = self._world
        running = [(host, host.node) for host in world.running() if host.node]
        for one in self.accepted.values():
            if max(one.way_out_s.values()) >= TOLD_S:
                continue
            lacking = [(host, node) for host, node in running if self._lacks(host, node, one.event)]
            for process in one.way_out_s if lacking else ():
                holder = self._runs(process)
                if holder and not holder.paused and self._way_out(holder, lacking):
                    one.way_out_s[process] += _LOOK_EVERY_S
        if world.now < self._scenario.duration_s:
            world.clock.at(world.now + _LOOK_EVERY_S, self._look)

    def _lacks(self, host: Host, node: GossipNode, event: Durable) -> bool:
        """Whether a node would take an event in."""
        held = log_of(node).get(event.kind, event.key)
        return (held is None or rank(held) < rank(event)) and in_time(event, [host], self._world.now)

    def _way_out(self, holder: Host, others: list[tuple[Host, GossipNode]]) -> bool:
        blocked = self._world.network.blocked
        assert holder.node
        return any(
            not blocked(holder.address, other.address)
            and not blocked(other.address, holder.address)
            and _knows(holder.node, node)
            and _knows(node, holder.node)
            for other, node in others
        )


def rank(event: Durable) -> tuple[int, str, str]:
    """Orders the events of one key. Not `Durable.rank`, which a mutant may break."""
    return (event.at, event.origin, event.body)


def in_time(event: Durable, hosts: list[Host], now: float) -> bool:
    """Whether none of the hosts, by its wall clock, takes `event` for over, or for dated far ahead.

    A node refuses such an event: where clocks are that wrong, it cannot be everywhere.
    """
    for host in hosts:
        if host.node:
            wall_ms = int((host.local(now) + core_of(host.node).wall_offset_s) * 1000)
            if event.expires_ms <= wall_ms or event.at >> 16 > wall_ms + _CLOCKS_APART_MS:
                return False
    return True


def _knows(node: GossipNode, other: GossipNode) -> bool:
    held = core_of(node).members.get(other.member.name)
    return (
        held is not None
        and held.member.status in _PRESENT
        and held.member.incarnation == other.member.incarnation
    )
