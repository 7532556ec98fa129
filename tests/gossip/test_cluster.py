"""A whole cluster over the pretend network: what a user of the protocol may rely on."""

from collections.abc import Callable

import pytest

from edge.config import GossipConfig
from edge.model import Address, Status, incarnation_of
from edge.wire.keys import KeyRing
from pretend import GENERATION, Network, load, member

SEED = Address("10.0.0.1", 7700)


def kinds(network: Network, name: str) -> list[str]:
    """Kinds of the events that node `name` has queued."""
    node = network.nodes[name]
    return [event.kind for event in iter(node.next_event, None)]


def test_nodes_that_know_one_seed_find_each_other() -> None:
    network = Network()
    network.grow(12)
    assert network.now < 1
    assert kinds(network, "5").count("joined") == 11


def test_nodes_that_start_before_their_seed_join_when_it_comes() -> None:
    network = Network()
    for name in "234":
        network.start(member(name), SEED)
    network.run(20)
    assert network.status("3", at="2") is None
    network.start(member("1"))
    assert network.until(lambda: all(len(one.view().alive) == 4 for one in network.nodes.values())) < 6
    assert network.nodes["2"].counters.seeds_failed > 0


def test_a_crash_is_suspected_then_called_unreachable_by_all() -> None:
    network = Network()
    network.grow(8)
    network.run(5)
    network.crash("5")
    shunned = network.until(lambda: not any(network.status("5", at) is Status.ALIVE for at in network.nodes))
    declared = shunned + network.until(lambda: network.all_hold("5", Status.UNREACHABLE))
    assert shunned < 1.5
    assert 1.0 < declared < 4
    assert [kind for kind in kinds(network, "1") if kind != "joined"] == ["suspect", "unreachable"]


def test_a_refused_datagram_ends_the_doubt_at_once() -> None:
    """A process that dies on a living machine: the kernel says so, and nobody waits for timeouts."""
    network = Network(seed=2, refuses=True)  # somebody's turn to probe it comes soon
    network.grow(8)
    network.run(5)
    network.crash("5")
    assert network.until(lambda: network.all_hold("5", Status.SUSPECT)) < 0.5


@pytest.mark.parametrize("port", [7700, 7711])
def test_a_node_that_comes_back_is_alive_everywhere_soon_also_elsewhere(port: int) -> None:
    network = Network()
    network.grow(8)
    network.crash("5")
    network.until(lambda: network.all_hold("5", Status.UNREACHABLE))
    network.start(member("5", GENERATION + 60, port), SEED)
    assert network.until(lambda: network.all_hold("5", Status.ALIVE)) < 1
    held = network.nodes["8"].view().node("5")
    assert held is not None
    assert held.member.address == Address("10.0.0.5", port)


def test_a_restart_quicker_than_detection_is_seen_as_one() -> None:
    network = Network()
    network.grow(5)
    network.crash("3")
    network.start(member("3", GENERATION + 1), SEED)
    network.until(
        lambda: all(_incarnation(network, at) >= incarnation_of(GENERATION + 1) for at in network.nodes)
    )
    assert network.all_hold("3", Status.ALIVE)


def test_a_clock_that_stepped_back_does_not_make_a_node_its_own_past() -> None:
    network = Network()
    network.grow(5)
    network.crash("3")
    network.until(lambda: network.all_hold("3", Status.UNREACHABLE))
    network.start(member("3", GENERATION - 3600), SEED)
    network.until(lambda: network.all_hold("3", Status.ALIVE))
    assert _incarnation(network, "1") > incarnation_of(GENERATION)


def _incarnation(network: Network, at: str) -> int:
    held = network.nodes[at].view().node("3")
    assert held is not None
    return held.member.incarnation


def test_a_goodbye_is_heard_by_all_and_is_no_failure() -> None:
    network = Network()
    network.grow(10)
    network.nodes["4"].leave(network.now)
    assert network.until(lambda: network.all_hold("4", Status.LEFT)) < 0.5
    network.run(0.7)
    network.crash("4")
    network.run(10)
    assert network.all_hold("4", Status.LEFT)
    assert "unreachable" not in kinds(network, "1")


def test_who_is_wrongly_accused_refutes() -> None:
    """Cut one node off for longer than a probe takes, shorter than suspicion lasts."""
    network = Network()
    network.grow(6)
    lone = Address("10.0.0.6", 7700)
    network.cut = lambda source, target: lone in (source, target)
    network.until(lambda: network.status("6", at="1") is Status.SUSPECT)
    network.cut = lambda _source, _target: False
    assert network.until(lambda: network.all_hold("6", Status.ALIVE)) < 1
    assert network.nodes["6"].counters.refutations > 0


def test_a_quarter_of_all_datagrams_lost_kills_nobody() -> None:
    network = Network(loss=0.25)
    network.grow(20)
    for name in network.nodes:
        assert kinds(network, name).count("joined") == 19
    network.run(60)
    for name in network.nodes:
        assert "unreachable" not in kinds(network, name)


