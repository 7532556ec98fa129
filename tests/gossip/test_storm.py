from edge.gossip import storm
from edge.gossip.storm import StormGuard
from edge.model import Address, Member, Status
from edge.wire.errors import Drop
from edge.wire.messages import Announce, LoadRow, Loads
from gossip.test_node import Bench
from pretend import GENERATION, load, member

LOUD, OTHER = Address("10.0.0.2", 7700), Address("10.0.0.3", 7700)


def test_a_loud_sender_is_limited_and_the_others_are_not() -> None:
    guard = StormGuard(0.0)
    admitted = [guard.admit(LOUD, 100, number / 1000) for number in range(1000)]
    assert sum(admitted) <= storm.SENDER_PER_S * (storm.BURST_S + 1) + 1
    assert guard.admit(OTHER, 100, 1.0)
    assert guard.limited == 1000 - sum(admitted)
    assert not guard.storm(1.0)
    assert guard.admit(LOUD, 100, 5.0)


def test_two_nodes_that_talk_only_to_each_other_are_no_storm() -> None:
    guard = StormGuard(0.0)
    assert all(guard.admit(OTHER, 2, number / 80) for number in range(2000))


def test_many_senders_together_are_a_storm_that_ends() -> None:
    guard = StormGuard(0.0)
    for number in range(20_000):
        guard.admit(Address(f"10.0.{number % 200}.1", 7700), 10, number / 10_000)
    assert guard.storm(2.0)
    assert not guard.storm(2.0 + storm.CALM_S)


def test_the_table_of_senders_is_bounded() -> None:
    guard = StormGuard(0.0)
    for number in range(storm.SENDERS_MAX + 100):
        guard.admit(Address(f"10.{number >> 8}.{number & 255}.1", 7700), 10, 0.0)
    assert len(guard._senders) == storm.SENDERS_MAX


def test_in_a_storm_membership_passes_and_load_is_sampled() -> None:
    bench = Bench()
    for number in range(290):
        other = member(str(number + 2))
        rows = [LoadRow(other.name, GENERATION * 20 + number, load(number))]
        bench.hear(Announce(other), Loads(rows), now=1.0 + number / 10_000)
    view = bench.node.view()
    assert len(view.nodes) == 291
    with_load = sum(one.load is not None for one in view.nodes)
    assert storm.SENDER_PER_S * storm.BURST_S < with_load < 160
    kinds = [event.kind for event in iter(bench.node.next_event, None)]
    assert kinds.count("storm") <= 1


def test_the_entry_into_a_storm_and_its_end_are_events() -> None:
    bench = Bench()
    sources = [Address(f"10.1.{number}.1", 7700) for number in range(250)]
    for number in range(6000):
        one = Member("9", 1, Status.ALIVE, "10.0.0.9", 7700)
        bench.hear(Announce(one), now=1.0 + number / 20_000, source=sources[number % 250])
    assert _kinds(bench) == ["joined", "storm"]
    bench.node.handle_timer(1.3 + storm.CALM_S + 2)
    bench.node.handle_timer(1.3 + storm.CALM_S + 4)
    assert "storm-over" in _kinds(bench)


def _kinds(bench: Bench) -> list[str]:
    return [event.kind for event in iter(bench.node.next_event, None)]


def test_junk_that_is_sealed_with_the_key_counts_against_its_sender() -> None:
    bench = Bench()
    for number in range(10_000):
        frame = bench._sealer.seal(b"\x91\xff")
        bench.node.receive_datagram(frame, LOUD, 1.0 + number / 5000)
    dropped = bench.node.counters.dropped
    assert dropped[Drop.DECODE] + dropped[Drop.FLOOD] == 10_000
    assert dropped[Drop.FLOOD] > 6000
