"""A cut is told from deaths: declared on both sides, survived without evictions, over by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config import GossipConfig
from edge.gossip.partition import closeness
from edge.model import Address, Member, Status
from edge.state.view import Partition
from pretend import Network, member

SHARE = 0.4
HELD = ("suspect", "unreachable")


def nodes(count: int, zone: str = "pune", isp: str = "") -> list[Member]:
    return [
        Member(f"{zone}-{isp}-{index}", 1, Status.ALIVE, "10.0.0.1", 1, zone=zone, isp=isp)
        for index in range(count)
    ]


def close(island: list[Member], lost: list[Member]) -> float:
    return closeness(island, lost, SHARE, alone=len(island) == 1)


def in_zones(network: Network, sizes: dict[str, int]) -> dict[str, str]:
    """Start nodes of several zones that know each other; the zone of each host."""
    zones = [zone for zone, count in sizes.items() for _ in range(count)]
    for number, zone in enumerate(zones, 1):
        network.start(member(str(number), zone=zone), Address("10.0.0.1", 7700))
    network.until(lambda: all(len(node.view().alive) == len(zones) for node in network.nodes.values()))
    network.run(1)
    return {f"10.0.0.{number}": zone for number, zone in enumerate(zones, 1)}


def cut_off(network: Network, zone_of: dict[str, str], zone: str) -> None:
    network.cut = lambda a, b: (zone_of[a.host] == zone) != (zone_of[b.host] == zone)


def heal(network: Network) -> None:
    network.cut = lambda _from, _to: False


def partitions(network: Network) -> dict[str, Partition | None]:
    return {name: node.view().partition for name, node in network.nodes.items()}


def told(network: Network, name: str) -> list[str]:
    """Kinds of the events of one node since this was asked last."""
    kinds = []
    while event := network.nodes[name].next_event():
        kinds.append(event.kind)
    return kinds


@pytest.mark.parametrize(
    ("island", "lost", "declared"),
    [
        (nodes(6), nodes(4, "delhi"), True),  # 40% of all
        (nodes(7), nodes(3, "delhi"), True),  # a whole zone
        (nodes(17) + nodes(1, "delhi"), nodes(4, "delhi"), True),  # 80% of one
        (nodes(17) + nodes(2, "delhi"), nodes(4, "delhi"), False),
        (nodes(9, "pune", "jio"), nodes(3, "", "bsnl"), True),  # an ISP, wherever its nodes are
        (nodes(9), nodes(1, "delhi"), False),  # one alone is a death, though it was all of its zone
        (nodes(2), nodes(1), False),
        (nodes(1), nodes(1), True),  # nobody is left to say which it was
        (nodes(3), [], False),
    ],
)
def test_what_is_a_partition(island: list[Member], lost: list[Member], declared: bool) -> None:
    assert (close(island, lost) >= 1) == declared


@given(st.integers(1, 40), st.integers(0, 40))
def test_more_losses_are_never_less_of_a_partition(reached: int, lost: int) -> None:
    assert close(nodes(reached), nodes(lost, "delhi")) <= close(nodes(reached), nodes(lost + 1, "delhi"))


def test_both_sides_declare_it_and_know_who_is_the_majority() -> None:
    network = Network()
    zone_of = in_zones(network, {"mumbai": 4, "pune": 5, "delhi": 3})
    cut_off(network, zone_of, "mumbai")
    network.until(lambda: all(partitions(network).values()), within_s=4)
    assert not any(one.majority for one in partitions(network).values() if one)  # too early to say
    network.run(4)
    mumbai, pune = partitions(network)["1"], partitions(network)["5"]
    assert mumbai
    assert pune
    assert mumbai.island == pune.lost == ("1", "2", "3", "4")
    assert mumbai.lost == pune.island
    assert (mumbai.majority, pune.majority) == (False, True)
    assert mumbai.lost_zones == (("delhi", 3), ("pune", 5))


def test_nobody_is_evicted_while_it_lasts_and_all_are_back_soon_after() -> None:
    network = Network()
    zone_of = in_zones(network, {"mumbai": 4, "pune": 5, "delhi": 3})
    cut_off(network, zone_of, "mumbai")
    network.run(25)
    assert "unreachable" not in told(network, "1") + told(network, "5")
    heal(network)
    whole = lambda: all(len(node.view().alive) == 12 for node in network.nodes.values())  # noqa: E731
    assert network.until(whole, within_s=2) < 1
    network.until(lambda: not any(partitions(network).values()), within_s=0.2)
    assert "healed" in told(network, "1")


def test_a_long_cut_heals_as_well() -> None:
    """After `partition_hold_s` the lost are unreachable; the island calls on, as a whole four times a second."""
    network = Network()
    zone_of = in_zones(network, {"mumbai": 3, "pune": 5})
    cut_off(network, zone_of, "mumbai")
    network.run(200)
    assert network.nodes["1"].status_of("5") is Status.UNREACHABLE
    sent_before = len(network.sent)
    network.run(20)
    across = [
        one
        for one in network.sent[sent_before:]
        if (zone_of[one[0].host] == "mumbai") != (zone_of[one[1].host] == "mumbai")
    ]
    assert 8 * 0.6 < len(across) / 20 < 8 * 1.4  # two islands
    heal(network)
    network.until(lambda: not any(partitions(network).values()), within_s=2)


def test_who_dies_in_the_cut_does_not_keep_it_open() -> None:
    network = Network()
    zone_of = in_zones(network, {"mumbai": 4, "pune": 6})
    cut_off(network, zone_of, "mumbai")
    network.run(10)
    network.crash("4")
    heal(network)
    network.until(lambda: not any(partitions(network).values()), within_s=3)
    network.until(lambda: network.all_hold("4", Status.UNREACHABLE), within_s=45)


def test_one_death_is_no_partition_and_is_not_put_off() -> None:
    network = Network()
    in_zones(network, {"mumbai": 1, "pune": 2, "delhi": 2})
    network.crash("1")
    network.until(lambda: network.all_hold("1", Status.UNREACHABLE), within_s=8)
    assert not any(partitions(network).values())


def test_a_process_whose_machine_answers_is_dead_and_not_cut_off() -> None:
    """ICMP port unreachable: what kill -9 of many on a few machines looks like."""
    network = Network(refuses=True)
    in_zones(network, {"pune": 6, "delhi": 4})
    for name in ("7", "8", "9", "10"):
        network.crash(name)
    dead = lambda: all(network.all_hold(name, Status.UNREACHABLE) for name in ("7", "8", "9", "10"))  # noqa: E731
    network.until(dead, within_s=10)


def test_deaths_one_by_one_are_no_partition() -> None:
    network = Network(config=GossipConfig(keep_s=3600))
    in_zones(network, {"pune": 10})
    for name in "23456":
        network.crash(name)
        network.run(15)
        assert not any(partitions(network).values())
    assert len(network.nodes["1"].view().alive) == 5


def test_a_graceful_leave_of_many_is_no_partition() -> None:
    network = Network()
    in_zones(network, {"pune": 6, "delhi": 3})
    for name in "789":
        network.nodes[name].leave(network.now)
    network.run(1)
    for name in "789":
        network.crash(name)
    network.run(5)
    assert not any(partitions(network).values())
