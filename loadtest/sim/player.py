"""Plays a scenario on a world: starts, faults, loads, and at the end of the faults the healing."""

import random
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from edge.config import GossipConfig
from edge.model import TOP_SEGMENTS, Address, GossipEvent, HotSegment, Load, TopSegments
from loadtest.sim.draw import SEEDS
from loadtest.sim.ledger import Ledger
from loadtest.sim.network import Quality
from loadtest.sim.scenario import Crash, Create, Cut, Fault, Join, Leave, Pause, Scenario, Skew
from loadtest.sim.world import PORT, Host, World

START_WITHIN_S = 1.0  # the first nodes start over this time
LINGER_S = 0.7  # ticks on which a goodbye is repeated, as `edge.app` does it
RESTART_S = 1.0  # an orchestrator starts a process again that gave up its name
_HOLD_S = 5.0  # of suspicions in a partition: of the dead something is demanded sooner than after 30 s
_REPORT_S = 0.5  # at least this often a node is asked for its load
_HEARD_BY = 3  # a goodbye that this many can hear counts as told
_SPARE = 1 << 17  # slots from here on stand for those that are taken


class Cast(NamedTuple):
    """Who is who when the faults are over."""

    live: list[Host]  # run, and stay
    gone: list[str]  # ended for good
    left: list[str]  # those among them whose goodbye somebody heard


def address_of(slot: int) -> Address:
    """The address that a slot stands for; slot n < 65,536 is that of the world's host n."""
    return Address(f"10.{slot >> 16 & 255}.{slot >> 8 & 255}.{slot & 255}", PORT)


