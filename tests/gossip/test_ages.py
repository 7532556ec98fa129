"""Ages of news and round trips, as nodes of the simulator count them, against what is true there."""

import pytest

from edge.gossip.counters import Counters
from edge.model import EventKind
from edge.state.histogram import Histogram
from loadtest.sim.measure import Lively, acquainted
from loadtest.sim.world import World

NODES = 12
MOST_S = 1.0  # to all, in a small cluster that loses nothing


def counters(world: World) -> list[Counters]:
    return [host.node.counters for host in world.hosts.values() if host.node]


def slower_than(bound: float, found: Histogram) -> int:
    upto = dict(found.upto())
    return upto[float("inf")] - upto[bound]


def count(found: Histogram) -> int:
    return sum(found.counts)


@pytest.fixture
def world() -> World:
    """Every second clock is wrong by seconds, and starts within a second of its own."""
    made = World(7)
    made.add(NODES)
    for number, host in enumerate(made.hosts.values()):
        host.skew_s = (number % 2) * (2.37 * number - 11.0)
    made.start_acquainted()
    made.run(20)
    return made


def test_loads_are_as_old_as_they_are_whatever_clocks_say(world: World) -> None:
    before = [count(one.regular_age) for one in counters(world)]
    Lively(world, 10.0)
    world.run(5)
    for one, earlier in zip(counters(world), before, strict=True):
        assert count(one.regular_age) - earlier > 5 * NODES
        assert slower_than(2.5, one.regular_age) == 0
        mean_s = one.regular_age.total / count(one.regular_age)
        assert 0.02 < mean_s < MOST_S


def test_an_event_counts_once_and_not_where_it_was_made(world: World) -> None:
    name, host = next(iter(world.hosts.items()))
    assert host.node
    host.node.create_event(EventKind.USER, "toss", "heads", 60, host.local(world.now))
    world.drain(host)
    world.run(2)
    found = {one: each.node.counters.urgent_age for one, each in world.hosts.items() if each.node}
    assert count(found.pop(name)) == 0
    assert [count(one) for one in found.values()] == [1] * (NODES - 1)
    assert not any(slower_than(0.5, one) for one in found.values())


def test_what_was_made_before_a_process_started_is_no_news_that_was_slow(world: World) -> None:
    host = world.hosts["edge-0"]
    assert host.node
    host.node.create_event(EventKind.USER, "toss", "heads", 600, host.local(world.now))
    world.drain(host)
    world.run(30)
    late = world.hosts["edge-3"]
    world.crash(late.name)
    world.run(5)
    world.start(late.name, [host.address])
    world.run(20)
    assert late.node
    assert [one.key for one in late.node.durables()] == ["toss"]
    assert count(late.node.counters.urgent_age) == 0


def test_round_trips_are_those_of_the_ways() -> None:
    world = acquainted(NODES)
    world.run(10)
    hosts = list(world.hosts.values())
    longest_s = max(2 * world.delay_s(one.address, other.address) for one in hosts for other in hosts)
    for one in counters(world):
        assert count(one.probe_rtt) >= 5
        assert one.probe_rtt.total <= count(one.probe_rtt) * longest_s * 1.5
