"""Windows around dated events in which the production protocol runs packet by packet, with real bytes.

Each is a small world of its own: the nodes know each other, every load changes ten times a second, and then the event
comes. The ages of knowledge that it measures take the place of the usual ones in that part of the match.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge.config import GossipConfig
from edge.model import Address, Status
from loadtest.scenario.faults import Cut, IspLoss, NodeKill
from loadtest.scenario.schema import Scenario
from loadtest.sim.measure import Lively, acquainted, percentile
from loadtest.sim.network import Quality
from loadtest.sim.spread import Arrivals
from loadtest.sim.world import Host, World

BEFORE_S, FOR_S = 2, 20  # of the match that a window stands for: so long before its event, so long in all
NODES_MAX = 300
_DATED = frozenset({"toss", "star-walks-in", "wicket", "push-notice", "cut", "isp-loss", "node-kill"})
_SETTLE_S, _LOOK_S = 1.5, 3.0  # virtual seconds; at ten changes a second ages are steady after one
_CUT_S = 3.0  # a cut that is to heal lasts so long: its length matters little (`loadtest.sim.partition`)
_STEP_S, _PAIRS = 0.05, 40
TICK_S = 0.1  # least period of batched gossip
_CHANGES_PER_S = 10.0


@dataclass(frozen=True, slots=True)
class Window:
    """What a packet simulation is asked."""

    at_s: float
    what: str  # the kind of the event or fault, or heal
    nodes: int
    seed: int
    zones: tuple[str, ...] = ()  # that are cut off, or lose a node
    losses: tuple[tuple[str, float], ...] = ()  # by provider


@dataclass(frozen=True, slots=True)
class Looked:
    """What it says."""

    view_age_s: float  # p95 of what a node knows of another that it reaches
    view_age_p99_s: float
    event_95_s: float  # until 95% of those who are reached know of an urgent event
    event_all_s: float
    seen_s: float | None  # until all know of the fault, or that it is over; none: nothing is to be seen
    reached: int = 0  # nodes that the event's maker reaches, itself among them
    loss: float = 0.0  # chance that a datagram is lost
    heard_s: tuple[float, ...] = ()  # when the first, second … of them knew of the event


def windows(scenario: Scenario, nodes: int, seed: int) -> tuple[Window, ...]:
    """Those of a scenario, in order of time; of what comes within a window's time only the first has one."""
    size, last, found = min(nodes, NODES_MAX), -float(FOR_S), []
    for at_s, what, cause in sorted(_dates(scenario), key=lambda one: one[:2]):
        if at_s - last < FOR_S or at_s >= scenario.for_s:
            continue
        last = at_s
        zones = (
            cause.zones if isinstance(cause, Cut) else (cause.zone,) if isinstance(cause, NodeKill) else ()
        )
        losses = tuple(sorted(cause.losses.items())) if isinstance(cause, IspLoss) else ()
        found.append(Window(at_s, what, size, seed + int(at_s), zones, losses))
    return tuple(found)


def look(window: Window) -> Looked:
    """Run one. The same for the same window."""
    world = acquainted(window.nodes, GossipConfig(tick_min_s=TICK_S), seed=window.seed)
    Lively(world, _CHANGES_PER_S)
    arrivals, rng = Arrivals(world), random.Random(f"{window.seed}:window:{window.at_s}")
    world.run(_SETTLE_S)
    seen = _strike(world, window)
    arrivals.create(_maker(world, window).name)
    ages, begun, seen_s = list[float](), world.now, None
    for _ in range(round(_LOOK_S / _STEP_S)):
        world.run(_STEP_S)
        if seen and seen_s is None and seen():
            seen_s = world.now - begun
        ages += _ages(world, window, rng)
    delays = arrivals.delays(0)
    return Looked(
        round(percentile(ages, 0.95), 4),
        round(percentile(ages, 0.99), 4),
        round(percentile(delays, 0.95), 4),
        round(delays[-1], 4),
        None if seen_s is None else round(seen_s, 4),
        _reached(world, window),
        round(world.network.quality.loss, 4),
        tuple(round(one, 4) for one in delays),
    )


def _dates(scenario: Scenario) -> Iterator[tuple[float, str, object]]:
    for one in (*scenario.event, *scenario.fault):
        if (what := str(one.__struct_config__.tag)) in _DATED:
            yield one.at_s, what, one
        if isinstance(one, Cut):
            yield one.at_s + one.for_s, "heal", one


def _strike(world: World, window: Window) -> Callable[[], bool] | None:
    """The fault begins, or ends; how to tell that all know."""
    if window.what in ("cut", "heal"):
        inside = {host.address: host.place.city in window.zones for host in world.hosts.values()}
        world.network.blocked = lambda source, target: _parts(inside, source, target)
        if window.what == "cut":
            return lambda: all(one.node and one.node.view().partition for one in world.running())
        world.run(_CUT_S)
        world.network.blocked = lambda _source, _target: False
        return lambda: not any(one.node and one.node.view().partition for one in world.running())
    if window.losses:
        share = dict(window.losses)
        lost = [share.get(host.place.isp, 0.0) for host in world.hosts.values()]
        mean = sum(lost) / len(lost)
        world.network.quality = Quality(loss=1 - (1 - mean) ** 2)  # at both ends of a way
    if window.what == "node-kill":
        name = next(host.name for host in world.hosts.values() if host.place.city in window.zones)
        world.crash(name)
        return lambda: (
            not any(one.node and one.node.status_of(name) is Status.ALIVE for one in world.running())
        )
    return None


def _parts(inside: dict[Address, bool], source: Address, target: Address) -> bool:
    return inside[source] != inside[target]


def _maker(world: World, window: Window) -> Host:
    """Who accepts the event: a node outside of what is cut off."""
    return next(host for host in world.running() if host.place.city not in window.zones)


def _reached(world: World, window: Window) -> int:
    """How many nodes run on the maker's side."""
    return sum(window.what != "cut" or one.place.city not in window.zones for one in world.running())


def _ages(world: World, window: Window, rng: random.Random) -> Iterator[float]:
    """How old what some nodes know of others is, of those that reach each other."""
    hosts = world.running()
    for _ in range(_PAIRS):
        observer, subject = rng.sample(hosts, 2)
        apart = (observer.place.city in window.zones) != (subject.place.city in window.zones)
        if window.what == "cut" and apart:
            continue
        if observer.node and (held := observer.node.load_of(subject.name)):
            yield world.now - held.kbps / 1000