class Player:
    """Makes the world of a scenario and lets everything happen on its date.

    Args:
        scenario: what happens.
        note: told of each fault, for a trace.
    """

    def __init__(self, scenario: Scenario, note: Callable[[str], None] = lambda _: None) -> None:
        self.scenario = scenario
        config = GossipConfig(
            members_max=scenario.members_max,
            events_max=scenario.events_max,
            bulk_from=_bulk_from(scenario.seed),
            partition_hold_s=_HOLD_S,
        )
        self.world = World(scenario.seed, config, refuses=scenario.refuses, backup=scenario.backup)
        self.world.add(scenario.hosts)
        self.ledger = Ledger(self.world, scenario)
        self.conflicts = 0
        self._note = note
        self._cuts: list[Cut] = []
        self._blocked: set[tuple[Address, Address]] = set()
        self._owed: dict[str, int] = {}  # processes that are to start: host, slot
        self._leaving: dict[str, bool] = {}  # whether the goodbye was told
        self._loads: dict[str, Load] = {}
        self._over = False

    def begin(self) -> None:
        """Set all dates."""
        scenario, world = self.scenario, self.world
        world.network.quality = Quality(scenario.loss, scenario.duplication, scenario.reorder_s)
        world.network.blocked = lambda source, target: (source, target) in self._blocked
        for drift in scenario.drifts:
            self._host(drift.node).drift = drift.rate
        for fault in scenario.faults:  # before the first start: a clock may be wrong from the beginning
            world.clock.at(fault.at_s, partial(self._unless_over, partial(self._befall, fault)))
        rng = random.Random(f"{scenario.seed}:start")
        for node in range(scenario.nodes):
            self._start_in(rng.uniform(0, START_WITHIN_S), node, node)
        for name in world.hosts:
            self._report(name, random.Random(f"{scenario.seed}:load:{name}"))

    def heal(self) -> None:
        """The faults end: the network is whole, whoever stood still goes on, who is to come back does."""
        self._over = True
        self._note("all faults end")
        self.world.network.quality = Quality()
        self._cuts.clear()
        self._block()
        for name, host in self.world.hosts.items():
            if name in self._owed:
                self._start(name)
            elif host.paused:
                self.world.resume(name)

    def cast(self) -> Cast:
        """Who is live, gone and left by now."""
        hosts = self.world.hosts.items()
        ended = [name for name, host in hosts if host.node is None and host.starts and name not in self._owed]
        live = [host for name, host in hosts if host.node and name not in self._leaving]
        return Cast(live, ended, [name for name in ended if self._leaving.get(name)])

    def heard(self, host: Host, event: GossipEvent) -> None:
        """A process that lost its name ends, as `edge.app` does, and is started again."""
        if event.kind == "conflict":
            self.conflicts += 1
            slot = self._slot(host)
            self.world.clock.at(self.world.now, partial(self._end, host.name, host.starts))
            self._start_in(RESTART_S, int(host.name.removeprefix("edge-")), slot)

    def _befall(self, fault: Fault) -> None:
        self._note(repr(fault))
        match fault:
            case Cut():
                self._cuts.append(fault)
                self._block()
                self._later(fault.for_s, partial(self._mend, fault))
            case Crash():
                self._crash(fault)
            case Leave():
                self._leave(fault)
            case Join():
                self._start_in(0.0, fault.node, fault.slot)
            case Pause():
                name = self._host(fault.node).name
                self.world.pause(name)
                self._later(fault.for_s, partial(self.world.resume, name))
            case Skew():
                self._host(fault.node).skew_s = fault.skew_s
            case Create():
                self.ledger.create(self._host(fault.node), fault)

    def _crash(self, fault: Crash) -> None:
        host = self._host(fault.node)
        if host.node is None or host.name in self._leaving:
            return
        self._end(host.name, host.starts)
        if fault.back_s is not None:
            self._start_in(fault.back_s, fault.node, fault.slot)

    def _leave(self, fault: Leave) -> None:
        host, now = self._host(fault.node), self.world.now
        if host.node is None or host.paused or host.name in self._leaving:
            return
        self._leaving[host.name] = self._can_be_told(host)
        host.node.leave(host.local(now))
        self.world.drain(host)
        self.world.clock.at(now + LINGER_S, partial(self._end, host.name, host.starts))
        if fault.back_s is not None:
            self._start_in(max(LINGER_S, fault.back_s), fault.node, self._slot(host))

    def _can_be_told(self, host: Host) -> bool:
        """Whether some who are there know this process, are known to it, and can hear it."""
        assert host.node
        view, hearers = host.node.view(), 0
        own = view.node(host.name)
        for other in self.world.running():
            held = view.node(other.name)
            theirs = other.node.view().node(host.name) if other.node else None
            if held and theirs and own and other is not host:
                known = held.alive and theirs.member.incarnation == own.member.incarnation
                blocked = (host.address, other.address) in self._blocked
                hearers += known and not blocked and other.name not in self._leaving
        return hearers >= _HEARD_BY

    def _end(self, name: str, start: int) -> None:
        if self.world.hosts[name].starts == start:
            self._note(f"{name} ends")
            self.world.crash(name)

    def _start_in(self, seconds: float, node: int, slot: int) -> None:
        """Start a process later; what is not started when the faults end starts then."""
        name = self._host(node).name
        self._owed[name] = slot
        self.world.clock.at(self.world.now + seconds, partial(self._start, name))

    def _start(self, name: str) -> None:
        host = self.world.hosts[name]
        if host.node or name not in self._owed:
            return
        address = address_of(self._owed.pop(name))
        if any(one.node and one.address == address for one in self.world.hosts.values()):
            address = address_of(_SPARE + int(name.removeprefix("edge-")))
        if address != host.address:
            self.world.move(name, address)
        self._leaving.pop(name, None)
        self._note(f"{name} starts at {address}")
        seeds = [self._host(node).address for node in range(min(SEEDS, self.scenario.nodes))]
        self._block()  # a cut is between hosts, wherever they move
        self.world.start(name, seeds)

    def _mend(self, cut: Cut) -> None:
        self._cuts.remove(cut)
        self._block()
        self._note("a cut ends")

    def _block(self) -> None:
        """Pairs of addresses between which nothing passes."""
        self._blocked.clear()
        for cut in self._cuts:
            for one in cut.left:
                for other in cut.right:
                    there, here = self._host(other).address, self._host(one).address
                    self._blocked.add((here, there))
                    if not cut.one_way:
                        self._blocked.add((there, here))

    def _report(self, name: str, rng: random.Random) -> None:
        """A node's load and hottest segments change now and then, and are told again all the time."""
        host, world = self.world.hosts[name], self.world
        period_s = min(_REPORT_S, 1 / self.scenario.load_hz)
        chance, streams, health = rng.random(), rng.randrange(10**6), rng.random()
        if name not in self._loads or (not self._over and chance < period_s * self.scenario.load_hz):
            if held := self._loads.get(name):  # viewers do not leave by thousands at once
                streams = held.streams + streams % 1000
            self._loads[name] = Load(streams, 5 * streams, 2, 10**6, 100 if health < 0.95 else 0, 1)
        load = self._loads[name]
        if host.node and not host.paused and name not in self._leaving:
            host.node.set_popularity(_hottest(load.streams), host.local(world.now))
            world.update_load(host, load)
        world.clock.at(world.now + period_s * rng.uniform(0.8, 1.2), partial(self._report, name, rng))

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        self.world.clock.at(self.world.now + seconds, partial(self._unless_over, action))

    def _unless_over(self, action: Callable[[], None]) -> None:
        if not self._over:
            action()

    def _host(self, node: int) -> Host:
        return self.world.hosts[f"edge-{node}"]

    def _slot(self, host: Host) -> int:
        high, middle, low = (int(part) for part in host.address.host.split(".")[1:])
        return high << 16 | middle << 8 | low


def _bulk_from(seed: int) -> int:
    """How much must be lacking for a bulk sync; mostly little, for the clusters are small."""
    return random.Random(f"{seed}:bulk").choice((1, 3, 8, 128))


def _hottest(streams: int) -> TopSegments:
    """Segments that follow from a node's load, so that they change with it."""
    numbers = [streams // 3**rank % 1000 for rank in range(TOP_SEGMENTS)]
    return tuple(HotSegment(f"/live/v{number % 3}/{number}.m4s", number / 10) for number in numbers)
