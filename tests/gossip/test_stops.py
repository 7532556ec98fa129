"""That a node takes nobody any more is told at once; other loads wait for the next tick."""

from edge.model import Load
from pretend import Network

NODES = 30


def load(viewers: int, health: int = 100) -> Load:
    return Load(viewers, 0, 0, 1000, health, 0)


def serving() -> Network:
    """A cluster that has settled, whose members take viewers."""
    network = Network()
    network.grow(NODES)
    for node in network.nodes.values():
        node.update_load(load(1), network.now)
    network.run(3)
    return network


def known_to_all(network: Network, told: Load) -> float:
    """Seconds until all hold it of node 1."""
    network.nodes["1"].update_load(told, network.now)
    return network.until(
        lambda: all(node.load_of("1") == told for node in network.nodes.values()), within_s=5
    )


def test_a_drain_is_known_to_all_before_a_load_would_be() -> None:
    network = serving()
    usual_s = known_to_all(network, load(2))
    assert known_to_all(network, load(2, health=0)) < min(0.15, usual_s / 2)


def test_a_node_that_takes_nobody_as_before_is_no_news() -> None:
    network = serving()
    at_once_s = known_to_all(network, load(2, health=0))
    network.run(2)
    assert known_to_all(network, load(3, health=0)) > at_once_s
    network.run(2)
    assert known_to_all(network, load(3)) > at_once_s
