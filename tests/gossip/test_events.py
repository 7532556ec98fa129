"""Durable events over the pretend network: told, kept for who is away, acknowledged."""

import pytest

from edge.config import GossipConfig
from edge.gossip.events import Refusal
from edge.model import Address, Durable, EventKind
from pretend import GENERATION, Network, load, member

SEED = Address("10.0.0.1", 7700)


def purge(network: Network, at: str, key: str, kind: EventKind = EventKind.PURGE, body: str = "") -> Durable:
    return network.nodes[at].create_event(kind, key, body, 600, network.now)


def act(network: Network, *but: str) -> None:
    """What applications do: act on what came, and tell their load."""
    for name, node in network.nodes.items():
        while name not in but and (event := node.next_durable()):
            node.confirm_durable(event, network.now)
        node.update_load(load(), network.now)


def knows(network: Network, name: str, event: Durable) -> bool:
    return event in network.nodes[name].durables()


def test_an_event_reaches_all_at_once() -> None:
    network = Network()
    network.grow(20)
    event = purge(network, "7", "/live/a.m4s")
    assert network.until(lambda: all(knows(network, name, event) for name in network.nodes)) < 0.2
    assert network.nodes["3"].next_durable() == event
    assert network.nodes["3"].next_durable() is None


def test_who_comes_late_or_comes_back_gets_what_it_missed() -> None:
    network = Network()
    network.grow(6)
    network.crash("6")
    events = [purge(network, "1", f"/{number}") for number in range(100)]
    network.run(2)
    network.start(member("6", GENERATION + 9), SEED)
    network.start(member("7"), SEED)
    for name in "67":
        network.until(lambda name=name: network.nodes[name].durables() == events, within_s=5)  # type: ignore[misc]


def test_what_was_accepted_on_both_sides_of_a_cut_is_exchanged_at_the_heal() -> None:
    network = Network()
    network.grow(8)
    network.cut = lambda a, b: (int(a.host[-1]) + int(b.host[-1])) % 2 == 1
    network.run(20)
    odd, even = purge(network, "1", "/odd"), purge(network, "2", "/even")
    network.run(5)
    assert not knows(network, "2", odd)
    network.cut = lambda _a, _b: False
    network.until(lambda: all(one.durables() == [odd, even] for one in network.nodes.values()), within_s=8)


def test_the_last_writer_wins_everywhere() -> None:
    network = Network()
    network.grow(5)
    purge(network, "1", "toss", EventKind.SCHEDULE, "14:00")
    purge(network, "2", "toss", EventKind.SCHEDULE, "14:30")
    network.run(2)
    kept = {tuple(one.durables()) for one in network.nodes.values()}
    assert len(kept) == 1
    assert len(next(iter(kept))) == 1


def test_what_was_replaced_does_not_come_back_when_the_newer_one_is_over() -> None:
    """Who was away has only heard of the older one."""
    network = Network()
    network.grow(5)
    older = purge(network, "1", "toss", EventKind.SCHEDULE, "14:00")
    network.run(2)
    network.cut = lambda a, b: (a.host == "10.0.0.5") != (b.host == "10.0.0.5")
    newer = network.nodes["2"].create_event(EventKind.SCHEDULE, "toss", "called off", 3, network.now)
    network.run(6)
    assert network.nodes["5"].durables() == [older]
    network.cut = lambda _a, _b: False
    network.until(lambda: all(one.durables() == [newer] for one in network.nodes.values()), within_s=10)
    assert newer.expires_ms >= older.expires_ms


def test_a_node_whose_clock_is_far_ahead_refuses_what_its_peers_would_not_take() -> None:
    network = Network()
    network.grow(5)
    network.start(member("6"), SEED, ahead_s=45.0)
    network.start(member("7"), SEED, ahead_s=20.0)
    network.run(10)
    with pytest.raises(Refusal, match="clock is 45 s ahead"):
        purge(network, "6", "/a.m4s")
    event = purge(network, "7", "/a.m4s")
    network.until(lambda: all(one.durables() == [event] for one in network.nodes.values()), within_s=3)


def test_acknowledgements_ride_in_loads() -> None:
    network = Network()
    network.grow(6)
    act(network)
    event = purge(network, "1", "/x")
    network.run(1)
    act(network, "4", "5")
    network.run(1)
    assert sorted(network.nodes["1"].reached(event)) == ["1", "2", "3", "6"]
    assert network.nodes["4"].reached(event) == []
    act(network)
    network.run(1)
    for node in network.nodes.values():
        assert sorted(node.reached(event)) == ["1", "2", "3", "4", "5", "6"]


def test_an_event_that_is_over_is_no_part_of_an_acknowledgement() -> None:
    network = Network()
    network.grow(3)
    network.nodes["1"].create_event(EventKind.USER, "short", "", 3, network.now)
    network.run(1)
    act(network)
    network.run(5)
    assert network.nodes["2"].durables() == []
    event = purge(network, "1", "/x")
    network.run(1)
    act(network)
    network.run(1)
    assert len(network.nodes["2"].reached(event)) == 3


def test_a_full_log_refuses_at_once_and_says_why() -> None:
    network = Network(config=GossipConfig(events_max=16))
    node = network.start(member("1"))
    for number in range(16):
        purge(network, "1", f"/{number}")
    with pytest.raises(Refusal, match="16 events are being told already"):
        purge(network, "1", "/more")
    assert node.state_figures()["durable_dropped"] == 1
    with pytest.raises(Refusal, match="too large"):
        node.create_event(EventKind.USER, "k" * 512, "é" * 512, 60, network.now)


def test_a_restarted_node_acts_again_on_what_still_counts() -> None:
    """Its cache may hold what was purged while it was away."""
    network = Network()
    network.grow(4)
    event = purge(network, "1", "/x")
    network.run(1)
    act(network)
    network.crash("4")
    network.start(member("4", GENERATION + 5), SEED)
    network.until(lambda: knows(network, "4", event), within_s=5)
    assert network.nodes["4"].next_durable() == event
