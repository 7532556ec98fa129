"""How fast one urgent event reaches everybody, and what that costs (target rows `gossip.urgent`, `gossip.delivery`)."""

import random
from dataclasses import dataclass

from edge.config import GossipConfig
from edge.model import Address, Durable, EventKind
from edge.wire.compress import shipped
from edge.wire.frame import Opener
from edge.wire.keys import KeyRing
from edge.wire.messages import Tell, decode
from loadtest.sim.measure import acquainted, percentile
from loadtest.sim.world import CLUSTER, World

TTL_S = 3600


@dataclass(frozen=True, slots=True)
class Spreading:
    """Medians over several events."""

    to_95_s: float
    to_all_s: float
    worst_s: float  # of all events: until all knew
    datagrams: float  # a node and event: those that carry it
    missed: int  # pairs of node and event that never met


class Arrivals:
    """When each node came to know each event."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.born: list[tuple[Durable, float]] = []
        self._known: list[dict[str, float]] = []
        world.after_step = lambda host: self._look(host.name)

    def create(self, name: str) -> None:
        """A node accepts an event."""
        host = self._world.hosts[name]
        assert host.node is not None
        key = f"/event/{len(self.born)}"
        self._known.append({})
        event = host.node.create_event(EventKind.USER, key, "", TTL_S, host.local(self._world.now))
        self.born.append((event, self._world.now))
        self._world.drain(host)

    def delays(self, index: int) -> list[float]:
        """Seconds from birth to arrival, one for each node that knows the event."""
        born = self.born[index][1]
        return sorted(at - born for at in self._known[index].values())

    def _look(self, name: str) -> None:
        node = self._world.hosts[name].node
        while node and (event := node.next_durable()):
            self._known[int(event.key.rpartition("/")[2])].setdefault(name, self._world.now)


class Carriers:
    """Counts the datagrams that carry an event: each is opened on the wire, with the cluster's key."""

    def __init__(self, world: World) -> None:
        self.count = 0
        self._opener = Opener(
            KeyRing.insecure(CLUSTER), CLUSTER, shipped(), sessions_max=2 * len(world.hosts)
        )
        world.network.watch = self._look

    def _look(self, _source: Address, _target: Address, data: bytes) -> None:
        self.count += any(isinstance(one, Tell) for one in decode(self._opener.open(data)))


def spreading(
    nodes: int, events: int, *, loss: float, every_s: float = 1.0, settle_s: float = 2.0
) -> Spreading:
    """One event at a time at random nodes of a cluster that is quiet otherwise."""
    world = acquainted(nodes, GossipConfig(), loss=loss)
    arrivals, rng = Arrivals(world), random.Random("events")
    world.run(settle_s)
    carriers = Carriers(world)
    for _ in range(events):
        arrivals.create(rng.choice(list(world.hosts)))
        world.run(every_s)
    world.run(2.0)
    all_delays = [arrivals.delays(index) for index in range(events)]
    whole = [delays[-1] for delays in all_delays if len(delays) == nodes]
    return Spreading(
        to_95_s=percentile([delays[int(0.95 * nodes) - 1] for delays in all_delays], 0.5),
        to_all_s=percentile(whole, 0.5) if whole else float("inf"),
        worst_s=max(whole, default=float("inf")),
        datagrams=carriers.count / nodes / events,
        missed=sum(nodes - len(delays) for delays in all_delays),
    )
