"""A ring that changes while a cluster runs: in whatever order it is asked for, nobody gets a frame it cannot open."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config import GossipConfig
from edge.gossip.keys import GRACE_S
from edge.model import Address, ConfigError, Status
from edge.wire.errors import Drop
from edge.wire.keys import KEY_BYTES, KeyRing, key_id
from pretend import GENERATION, Network, load, member

SEED = Address("10.0.0.1", 7700)
OLD, NEW, NEWER = (bytes([number]) * KEY_BYTES for number in (1, 2, 3))
ONLY_OLD, BOTH, TURNED, ONLY_NEW = (KeyRing(keys) for keys in ((OLD,), (OLD, NEW), (NEW, OLD), (NEW,)))
ID_OLD, ID_NEW = key_id(OLD), key_id(NEW)


@dataclass
class Keyed(Network):
    """Nodes that hold keys, and tell of their load about as often as real ones do."""

    counts: dict[str, int] = field(default_factory=dict)

    def cluster(self, count: int, ring: KeyRing = ONLY_OLD) -> None:
        for number in range(1, count + 1):
            self.start(member(str(number)), SEED, ring=ring)
        self.until(lambda: all(len(one.view().alive) == count for one in self.nodes.values()))
        self.work(1)

    def work(self, seconds: float) -> None:
        """Let time pass while load changes."""
        for _ in range(int(seconds * 10)):
            for name, node in self.nodes.items():
                self.counts[name] = self.counts.get(name, 0) + 1
                node.update_load(load(self.counts[name]), self.now)
            self.run(0.1)

    def want(self, ring: KeyRing, *names: str, forced: tuple[int, ...] = ()) -> None:
        for name in names or list(self.nodes):
            self.nodes[name].keys.want(ring, self.now, forced)

    def unopened(self) -> int:
        """Frames that were dropped for their key."""
        reasons = (Drop.UNKNOWN_KEY, Drop.AUTHENTICATION)
        return sum(node.counters.dropped[reason] for node in self.nodes.values() for reason in reasons)

    def seals(self) -> list[int]:
        return [node.keys.ring.ids[0] for node in self.nodes.values()]


def test_keys_rotate_while_gossip_goes_on() -> None:
    network = Keyed()
    network.cluster(4)
    for ring in (BOTH, TURNED, ONLY_NEW):
        network.want(ring)
        network.work(GRACE_S + 2)
        assert all(node.keys.ring == ring for node in network.nodes.values())
    assert network.unopened() == 0
    assert all(len(node.view().alive) == 4 for node in network.nodes.values())


def test_all_at_once_keeps_the_order_all_the_same() -> None:
    """A file that has the new key only, at one node after the other."""
    network = Keyed()
    network.cluster(5)
    for name in list(network.nodes):
        network.want(ONLY_NEW, name)
        network.work(1)
        if name != "5":
            assert network.seals() == [ID_OLD] * 5
            assert "to seal with key" in network.nodes["1"].keys.waits()
    network.work(GRACE_S + 2)
    assert all(node.keys.ring == ONLY_NEW for node in network.nodes.values())
    assert all(node.keys.settled and not node.keys.waits() for node in network.nodes.values())
    assert network.unopened() == 0


def test_who_was_away_is_spoken_to_under_what_it_holds_and_catches_up() -> None:
    network = Keyed()
    network.cluster(6)
    network.crash("5")
    network.until(lambda: network.all_hold("5", Status.UNREACHABLE))
    network.want(BOTH)
    network.work(1)
    network.want(ONLY_NEW)
    network.work(6)
    assert network.seals() == [ID_NEW] * 5, "who is gone is not waited for to seal"
    assert all(ID_OLD in node.keys.ring.ids for node in network.nodes.values()), "but to drop the old key"
    assert "5 must seal with another one first" in network.nodes["1"].keys.waits()
    late = network.start(member("5", GENERATION + 60), SEED, ring=ONLY_OLD)
    assert network.until(lambda: network.all_hold("5", Status.ALIVE) and len(late.view().alive) == 6) < 1
    network.work(5)
    assert network.unopened() == 0
    network.want(ONLY_NEW, "5")
    network.work(GRACE_S + 2)
    assert all(node.keys.ring == ONLY_NEW for node in network.nodes.values())
    assert network.unopened() == 0


def test_who_comes_after_the_removal_is_locked_out_and_both_sides_say_why() -> None:
    network = Keyed()
    network.cluster(3)
    network.crash("3")
    network.until(lambda: network.all_hold("3", Status.UNREACHABLE))
    network.want(ONLY_NEW, forced=(ID_OLD,))
    network.work(GRACE_S + 2)
    assert all(node.keys.ring == ONLY_NEW for node in network.nodes.values())
    late = network.start(member("3", GENERATION + 60), SEED, ring=ONLY_OLD)
    network.work(5)
    assert len(late.view().alive) == 1
    assert network.unopened() > 0
    hints = {
        name: [event.text for event in iter(node.next_event, None) if "does not hold" in event.text]
        for name, node in network.nodes.items()
    }
    assert [len(hints[name]) for name in ("1", "3")] == [1, 1], "each minute at most"
    assert f"from 10.0.0.3:7700 under key {ID_OLD:02x}, which this node does not hold" in hints["1"][0]


@pytest.mark.parametrize(("ring", "most"), [(TURNED, 0), (BOTH, 0), (ONLY_NEW, 2)])
def test_a_restart_finds_back_with_whatever_of_both_it_holds(ring: KeyRing, most: int) -> None:
    """Who drops the key that the others seal with must be heard first."""
    network = Keyed()
    network.cluster(4)
    network.want(BOTH)
    network.work(1)
    network.crash("4")
    back = network.start(member("4", GENERATION + 60), SEED, ring=ring)
    network.until(lambda: len(back.view().alive) == 4)
    network.work(3)
    assert network.unopened() <= most


@pytest.mark.parametrize(("ring", "most"), [(TURNED, 0), (BOTH, 1), (ONLY_NEW, 100)])
def test_a_node_that_starts_with_keys_that_others_lack_asks_under_the_last_one_first(
    ring: KeyRing, most: int
) -> None:
    network = Keyed()
    network.cluster(3)
    fresh = network.start(member("4"), SEED, ring=ring)
    if ring != ONLY_NEW:
        network.until(lambda: len(fresh.view().alive) == 4)
    network.work(3)
    assert network.unopened() <= most, "the first word to a seed of which nothing is known"
    assert len(fresh.view().alive) == (1 if ring == ONLY_NEW else 4)


def test_a_clock_that_stepped_back_does_not_keep_out_who_lost_its_new_key() -> None:
    """Its seeds know a later self that held more; what it asks is answered under what it says that it holds."""
    network = Keyed()
    network.cluster(4)
    network.want(BOTH)
    network.work(1)
    network.want(TURNED)
    network.work(2)
    network.crash("4")
    back = network.start(member("4", GENERATION - 3600), SEED, ring=ONLY_OLD)
    network.until(lambda: len(back.view().alive) == 4)
    network.until(lambda: network.all_hold("4", Status.ALIVE))
    before = network.unopened()
    network.work(2)
    assert network.unopened() == before


def test_the_second_path_and_names_have_the_same_keys_as_addresses() -> None:
    network = Keyed()
    network.cluster(2)
    network.want(TURNED, "1", forced=(ID_NEW,))
    keys, satellite = network.nodes["1"].keys, Address("192.0.2.2", 7709)
    keys.found("2", satellite)
    for recipient in (Address("10.0.0.2", 7700), "2", satellite):
        assert keys.sealer.seal(b"[]", recipient)[2] == ID_OLD
    stranger = Address("192.0.2.3", 7709)
    asked = []
    for _ in range(3):
        keys.unanswered(answered=False)
        asked.append(keys.sealer.seal(b"[]", stranger)[2])
    assert asked == [ID_NEW, ID_OLD, ID_NEW]
    keys.unanswered(answered=True)
    assert keys.sealer.seal(b"[]", stranger)[2] == ID_OLD
    assert keys.ring_for("2").keys == (OLD, NEW)
    for number in range(1000):
        keys.found("2", Address("192.0.2.9", number))
        keys.joins(Address("192.0.2.9", number), bytes((ID_OLD,)))
    assert len(keys._at) == len(keys._joins) == 256


def test_who_tells_nothing_of_keys_is_waited_for() -> None:
    network = Keyed()
    network.cluster(2, KeyRing.insecure("test"))
    keys = network.nodes["1"].keys
    assert keys.own == keys.told("2") == b""
    assert keys.lacking(ID_OLD) == ["2"]
    assert keys.needing(ID_OLD) == ["2"]


def test_no_more_keys_are_wanted_than_a_ring_holds() -> None:
    network = Keyed()
    network.cluster(1)
    many = [bytes([number]) * KEY_BYTES for number in range(40, 60)]
    distinct = list({key_id(key): key for key in many if key_id(key) != ID_OLD}.values())
    with pytest.raises(ConfigError, match="9 keys where 1 to 8"):
        network.want(KeyRing(tuple(distinct[:8])))
    assert network.nodes["1"].keys.ring == ONLY_OLD


STEPS = st.lists(
    st.tuples(st.sampled_from([ONLY_OLD, BOTH, TURNED, ONLY_NEW]), st.integers(1, 4), st.floats(0, 2)),
    min_size=1,
    max_size=5,
)


@settings(max_examples=6, deadline=None)
@given(STEPS, st.sampled_from([0.0, 0.1, 0.3]), st.integers(0, 5))
def test_any_order_of_wishes_at_any_nodes_makes_no_frame_unopenable(
    steps: list[tuple[KeyRing, int, float]], loss: float, seed: int
) -> None:
    network = Keyed(seed=seed, loss=loss, config=GossipConfig())
    network.cluster(4)
    for ring, node, seconds in steps:
        network.want(ring, str(node))
        network.work(seconds)
    network.want(TURNED)
    network.work(7)
    assert network.unopened() == 0
    assert all(node.keys.ring == TURNED for node in network.nodes.values())
