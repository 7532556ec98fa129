"""What must come true within a stated time after the last fault has ended, and stay true."""

from abc import ABC, abstractmethod

from edge.gossip import GossipNode
from edge.model import Durable, EventKind, Status
from loadtest.sim.checkers import Violation
from loadtest.sim.ledger import in_time, rank
from loadtest.sim.observe import core_of, log_of
from loadtest.sim.player import Cast, Player
from loadtest.sim.world import Host

WITHIN_S = (
    10.0  # the lost are called every 5.5 s at the latest, then gossip goes round; 5 s is the most ever seen
)
STAY_S = 2.0  # what came true is looked at for so much longer
_LOOK_EVERY_S = 0.25


class Demand(ABC):
    """One thing that must come true. `unmet` names the first node where it is not, and says why."""

    rule = ""
    within_s = 0.0  # virtual seconds since the end of the faults

    @abstractmethod
    def unmet(self, cast: Cast) -> tuple[str, str] | None:
        """Where and why it does not hold; None: it holds."""


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


class NoPartition(Demand):
    """No live process holds a partition, but for one of those that are gone indeed."""

    rule = "partitions"
    within_s = WITHIN_S

    def unmet(self, cast: Cast) -> tuple[str, str] | None:
        """Look at every live node's view."""
        for host in cast.live:
            held = _node(host).view().partition
            if held and not set(held.lost) <= set(cast.gone):
                return host.name, f"holds a partition from {', '.join(held.lost)}"
        return None


class Settled:
    """What may be demanded of durable events at one moment, among processes that live.

    Nodes whose clocks are far apart refuse each other's events. Logs that are too small let users' events and schedules
    go, but all of them the same.
    """

    def __init__(self, player: Player, cast: Cast) -> None:
        self.ledger = player.ledger
        self._now = player.world.now
        self._live = cast.live
        self._pressed = player.scenario.pressed

    def owed(self) -> list[Durable]:
        """Accepted events that are to be everywhere."""
        kinds = (EventKind.PURGE, EventKind.OVERRIDE) if self._pressed else tuple(EventKind)
        return [
            one for one in self.ledger.owed() if one.kind in kinds and in_time(one, self._live, self._now)
        ]

    def alike(self) -> bool:
        """Whether all nodes are to hold the same events."""
        held = {event: None for host in self._live for event in _node(host).durables()}
        return all(in_time(event, self._live, self._now) for event in held)


class DurableTables(Demand):
    """All durable tables are equal: members, and durable events where that may be demanded."""

    rule = "tables"
    within_s = WITHIN_S

    def __init__(self, player: Player) -> None:
        self._player = player

    def unmet(self, cast: Cast) -> tuple[str, str] | None:
        """Compare digests with the first live node."""
        alike = Settled(self._player, cast).alike()
        for host in cast.live:
            one, other = _node(host), _node(cast.live[0])
            differ = core_of(one).members.root != core_of(other).members.root
            if differ or (alike and one._sync.digest != other._sync.digest):
                return host.name, f"its durable tables differ from those of {cast.live[0].name}"
        return None


class NothingLost(Demand):
    """An event accepted anywhere, or a newer one of its key, is held by every live node."""

    rule = "lost"
    within_s = WITHIN_S

    def __init__(self, player: Player) -> None:
        self._player = player

    def unmet(self, cast: Cast) -> tuple[str, str] | None:
        """Look for each event that is owed at each live node."""
        for event in Settled(self._player, cast).owed():
            for host in cast.live:
                held = log_of(_node(host)).get(event.kind, event.key)
                if held is None or rank(held) < rank(event):
                    return (
                        host.name,
                        f"lacks {event.kind.name.lower()} {event.key} that {event.origin} accepted",
                    )
        return None


class AllActed(Demand):
    """Every live node has acted on what it holds, and every live node knows that of all others."""

    rule = "acted"
    within_s = WITHIN_S

    def __init__(self, player: Player) -> None:
        self._player = player

    def unmet(self, cast: Cast) -> tuple[str, str] | None:
        """Compare what applications did with what nodes hold and know."""
        settled = Settled(self._player, cast)
        names = [host.name for host in cast.live] if settled.alike() else []
        for host in cast.live:
            acted = settled.ledger.acted.get((host.name, host.starts), {})
            for event in _node(host).durables():
                what = f"{event.kind.name.lower()} {event.key} of {event.origin}"
                if event not in acted:
                    return host.name, f"has not acted on {what}"
                known = _node(host).reached(event)
                if unknown := [name for name in names if name not in known]:
                    return host.name, f"does not know that {unknown[0]} has acted on {what}"
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


def demands(player: Player) -> tuple[Demand, ...]:
    """All of them."""
    durable = (DurableTables(player), NothingLost(player), AllActed(player))
    return (NoFalseAlarm(), GoneIsGone(), NoPartition(), *durable, NewestLoads())


class Settling:
    """Watches a world settle.

    Attributes:
        took_s: when each demand was seen unmet for the last time, virtual seconds since the end of the faults.
        violations: the demands that were not met in time.
    """

    def __init__(self, player: Player) -> None:
        self._demands = demands(player)
        self.took_s = {demand.rule: 0.0 for demand in self._demands}
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
        for demand in self._demands:
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


def _named(status: Status | None) -> str:
    return "not at all" if status is None else status.name.lower()
