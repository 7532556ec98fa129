"""How soon a cut along zones is declared by all, and how soon all is well again after it: `gossip.partition`."""

from collections.abc import Callable
from dataclasses import dataclass

from edge.config import GossipConfig
from edge.model import EventKind
from loadtest.sim.measure import Lively, acquainted
from loadtest.sim.observe import core_of, log_of
from loadtest.sim.world import Host, World

_STEP_S = 0.02
_LIMIT_S = 30.0
_CALM_S = 0.5  # loads change so long before cut and heal; in the middle of the cut nothing depends on them
_EVENT_S = 86_400


class UndecidedError(RuntimeError):
    """Something did not happen within `_LIMIT_S`."""


@dataclass(frozen=True, slots=True)
class CutFigures:
    """Seconds from the cut until every node has declared it, and from the heal until nothing is left of it."""

    declared_s: float
    closed_s: float  # no node holds a partition, and all are alive everywhere
    equal_s: float  # all tables of members and events are equal besides
    wrongly: int  # members that a node of their own island suspected at the end of the cut


def halves(world: World) -> dict[str, bool]:
    """Zones shared out to two sides of about equal size; which side each host is on."""
    zones: dict[str, list[Host]] = {}
    for host in world.hosts.values():
        zones.setdefault(host.place.city, []).append(host)
    sizes, side = [0, 0], dict[str, bool]()
    for hosts in sorted(zones.values(), key=lambda each: (-len(each), each[0].name)):
        right = sizes[1] < sizes[0]
        sizes[right] += len(hosts)
        side.update({host.name: right for host in hosts})
    return side


def cut_in_halves(nodes: int, cut_s: float, seed: int = 1) -> CutFigures:
    """Cut a serving cluster along zones; both sides accept an event meanwhile.

    Raises:
        UndecidedError: it is not declared, or does not heal.
    """
    world = acquainted(nodes, GossipConfig(tick_min_s=0.1), seed=seed)
    serving = Lively(world, 10)
    world.run(_CALM_S)
    side = halves(world)
    side_at = {host.address: side[host.name] for host in world.hosts.values()}
    world.network.blocked = lambda source, target: side_at[source] != side_at[target]
    cut_at = world.now
    declared_s = _until(world, lambda: all(_declared(host) for host in world.running()))
    for right in (False, True):
        host = next(host for host in world.hosts.values() if side[host.name] == right)
        assert host.node
        host.node.create_event(EventKind.PURGE, f"/{right}", "", _EVENT_S, host.local(world.now))
        world.drain(host)
    serving.on = False
    world.run(max(0.0, cut_at + cut_s - _CALM_S - world.now))
    serving.on = True
    world.run(cut_at + cut_s - world.now)
    wrongly = sum(_suspects_own(host, side) for host in world.running())
    world.network.blocked = lambda _source, _target: False
    healed_at = world.now
    closed_s = _until(world, lambda: _closed(world))
    _until(world, lambda: _equal(world))
    return CutFigures(declared_s, closed_s, world.now - healed_at, wrongly)


def _declared(host: Host) -> bool:
    """Whether a host's node holds a partition."""
    return host.node is not None and host.node.view().partition is not None


def _until(world: World, done: Callable[[], bool]) -> float:
    took = world.until(done, _LIMIT_S, _STEP_S)
    if took is None:
        raise UndecidedError(f"not within {_LIMIT_S:.0f} s")
    return took


def _closed(world: World) -> bool:
    nodes = [host.node for host in world.running() if host.node]
    return all(not node.view().partition and len(node.view().alive) == len(nodes) for node in nodes)


def _equal(world: World) -> bool:
    nodes = [host.node for host in world.running() if host.node]
    return len({(core_of(node).members.root, log_of(node).digest) for node in nodes}) == 1 and _closed(world)


def _suspects_own(host: Host, side: dict[str, bool]) -> int:
    assert host.node
    return sum(not one.alive and side[one.name] == side[host.name] for one in host.node.view().nodes)
