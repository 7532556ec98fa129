"""Bulk sync between cores; the tests carry the frames, as the shell does over HTTP."""

import random
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config import GossipConfig
from edge.gossip import GossipNode
from edge.gossip.bulk import IDLE_S, Fetching
from edge.gossip.node import Identity
from edge.gossip.serving import Answer, Verdict
from edge.model import Address, Durable, EventKind, Member, Status
from edge.wire.bulk import decode_records, payloads
from edge.wire.compress import Compressor
from edge.wire.errors import DecodeError
from edge.wire.frame import Sealer
from edge.wire.keys import KeyRing
from edge.wire.messages import Announce, Claim, Ping, encode, join
from pretend import Network, load
from pretend import member as plain_member

SEED = Address("10.0.0.1", 7700)
RING = KeyRing.insecure("test")
DAY_S = 86_400


def member(name: str, zone: str = "", status: Status = Status.ALIVE) -> Member:
    """A record that names an admin port."""
    port = f"http://10.0.0.{name}:7701"
    return msgspec.structs.replace(plain_member(name, zone=zone), admin=port, status=status)


def purges(count: int, first: int = 0) -> list[Durable]:
    """As of a busy hour: no two keys are alike."""
    rng = random.Random(first)
    keys = [
        f"url:/live/match-{rng.randrange(400)}/{rng.randrange(10**6)}-{first + number}.m4s"
        for number in range(count)
    ]
    return [
        Durable(EventKind.PURGE, key, first + number, "9", DAY_S, "hard") for number, key in enumerate(keys)
    ]


def give(node: GossipNode, members: list[Member], events: list[Durable]) -> None:
    """Let a node hold these as if it had for long."""
    node.acquaint(members, 0.0)
    for event in events:
        assert node._events._log.merge(event, 0)


def tables(node: GossipNode) -> tuple[list[Member], list[Durable]]:
    """What must be equal in the end."""
    return [one.member for one in node.view().nodes], node.durables()


@dataclass
class BulkNetwork(Network):
    """A pretend network with connections: an exchange takes no time, unless `broken_after` frames it breaks."""

    broken_after: int | None = None
    silent: bool = False  # requests lead to nothing at all
    carried: list[tuple[str, Verdict]] = field(default_factory=list)

    def _collect(self) -> None:
        super()._collect()
        for name in list(self.nodes):
            if (fetch := self.nodes[name].bulk.next()) and not self.silent:
                self.carry(self.nodes[name], fetch)

    def carry(self, node: GossipNode, fetch: Fetching) -> None:
        """What the shells of both nodes do."""
        server = self.nodes.get(self._at.get(fetch.peer, ""))
        if server is None:
            node.bulk.failed(fetch, self.now)
            return
        answer = server.bulk_server.answer(fetch.request, self.now)
        self.carried.append((fetch.name, answer.verdict))
        if answer.verdict is Verdict.BUSY:
            node.bulk.turned_away(fetch, 1.0, b"".join(answer.frames), self.now)
        elif answer.verdict is Verdict.SERVED:
            self.take(node, fetch, answer)
        else:
            node.bulk.failed(fetch, self.now)

    def take(self, node: GossipNode, fetch: Fetching, answer: Answer) -> None:
        for number, frame in enumerate(answer.frames):
            if number == self.broken_after:
                node.bulk.failed(fetch, self.now)
                break
            assert node.bulk.frame(fetch, frame, self.now)
        else:
            node.bulk.done(fetch, self.now)
        answer.close()


def rich(network: BulkNetwork, name: str = "1", members: int = 500, events: int = 5000) -> GossipNode:
    """A node that holds much."""
    node = network.start(member(name))
    named = [member(str(1000 + number), status=Status.LEFT) for number in range(members)]
    give(node, named, purges(events))
    return node


def large(bulk_from: int = 128) -> GossipConfig:
    return GossipConfig(events_max=8192, bulk_from=bulk_from)


def test_a_newcomer_fetches_all_in_one_exchange() -> None:
    network = BulkNetwork(config=large())
    first = rich(network)
    second = network.start(member("2"), SEED)
    took_s = network.until(lambda: tables(first) == tables(second))
    counters = second.counters
    assert took_s < 0.2
    assert network.carried == [("1", Verdict.SERVED)]
    assert (counters.bulk_asked, counters.bulk_done, first.counters.bulk_served) == (1, 1, 1)
    assert first._sync.digest == second._sync.digest
    assert len(list(iter(second.next_durable, None))) == 5000


def test_datagrams_alone_cost_many_times_the_bytes() -> None:
    """They bring it too, but the newcomer tells on what it hears, to nodes that have it all."""
    bytes_by = dict[int, int]()
    for bulk_from in (128, 0):
        network = BulkNetwork(config=large(bulk_from))
        nodes = [rich(network, events=1000)] + [
            network.start(member(str(number)), SEED) for number in range(2, 9)
        ]
        network.until(lambda nodes=nodes: len({one._sync.digest for one in nodes}) == 1)  # type: ignore[misc]
        network.run(3)
        sent, bulk = network.sent, nodes[0].counters.bulk_bytes_sent
        bytes_by[bulk_from] = sum(len(data) for _, _, data in sent) + bulk
    assert bytes_by[128] < bytes_by[0] / 4


