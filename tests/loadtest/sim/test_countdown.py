"""In the simulator: a hundred nodes in eight cities, with clocks up to five seconds wrong, begin together."""

import random
from statistics import median

from edge.decide.schedule import cluster_ahead_s
from edge.decide.scheduled import Scheduled
from edge.model import EventKind
from loadtest.sim.world import EPOCH_S, Host, World

NODES = 100
ACQUAINTED_S = 70  # every node has probed every other one by then
WITHIN_S = 0.1


def start_s(host: Host, at_s: float) -> float:
    """Virtual time at which a host's countdown to `at_s`, seconds since 1970, is at its end."""
    assert host.node
    local_ahead_s = EPOCH_S + host.skew_s
    return at_s - local_ahead_s - cluster_ahead_s(host.node.view())


def test_all_nodes_begin_within_a_tenth_of_a_second() -> None:
    world, rng = World(1), random.Random(1)
    world.add(NODES)
    for host in world.hosts.values():
        host.skew_s = rng.uniform(-5, 5)
    world.start_acquainted()
    world.run(ACQUAINTED_S)
    one = world.hosts["edge-17"]
    assert one.node
    event = Scheduled("final", int(1000 * (EPOCH_S + world.now + 60)), 25_000_000)
    one.node.create_event(EventKind.SCHEDULE, event.key, event.body, 3600, one.local(world.now))
    world.drain(one)
    world.run(3)
    heard = [host for host in world.hosts.values() if host.node and host.node.durables()]
    assert len(heard) == NODES
    starts = sorted(start_s(host, (event.at_ms or 0) / 1000) for host in heard)
    together = sum(abs(each - median(starts)) <= WITHIN_S / 2 for each in starts)
    assert together >= 0.997 * NODES
