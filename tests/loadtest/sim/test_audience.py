"""Small versions of the benchmark's routing rows: what they show must hold at any size."""

from edge.decide.routing import RoutingPolicy
from loadtest.fed import Fed
from loadtest.sim.audience import dying, flash


def test_an_event_makes_no_node_run_hot_and_without_a_bound_it_would() -> None:
    """16 nodes in eight cities, two in each: a city's share of chance adds to what routing leaves."""
    bounded = flash(16, 60, 2)
    assert max(*bounded.ramp, *bounded.steady) < 1.3
    assert max(flash(16, 60, 2, RoutingPolicy(load_bound=10, hysteresis=1)).ramp) > 1.45


def test_nobody_is_sent_to_the_dead_nor_to_one_that_drains() -> None:
    found = dying(20, 2, 50)
    assert found.viewers > 100
    assert found.late == 0
    assert max(found.crashed) <= 1.5
    assert max(found.drained) <= 0.3


def test_a_fed_node_takes_in_what_it_is_told() -> None:
    fed = Fed(50, 1000.0, 0.0)
    for step in range(200):
        fed.feed(step / 200)
    assert 950 <= fed.applied == fed.told