def test_little_comes_by_datagrams() -> None:
    network = BulkNetwork()
    first = rich(network, members=60, events=60)
    second = network.start(member("2"), SEED)
    network.until(lambda: tables(first) == tables(second))
    assert network.carried == []


def test_who_was_cut_off_for_long_fetches_what_it_missed() -> None:
    """Nobody joins: the comparison of digests shows that much is lacking, before more than a little was sent."""
    network = BulkNetwork(config=large())
    first, second = (network.start(member(name)) for name in "12")
    for node in (first, second):
        give(node, [member("1"), member("2")], purges(100))
    give(first, [], purges(3000, first=100_000))
    give(second, [], purges(10, first=900_000))
    network.until(lambda: tables(first) == tables(second), within_s=5)
    assert network.carried == [("1", Verdict.SERVED)]
    assert second.counters.bytes_received < 60_000
    assert len(first.durables()) == 3110


def test_what_came_before_the_peer_died_is_kept_and_datagrams_bring_the_rest() -> None:
    network = BulkNetwork(config=large(), broken_after=2)
    first = rich(network)
    second = network.start(member("2"), SEED)
    network.until(lambda: second.counters.bulk_failed == 1)
    assert 50 < len(second.view().nodes) + len(second.durables()) < 2000
    network.silent = True
    network.until(lambda: tables(first) == tables(second), within_s=30)
    assert second.counters.bulk_done == 0


def test_nobody_waits_long_for_a_silent_peer() -> None:
    network = BulkNetwork(config=large(), silent=True)
    first = rich(network, events=500)
    second = network.start(member("2"), SEED)
    network.run(IDLE_S)
    assert second.durables() == []
    assert network.until(lambda: tables(first) == tables(second), within_s=3) < 2
    assert second.counters.bulk_failed == 1


def test_after_a_failure_another_one_is_asked_soon() -> None:
    node, peers = lone("3"), [member("1"), member("2")]
    fetch = asked(node, peers[0])
    node.acquaint(peers, 0.0)
    assert node.bulk.takes(peers[1].address, 1.1)
    node.bulk.failed(fetch, 1.2)
    node.handle_timer(1.3)
    again = node.bulk.next()
    assert again
    assert again.name == "2"
    node.bulk.failed(again, 1.4)
    node.handle_timer(1.5)
    assert not node.bulk.busy


def asked(node: GossipNode, peer: Member, now: float = 1.0) -> Fetching:
    """The exchange that a node wants when `peer` holds much."""
    node.acquaint([peer], 0.0)
    assert node.bulk.takes(peer.address, now)
    node.handle_timer(now + 0.1)
    fetch = node.bulk.next()
    assert fetch
    return fetch


def lone(name: str, ring: KeyRing = RING, **config: int) -> GossipNode:
    settings = GossipConfig(events_max=8192, **config)  # type: ignore[arg-type]
    session = random.Random(name + repr(ring.keys)).randbytes(8)
    return GossipNode(Identity(member(name), "test", ring, session), settings, random.Random(name), 0.0)


def sealer(ring: KeyRing = RING) -> Sealer:
    return Sealer(ring, "test", b"session9", Compressor())


@given(st.binary(max_size=200))
def test_junk_for_an_answer_ends_it_and_changes_nothing(data: bytes) -> None:
    server, node = lone("1"), lone("2")
    fetch = asked(node, server.member)
    before = tables(node)
    assert not node.bulk.frame(fetch, data, 1.0)
    assert tables(node) == before
    assert node.counters.bulk_failed == 1
    assert not node.bulk.frame(fetch, data, 1.0)
    assert sum(node.counters.dropped.values()) == 1


@pytest.mark.parametrize("ring", [RING, KeyRing((bytes(range(32)),))])
def test_a_forged_answer_changes_nothing(ring: KeyRing) -> None:
    """By who has no key, or by who repeats what was sealed for something else: only records are taken."""
    server, node = lone("1"), lone("2")
    fetch = asked(node, server.member)
    forged = sealer(ring).seal(join([encode(Claim("1", server.member.incarnation, Status.LEFT, "1"))]))
    assert not node.bulk.frame(fetch, forged, 1.0)
    assert node.status_of("1") is Status.ALIVE
    assert node.counters.bulk_failed == 1


def test_the_own_request_sent_back_is_no_answer() -> None:
    node = lone("2")
    fetch = asked(node, member("1"))
    assert not node.bulk.frame(fetch, fetch.request, 1.0)


