"""Who is called unreachable although it is there (target row `gossip.false`)."""

from dataclasses import dataclass

from edge.model import GossipEvent, Status
from loadtest.sim.measure import acquainted
from loadtest.sim.world import Host, World

_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """Of a run without a crash."""

    unreachable: int  # healthy members called so, by name, each counted once a verdict
    suspects_share: float  # greatest share of all members that one node held suspect at a time
    suspicions: int  # in all, most of them refuted


class _Alarms:
    """Verdicts on healthy members."""

    def __init__(self, world: World) -> None:
        self.unreachable = 0
        self.suspicions = 0
        self._verdicts: dict[tuple[str, int], None] = {}
        self._world = world
        world.on_event = self._heard

    def _heard(self, _host: Host, event: GossipEvent) -> None:
        if event.kind == "refuted":
            self.suspicions += 1
        if event.kind != "unreachable" or self._world.hosts[event.node].paused:
            return
        key = (event.node, self._world.hosts[event.node].starts)
        if key not in self._verdicts:
            self._verdicts[key] = None
            self.unreachable += 1


def lossy(nodes: int, loss: float, seconds: float, *, seed: int = 1) -> FalseAlarms:
    """Every datagram is lost with this chance."""
    world = acquainted(nodes, seed=seed, loss=loss)
    return _watched(world, seconds)


def paused(nodes: int, seconds: float, *, pause_s: float = 5.0, every_s: float = 30.0) -> FalseAlarms:
    """One node stands still for `pause_s` in every `every_s`; alarms about it do not count."""
    world = acquainted(nodes)
    name = f"edge-{nodes // 2}"
    at = every_s
    while at < seconds:
        world.clock.at(at, lambda: world.pause(name))
        world.clock.at(at + pause_s, lambda: world.resume(name))
        at += every_s
    return _watched(world, seconds, but=name)


def _watched(world: World, seconds: float, *, but: str = "") -> FalseAlarms:
    alarms, share = _Alarms(world), 0.0
    alarms._verdicts[(but, 1)] = None  # known to be away at times
    observers = list(world.hosts.values())[:5]
    for _ in range(round(seconds / _LOOK_S)):
        world.run(_LOOK_S)
        for host in observers:
            if host.node:
                statuses = [host.node.status_of(name) for name in world.hosts if name != but]
                share = max(share, statuses.count(Status.SUSPECT) / len(statuses))
    return FalseAlarms(alarms.unreachable, share, alarms.suspicions)
