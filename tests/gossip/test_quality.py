"""What viewers see, as it is told: newest of each node, bounded, rarely, and without waking old nodes."""

import msgspec

from edge.gossip.publish import QUALITY_AGAIN_S, QUALITY_EVERY_S
from edge.model import PLACES_TOLD, PlaceQuality, Quality
from edge.wire.messages import Announce, LoadRow, Loads, QualityRow, encode
from gossip.test_node import Bench
from pretend import Network, load, member


def place(stalls: int = 0, cap: int = 0, zone: str = "mumbai", isp: str = "jio") -> PlaceQuality:
    return PlaceQuality(zone, isp, 100, 2400, 3000, stalls, cap)


def held(bench: Bench, name: str) -> Quality | None:
    found = bench.node.view().node(name)
    return found.quality.value if found and found.quality else None


def test_the_newest_of_each_node_stays() -> None:
    bench = Bench()
    bench.hear(Announce(member("2")), Loads([], [QualityRow("2", 8, (place(10),))]))
    bench.hear(Loads([], [QualityRow("2", 7, (place(20),))]))
    assert held(bench, "2") == (place(10),)
    bench.hear(Loads([LoadRow("2", 9, load())], [QualityRow("2", 9, (place(30, cap=700),))]))
    assert held(bench, "2") == (place(30, cap=700),)


def test_changes_are_told_now_and_then_but_caps_at_once() -> None:
    bench = Bench()
    told: list[float] = []

    def tell(now: float, *quality: PlaceQuality) -> None:
        bench.node.set_quality(quality, now)
        found = bench.node.view().node("1")
        if found and found.quality and found.quality.at == now:
            told.append(now)

    tell(1.0)  # nobody has said anything yet
    tell(2.0, place(10))
    tell(2.1, place(20))
    tell(2.2, place(20, cap=700))
    tell(2.3, place(35, cap=700))
    tell(2.2 + QUALITY_EVERY_S, place(35, cap=700))
    tell(2.3 + 2 * QUALITY_EVERY_S, place(35, cap=700))
    tell(2.2 + QUALITY_EVERY_S + QUALITY_AGAIN_S, place(35, cap=700))
    assert told == [2.0, 2.2, 2.2 + QUALITY_EVERY_S, 2.2 + QUALITY_EVERY_S + QUALITY_AGAIN_S]


def test_what_a_node_sees_spreads_and_who_joins_later_hears_of_it() -> None:
    network = Network()
    network.grow(6)
    network.nodes["3"].set_quality((place(40, cap=700),), network.now)

    def all_know() -> bool:
        found = [one.view().node("3") for one in network.nodes.values()]
        return all(one and one.quality and one.quality.value == (place(40, cap=700),) for one in found)

    assert network.until(all_know) < 2
    network.start(member("7"), network.nodes["1"].member.address)
    assert network.until(all_know, QUALITY_AGAIN_S) <= QUALITY_AGAIN_S


def test_a_node_that_does_not_know_it_reads_the_rest() -> None:
    """As `Loads` was before it had the field."""

    class Earlier(msgspec.Struct, array_like=True, tag=6):
        rows: list[LoadRow]

    told = encode(Loads([LoadRow("2", 9, load())], [QualityRow("2", 9, (place(),))]))
    assert msgspec.json.decode(told, type=Earlier).rows == [LoadRow("2", 9, load())]
    assert msgspec.json.decode(encode(Earlier([])), type=Loads) == Loads([])


def test_long_names_leave_room_for_fewer_places() -> None:
    bench = Bench()
    wide = tuple(
        place(zone="z" * 63, isp=str(number) * 63, cap=2**40 + number) for number in range(PLACES_TOLD)
    )
    bench.node.set_quality(wide, 1.0)
    found = held(bench, "1")
    assert found is not None
    assert 1 <= len(found) <= PLACES_TOLD
    assert found == wide[: len(found)]
    assert bench.node.counters.oversize == 0


def test_a_node_that_restarts_has_said_nothing_yet() -> None:
    bench = Bench()
    bench.hear(Announce(member("2")), Loads([], [QualityRow("2", 8, (place(),))]))
    bench.hear(Announce(member("2", generation=1_795_000_100)))
    assert held(bench, "2") is None
