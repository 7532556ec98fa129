"""Many urgent words at once go together; few go at once, each by itself."""

from edge.gossip.eager import AT_ONCE, WINDOW_S, Eager
from edge.model import EventKind
from pretend import Network

NODES = 30


def test_so_many_go_by_themselves_in_a_window() -> None:
    eager = Eager()
    assert [eager.admit(1.0) for _ in range(AT_ONCE + 2)] == [True] * AT_ONCE + [False] * 2
    assert not eager.admit(1.0 + WINDOW_S / 2)
    assert eager.admit(1.0 + WINDOW_S)


def told_to_all(count: int) -> tuple[float, int]:
    """How long it takes, and how many datagrams, until all nodes have heard so many purges made at one moment."""
    network = Network()
    network.grow(NODES)
    network.run(2)
    for number in range(count):
        network.nodes["1"].create_event(EventKind.PURGE, f"url:/live/{number}", "hard", 60, network.now)
    before = len(network.sent)
    all_have = lambda: all(len(node.durables()) == count for node in network.nodes.values())  # noqa: E731
    took_s = network.until(all_have, within_s=2)
    return took_s, len(network.sent) - before


def test_a_hundred_purges_cost_little_more_than_ten_and_take_little_longer() -> None:
    ten_s, for_ten = told_to_all(10)
    hundred_s, for_hundred = told_to_all(100)
    assert hundred_s < ten_s + 0.2
    assert for_hundred < 3 * for_ten