def test_who_is_turned_away_asks_those_it_was_told_of() -> None:
    node, other = lone("2"), member("7")
    fetch = asked(node, member("1"))
    node.bulk.turned_away(fetch, 30.0, sealer().seal(join([encode(Announce(other))])), 2.0)
    node.handle_timer(2.2)
    again = node.bulk.next()
    assert again
    assert again.name == "7"
    assert node.counters.bulk_turned_away == 1


def test_who_is_turned_away_and_knows_nobody_else_comes_again_later() -> None:
    node = lone("2")
    node.bulk.turned_away(asked(node, member("1")), 1.0, b"", 2.0)
    node.handle_timer(2.4)
    assert node.bulk.next() is None
    node.handle_timer(3.6)
    again = node.bulk.next()
    assert again
    assert again.name == "1"
    node.bulk.turned_away(again, 60.0, b"junk", 3.7)
    node.handle_timer(100.0)
    assert node.bulk.next() is None
    assert not node.bulk.busy


def test_one_of_the_own_zone_is_asked_first() -> None:
    chosen = []
    for number in range(20):
        node = lone(str(20 + number))
        peers = [member("1"), member("2"), member("3", zone="west"), member("4")]
        node.acquaint(peers, 0.0)
        node._core.members.merge(msgspec.structs.replace(node.member, incarnation=2**50, zone="west"), 0.0)
        assert all(node.bulk.takes(one.address, 1.0) for one in peers)
        node.handle_timer(1.1)
        fetch = node.bulk.next()
        assert fetch
        chosen.append(fetch.name)
    assert chosen == ["3"] * 20


def test_there_is_one_exchange_at_a_time_and_a_pause_after_it() -> None:
    node, peer = lone("2"), member("1")
    first = asked(node, peer)
    assert node.bulk.takes(peer.address, 1.5)
    node.handle_timer(1.7)
    assert node.bulk.next() is None
    node.bulk.done(first, 2.0)
    node.bulk.done(first, 2.0)
    assert node.counters.bulk_done == 1
    assert not node.bulk.busy
    assert not node.bulk.takes(peer.address, 3.0)
    pauses = []
    now = 2.0
    for _ in range(9):  # each brings nothing new
        begun = now
        while not node.bulk.takes(peer.address, now):
            now += 0.5
        pauses.append(now - begun)
        node.handle_timer(now + 0.2)
        fetch = node.bulk.next()
        assert fetch
        node.bulk.done(fetch, now)
    assert pauses[0] < 6
    assert pauses[0] < pauses[2] / 2 < pauses[4] / 4
    assert 500 < pauses[-1] < 700


def test_no_bulk_sync_without_an_admin_port_or_where_it_is_turned_off() -> None:
    node = lone("2")
    node.acquaint([plain_member("1")], 0.0)
    assert node.bulk.takes(Address("10.0.0.1", 7700), 1.0)
    node.handle_timer(1.2)
    assert node.bulk.next() is None
    assert not node.bulk.busy
    assert not lone("3", bulk_from=0).bulk.takes(SEED, 1.0)


def test_what_it_brings_is_not_told_on_but_an_accusation_is_refuted() -> None:
    network = BulkNetwork(config=large())
    first = rich(network, members=300, events=300)
    second = network.start(member("2"), SEED)
    accused = msgspec.structs.replace(second.member, status=Status.UNREACHABLE)
    first.acquaint([accused], 0.0)
    network.until(lambda: tables(first)[1] == tables(second)[1])
    waiting = [key for key, _ in second._core.broadcasts.urgent.waiting()]
    assert "2" in waiting
    assert not [key for key in waiting if key.startswith("event") or int(key) >= 1000]
    network.until(lambda: network.status("2", at="1") is Status.ALIVE)


def test_an_answer_beyond_all_bounds_is_cut_short() -> None:
    node = GossipNode(
        Identity(member("2"), "test", RING, b"session2"),
        GossipConfig(events_max=16, members_max=2),
        random.Random(1),
        0.0,
    )
    fetch, made, frames = asked(node, member("1")), sealer(), 0
    noise = random.Random(1)
    body = [encode(Announce(member(noise.randbytes(20).hex()))) for _ in range(300)]
    while node.bulk.frame(fetch, made.seal(join(body)), 1.0):
        frames += 1
    assert frames < 30
    assert node.counters.bulk_failed == 1


def test_frames_are_larger_than_datagrams_and_bounded() -> None:
    messages = [encode(Announce(member(str(number)))) for number in range(2000)]
    parts = list(payloads(messages))
    assert 1 < len(parts) < 10
    assert all(len(part) <= 34_000 for part in parts)
    assert sum(len(decode_records(part)) for part in parts) == 2000
    with pytest.raises(DecodeError):
        decode_records(join([encode(Ping(1, "2", "1"))]))


def test_loads_come_along() -> None:
    network = BulkNetwork(config=large())
    first = rich(network, members=200, events=0)
    first.update_load(load(7), 0.0)
    second = network.start(member("2"), SEED)
    network.until(lambda: second.counters.bulk_done == 1)
    assert second.load_of("1") == load(7)