def halves(source: Address, target: Address) -> bool:
    """Even host numbers on one side, odd ones on the other."""
    return (int(source.host.rpartition(".")[2]) - int(target.host.rpartition(".")[2])) % 2 == 1


@pytest.mark.parametrize("cut_s", [3, 60, 300])
def test_a_cluster_cut_in_halves_heals_by_itself(cut_s: float) -> None:
    """memberlist does not: its halves forget each other's addresses' dead, and wait for an operator."""
    network = Network()
    network.grow(10)
    network.cut = halves
    network.run(cut_s)
    assert network.status("2", at="1") is (Status.SUSPECT if cut_s < 30 else Status.UNREACHABLE)
    assert network.status("3", at="1") is Status.ALIVE
    assert all(one.view().partition for one in network.nodes.values())
    network.cut = lambda _source, _target: False
    took = network.until(lambda: all(len(one.view().alive) == 10 for one in network.nodes.values()))
    assert took < 2
    network.until(lambda: not any(one.view().partition for one in network.nodes.values()), within_s=0.1)


@pytest.mark.parametrize(
    ("ring", "cluster"), [(KeyRing((bytes(32),)), "test"), (KeyRing.insecure("test"), "other")]
)
def test_clusters_do_not_merge_by_accident(ring: KeyRing, cluster: str) -> None:
    network = Network()
    network.grow(3)
    network.start(member("9"), SEED, ring=ring, cluster=cluster)
    network.run(5)
    assert network.status("9", at="1") is None
    assert network.status("1", at="9") is None
    assert sum(network.nodes["1"].counters.dropped.values()) > 0


def test_two_processes_of_one_name_do_not_fight_for_ever() -> None:
    """The later one wins, and the older says why it must stop."""
    network = Network()
    network.grow(4)
    network.run(20)
    first = network.rename("3", to="the first 3")
    network.start(member("3", GENERATION + 30, port=7733), SEED)
    network.until(lambda: bool(first.conflict))
    assert first.conflict == "another process gossips as 3; every node needs a name of its own"
    assert not network.nodes["3"].conflict


def test_a_member_that_is_away_for_long_is_forgotten() -> None:
    network = Network(config=GossipConfig(keep_s=10))
    network.grow(4)
    network.crash("4")
    network.until(lambda: network.all_hold("4", Status.UNREACHABLE))
    network.run(60)
    assert network.status("4", at="1") is None


def test_nobody_brings_back_who_is_forgotten() -> None:
    """A newcomer hears how long it has been gone; else each node would give it to those who have forgotten it."""
    network = Network(config=GossipConfig(keep_s=40))
    network.grow(4)
    network.nodes["4"].leave(network.now)
    network.run(1)
    network.crash("4")
    network.run(30)
    network.start(member("5"), SEED)
    network.until(lambda: network.status("4", at="5") is Status.LEFT)
    network.run(45)
    assert [network.status("4", at=name) for name in network.nodes] == [None] * 4


def test_loads_and_tops_reach_everybody_and_the_newest_stays() -> None:
    network = Network()
    network.grow(10)
    for streams in range(1, 31):
        network.nodes["4"].update_load(load(streams), network.now)
        network.run(0.1)
    everybody: Callable[[], bool] = lambda: all(_streams(network, at) == 30 for at in network.nodes)  # noqa: E731
    assert network.until(everybody) < 1


def _streams(network: Network, at: str) -> int:
    held = network.nodes[at].view().node("4")
    return held.load.value.streams if held and held.load else 0


def test_load_is_told_while_members_come_and_go() -> None:
    """The share of each datagram that is reserved for load: a storm of changes does not starve it."""
    network = Network()
    network.grow(30)
    for number in range(31, 61):
        network.start(member(str(number)), SEED)
        network.nodes["4"].update_load(load(number), network.now)
        network.run(0.1)
    # who heard of the load before it heard of the node gets it when it is told again, after two seconds at most
    network.until(lambda: all(_streams(network, str(at)) == 60 for at in range(1, 61)), within_s=2.5)


def test_a_process_that_stood_still_blames_itself_first() -> None:
    network = Network()
    network.grow(6)
    asleep, wake = network.nodes["6"], network.pause("6")
    network.run(1)
    assert network.status("6", at="1") is Status.SUSPECT
    wake()
    network.run(5)
    assert asleep.counters.late_timers == 1
    assert asleep.counters.refutations >= 1
    assert all(len(one.view().alive) == 6 for one in network.nodes.values())


def test_the_same_seed_makes_the_same_bytes() -> None:
    def bytes_sent() -> list[bytes]:
        network = Network(seed=7, loss=0.1)
        network.grow(6)
        network.crash("2")
        network.run(5)
        return [data for _, _, data in network.sent]

    assert bytes_sent() == bytes_sent()
