"""What the platform says of deleted processes: it settles a suspicion and hurries a probe, and proves nothing."""

from edge.model import Address, Status
from pretend import Network

FIFTH = Address("10.0.0.5", 7700)


def quiet() -> Network:
    network = Network()
    network.grow(8)
    network.run(20)
    return network


def test_a_deleted_process_that_is_silent_is_unreachable_as_soon_as_it_is_suspected() -> None:
    network = quiet()
    network.crash("5")
    one = network.nodes["1"]
    assert not one.report_deleted(FIFTH, network.now)
    suspected = network.until(lambda: network.status("5", at="1") is Status.SUSPECT)
    assert one.report_deleted(FIFTH, network.now)
    told = network.until(lambda: network.all_hold("5", Status.UNREACHABLE))
    assert suspected + told < 0.6  # by itself the suspicion alone lasts a second


def test_a_living_member_is_probed_at_once_and_nothing_else_happens() -> None:
    network = quiet()
    one = network.nodes["1"]
    while one.next_event():
        pass
    before = one.counters.probes
    assert not one.report_deleted(FIFTH, network.now)
    assert one.counters.probes == before + 1
    assert not one.report_deleted(FIFTH, network.now)
    assert one.counters.probes == before + 1, "one probe at a time"
    network.run(5)
    assert network.all_hold("5", Status.ALIVE)
    assert one.next_event() is None


def test_a_living_suspect_that_was_called_deleted_comes_back() -> None:
    network = quiet()
    network.cut = lambda source, target: FIFTH in (source, target)
    network.until(lambda: network.status("5", at="1") is Status.SUSPECT)
    assert network.nodes["1"].report_deleted(FIFTH, network.now)
    network.cut = lambda _source, _target: False
    network.until(lambda: all(network.all_hold(str(name), Status.ALIVE) for name in range(1, 9)))


def test_an_address_that_nobody_has_or_somebody_left_is_nothing_new() -> None:
    network = quiet()
    network.nodes["5"].leave(network.now)
    network.until(lambda: network.all_hold("5", Status.LEFT))
    one = network.nodes["1"]
    before = one.counters.probes
    for address in (FIFTH, Address("10.0.0.99", 7700)):
        assert not one.report_deleted(address, network.now)
    assert one.counters.probes == before
    assert network.status("5", at="1") is Status.LEFT
