"""What must come true within a stated time after the last fault has ended, and stay true."""

from edge.gossip import GossipNode
from edge.model import Status
from loadtest.sim.checkers import Violation
from loadtest.sim.observe import core_of
from loadtest.sim.player import Cast, Player
from loadtest.sim.world import Host

WITHIN_S = (
    10.0  # the lost are called every 5.5 s at the latest, then gossip goes round; 5 s is the most ever seen
)
STAY_S = 2.0  # what came true is looked at for so much longer
_LOOK_EVERY_S = 0.25


class Demand:
    """One thing that must come true. `unmet` names the first node where it is not, and says why."""

    rule = ""
    within_s = 0.0  # virtual seconds since the end of the faults

    def unmet(self, cast: Cast) -> tuple[str, str] | None:
        """Where and why it does not hold; None: it holds."""
        raise NotImplementedError


class NoFalseAlarm(Demand):
    """Every live process knows every live member, and holds none suspect or unreachable."""

    rule = "alarms"
    within_s = WITHIN_S

    def unmet(self, cast: Cast) -> tuple[str, str] | None:
        """Look at every pair of live nodes."""
        for host in cast.live:
            for other in cast.live:
                status = _node(host).status_of(other.name)
                if status is not Status.ALIVE:
                    return host.name, f"holds {other.name} {_named(status)}, which is live"
        return None


class GoneIsGone(Demand):
    """Nobody holds a dead process alive or suspect; whoever said goodbye is held left, not lost."""

    rule = "gone"
    within_s = WITHIN_S

    def unmet(self, cast: Cast) -> tuple[str, str] | None:
        """Look at what live nodes hold of the others."""
        for host in cast.live:
            for name in cast.gone:
                status = _node(host).status_of(name)
                if status in (Status.ALIVE, Status.SUSPECT):
                    return host.name, f"holds {name} {_named(status)}, which is gone"
                if name in cast.left and status is not Status.LEFT:
                    return host.name, f"holds {name} {_named(status)}, which left"
        return None


class DurableTables(Demand):
    """All durable tables are equal: members and durable events.

    "A purge accepted anywhere is never lost" belongs beside this: a demand that compares what every live node holds
    with what the player had accepted.
    """

    rule = "tables"
    within_s = WITHIN_S

    def unmet(self, cast: Cast) -> tuple[str, str] | None:
        """Compare digests with the first live node."""
        for host in cast.live:
            if _digest(_node(host)) != _digest(_node(cast.live[0])):
                return host.name, f"its durable tables differ from those of {cast.live[0].name}"
        return None


class NewestLoads(Demand):
    """Every live process holds the newest load of every live node; loads change no more by then."""

    rule = "loads"
    within_s = WITHIN_S

    def unmet(self, cast: Cast) -> tuple[str, str] | None:
        """Compare what others hold with what the node itself told."""
        newest = {one.name: core_of(_node(one)).loads.get(one.name) for one in cast.live}
        for host in cast.live:
            loads = core_of(_node(host)).loads
            for name, load in newest.items():
                held = loads.get(name)
                if load and (held is None or held.value != load.value):
                    version = held.version if held else None
                    return host.name, f"holds load {version} of {name}, which has told {load.version}"
        return None


DEMANDS: tuple[Demand, ...] = (NoFalseAlarm(), GoneIsGone(), DurableTables(), NewestLoads())


class Settling:
    """Watches a world settle.

    Attributes:
        took_s: when each demand was seen unmet for the last time, virtual seconds since the end of the faults.
        violations: the demands that were not met in time.
    """

    def __init__(self, player: Player) -> None:
        self.took_s = {demand.rule: 0.0 for demand in DEMANDS}
        self.violations: list[Violation] = []
        self._player = player
        self._begun = player.world.now

    def run(self) -> None:
        """Let time pass until all demands have been met for `STAY_S`, or one of them is late."""
        world, met_s = self._player.world, 0.0
        while met_s < STAY_S and not self.violations:
            world.run(_LOOK_EVERY_S)
            met_s = met_s + _LOOK_EVERY_S if self._met() else 0.0

    def _met(self) -> bool:
        world, cast, met = self._player.world, self._player.cast(), True
        since_s = world.now - self._begun
        for demand in DEMANDS:
            if wrong := demand.unmet(cast):
                met = False
                self.took_s[demand.rule] = since_s
                if since_s >= demand.within_s:
                    text = f"{wrong[1]}, {since_s:.1f} s after the last fault"
                    self.violations.append(Violation("liveness", demand.rule, world.now, wrong[0], text))
        return met


def _node(host: Host) -> GossipNode:
    assert host.node
    return host.node


def _digest(node: GossipNode) -> bytes:
    return node._sync.digest


def _named(status: Status | None) -> str:
    return "not at all" if status is None else status.name.lower()
