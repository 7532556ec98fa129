"""One node, datagram in and datagram out."""

import itertools
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config import GossipConfig
from edge.gossip import GossipNode
from edge.gossip.core import EVENTS_MAX
from edge.gossip.node import Identity
from edge.gossip.signatures import UNSIGNED, Signing
from edge.model import (
    GENERATION_MAX,
    Address,
    ConfigError,
    HotSegment,
    Load,
    Status,
    first_version,
    generation_of,
)
from edge.wire.compress import Compressor
from edge.wire.errors import Drop
from edge.wire.frame import Opener, Sealer
from edge.wire.keys import KeyRing
from edge.wire.messages import (
    Ack,
    Announce,
    AnyMessage,
    Claim,
    Join,
    LoadRow,
    Loads,
    Nack,
    Ping,
    PingReq,
    Welcome,
    decode,
    encode,
    join,
)
from pretend import GENERATION, load, member

RING = KeyRing.insecure("test")
FRIEND = Address("10.0.0.2", 7700)


class Bench:
    """A node on the bench: named messages in, messages by address out."""

    def __init__(self, config: GossipConfig | None = None, signing: Signing = UNSIGNED) -> None:
        self.member = member("1")
        identity = Identity(self.member, "test", RING, b"session1", signing=signing)
        self.node = GossipNode(identity, config or GossipConfig(), random.Random(1), 0.0)
        self._sealer = Sealer(RING, "test", b"session2", Compressor())
        self._opener = Opener(RING, "test", Compressor())

    def hear(self, *messages: AnyMessage, now: float = 1.0, source: Address = FRIEND) -> None:
        frame = self._sealer.seal(join([encode(one) for one in messages]))
        self.node.receive_datagram(frame, source, now)

    def said(self) -> list[tuple[Address, AnyMessage]]:
        return [
            (address, message)
            for data, address in self.node.datagrams_to_send(1.0)
            for message in decode(self._opener.open(data))
        ]


def test_a_ping_is_answered_if_it_is_for_us() -> None:
    bench = Bench()
    bench.hear(Ping(7, "2", "1"), now=1.0)
    assert bench.said() == [(FRIEND, Ack(7, "1", wall_ms=1000))]
    bench.hear(Ping(8, "2", "who had this address before"))
    assert bench.said() == []
    assert bench.node.counters.misdirected == 1


def test_a_process_started_in_the_second_of_the_one_before_is_told_to_be_newer() -> None:
    bench, before = Bench(), member("2")
    bench.hear(Announce(before))
    bench.said()
    bench.hear(Join(before))
    assert _welcome(bench).known_incarnation == 0, "the same process, that asks again"
    bench.hear(Join(msgspec.structs.replace(before, public="http://10.0.0.2:1")))
    assert _welcome(bench).known_incarnation == before.incarnation


def _welcome(bench: Bench) -> Welcome:
    [found] = [message for _, message in bench.said() if isinstance(message, Welcome)]
    return found


def test_no_word_of_others_makes_an_incarnation_that_does_not_fit() -> None:
    bench = Bench()
    bench.hear(Welcome("2", 2**62, 1))
    assert bench.said(), "what it says can be read"
    own = bench.node.view().node("1")
    assert own is not None
    assert GENERATION < generation_of(own.member.incarnation) <= GENERATION_MAX


def test_a_helper_probes_and_passes_the_answer_on() -> None:
    bench, target = Bench(), Address("10.0.0.3", 7700)
    bench.hear(PingReq(41, "2", "3", *target))
    [(address, ping)] = bench.said()
    assert address == target
    assert isinstance(ping, Ping)
    bench.hear(Ack(ping.seq, "3"), source=target)
    assert bench.said() == [(FRIEND, Ack(41, "3"))]


def test_a_helper_that_gets_no_answer_says_so() -> None:
    bench = Bench()
    bench.hear(PingReq(41, "2", "3", "10.0.0.3", 7700), now=1.0)
    bench.said()
    bench.node.handle_timer(1.25)
    assert (FRIEND, Nack(41, "1")) in bench.said()


def test_a_helper_hears_a_refusal_at_once() -> None:
    bench = Bench()
    bench.hear(PingReq(41, "2", "3", "10.0.0.3", 7700), now=1.0)
    bench.said()
    bench.node.report_refused(Address("10.0.0.3", 7700), 1.01)
    assert (FRIEND, Nack(41, "1")) in bench.said()


def test_an_answer_nobody_waits_for_changes_nothing() -> None:
    bench = Bench()
    bench.hear(Ack(99, "3"), Nack(99, "3"))
    assert bench.said() == []


def test_only_its_owner_may_bring_a_member_back() -> None:
    bench, other = Bench(), member("3")
    bench.hear(Announce(other))
    bench.hear(Claim("3", other.incarnation + 5, Status.ALIVE, "2"))
    bench.hear(Claim("3", other.incarnation + 5, Status.LEFT, "2"))
    held = bench.node.view().node("3")
    assert held is not None
    assert held.member == other
    bench.hear(Claim("3", other.incarnation, Status.LEFT, "3"))
    gone = bench.node.view().node("3")
    assert gone is not None
    assert gone.member.status is Status.LEFT


def test_a_claim_about_an_unknown_or_past_process_is_no_news() -> None:
    bench, other = Bench(), member("3")
    bench.hear(Claim("3", other.incarnation, Status.SUSPECT, "2"))
    assert bench.node.view().node("3") is None
    bench.hear(Announce(other), Claim("3", 1, Status.UNREACHABLE, "2"))
    held = bench.node.view().node("3")
    assert held is not None
    assert held.alive


def test_a_suspected_member_is_told_first_so_that_it_can_refute() -> None:
    bench = Bench()
    bench.hear(Claim("1", bench.member.incarnation, Status.SUSPECT, "2"))
    own = bench.node.view().node("1")
    assert own is not None
    assert own.member.incarnation == bench.member.incarnation + 1
    assert own.alive
    assert bench.node.awareness == 1


def test_a_report_may_come_before_the_record_of_its_node_and_the_newest_stays() -> None:
    bench, first = Bench(), GENERATION * 20
    bench.hear(Loads([LoadRow("3", first + 5, load(5))]))
    assert bench.node.view().node("3") is None
    bench.hear(Announce(member("3")), Loads([LoadRow("3", first + 4, load(4))]))
    assert held_load(bench) == load(5)
    bench.hear(Loads([LoadRow("3", first + 6, load(6))]))
    assert held_load(bench) == load(6)


def held_load(bench: Bench) -> Load | None:
    held = bench.node.view().node("3")
    return held.load.value if held and held.load else None


def test_a_new_process_of_a_node_begins_with_no_load() -> None:
    bench = Bench()
    bench.hear(Announce(member("3")), Loads([LoadRow("3", GENERATION * 20 + 99, load(9))]))
    bench.hear(Announce(member("3", GENERATION + 5)))
    assert held_load(bench) is None


def test_versions_rise_over_changes_restarts_and_what_a_past_self_said() -> None:
    bench = Bench()
    versions = []
    for tick in range(3):
        bench.node.update_load(load(tick), tick * 0.01)
        versions.append(own_version(bench))
    assert versions[0] >= GENERATION * 20
    bench.hear(Loads([LoadRow("1", versions[-1] + 1000, load(7))]))
    assert own_version(bench) == versions[-1] + 1001
    bench.hear(Ping(7, "2", "1", load=versions[-1] + 2000))
    assert own_version(bench) == versions[-1] + 2001
    bench.hear(
        Ping(8, "2", "1", load=5), Ping(9, "2", "who had this address before", load=versions[-1] + 3000)
    )
    assert own_version(bench) == versions[-1] + 2001
    assert versions == sorted(set(versions))


def own_version(bench: Bench) -> int:
    held = bench.node.view().node("1")
    assert held is not None
    assert held.load is not None
    return held.load.version


def test_long_paths_leave_room_for_fewer_of_them() -> None:
    bench = Bench()
    top = tuple(HotSegment(f"/{number}/" + 505 * "x", 1.0) for number in range(5))
    bench.node.set_popularity(top, 1.0)
    own = bench.node.view().node("1")
    assert own is not None
    assert own.top is not None
    assert own.top.value == top[:2]


def test_load_that_does_not_change_is_told_now_and_then_only() -> None:
    bench = Bench()
    for tick in range(30):
        bench.node.update_load(load(5), tick / 10)
    assert own_version(bench) == GENERATION * 20 + 40  # at 0 s and at 2 s


def test_a_record_that_no_datagram_holds_is_the_users_mistake() -> None:
    tags = {f"{number}{'k' * 60}": "v" * 63 for number in range(16)}
    large = msgspec.structs.replace(member("1"), tags=tags)
    identity = Identity(large, "test", RING, b"session1")
    with pytest.raises(ConfigError, match=r"node.tags: make a record of \d+ bytes; at most \d+ fit"):
        GossipNode(identity, GossipConfig(), random.Random(1), 0.0)


def test_the_view_is_one_object_until_something_changes() -> None:
    bench = Bench()
    first = bench.node.view()
    assert bench.node.view() is first
    bench.hear(Announce(member("3")))
    assert bench.node.view() is not first
    assert bench.node.view().version > first.version


def test_events_that_nobody_takes_are_bounded_and_counted() -> None:
    bench = Bench(GossipConfig(members_max=10_000))
    for number in range(2, EVENTS_MAX + 52):
        bench.hear(Announce(member(str(number))), now=float(number))  # at once it were a flood
    assert bench.node.counters.events_lost == 50
    assert len(list(iter(bench.node.next_event, None))) == EVENTS_MAX


def test_a_full_table_refuses_and_counts() -> None:
    bench = Bench(GossipConfig(members_max=5))
    for number in range(2, 12):
        bench.hear(Announce(member(str(number))))
    assert len(bench.node.view().nodes) == 5
    assert bench.node.members_refused == 6


@given(st.lists(st.binary(max_size=1600), max_size=20))
def test_junk_moves_counters_and_nothing_else(datagrams: list[bytes]) -> None:
    bench = Bench()
    before = bench.node.view()
    for number, data in enumerate(datagrams):
        bench.node.receive_datagram(data, FRIEND, number / 10)
    assert bench.node.view() is before
    assert bench.said() == []
    assert sum(bench.node.counters.dropped.values()) == len(datagrams)
    assert bench.node.sessions == 0


def test_a_sealed_payload_of_nonsense_is_dropped_whole() -> None:
    bench = Bench()
    sealer = Sealer(RING, "test", b"session3", Compressor())
    mixed = join([encode(Announce(member("3"))), b'[99,"from the future"]'])
    for payload in (b"", b"no JSON", b"[[0,1]]", mixed):
        bench.node.receive_datagram(sealer.seal(payload), FRIEND, 1.0)
    assert bench.node.counters.dropped[Drop.DECODE] == 4
    assert bench.node.view().node("3") is None


def test_timers_never_stop_and_never_pile_up() -> None:
    bench = Bench()
    for number in range(2, 30):
        bench.hear(Announce(member(str(number))))
    now = 1.0
    for _ in itertools.repeat(None, 5000):
        due = bench.node.next_timer()
        assert due is not None
        now = max(now, due)
        bench.node.handle_timer(now)
        bench.node.datagrams_to_send(now)
    assert now > 60
    assert len(bench.node._core.timers) < 500


def test_who_missed_our_refutation_hears_it_again() -> None:
    bench = Bench()
    start = bench.member.incarnation
    bench.hear(Claim("1", start, Status.SUSPECT, "2"))
    assert bench.node.member.incarnation == start + 1
    bench.said()
    bench.hear(Claim("1", start, Status.SUSPECT, "2"))  # still: the first refutation got lost
    assert (FRIEND, Announce(bench.node.member)) in bench.said()
    bench.hear(Claim("1", start, Status.ALIVE, "1"))  # an old record of a living node accuses nobody
    assert bench.said() == []


def test_a_process_that_starts_with_its_clock_behind_counts_on_above_its_past_reports() -> None:
    """Reports are versioned by time: else the past's, which look newer, would stay for as long as the step was."""
    bench, past = Bench(), member("2", GENERATION)
    later = first_version(past.incarnation) + 20 * 3600
    row = LoadRow("2", later, load(streams=7))
    bench.hear(Announce(past), Loads([row]))
    bench.said()
    bench.hear(Announce(member("2", GENERATION + 60)))
    assert (FRIEND, Loads([row])) in [(to, one) for to, one in bench.said() if isinstance(one, Loads)]

    bench.hear(Loads([LoadRow("1", later, load())]))  # and what it does when it is told so itself
    bench.node.update_load(load(streams=9), 1.0)
    bench.node.handle_timer(3.0)
    own = [row for _, one in bench.said() if isinstance(one, Loads) for row in one.rows if row.node == "1"]
    assert [row.load.streams for row in own] == [9]
    assert own[0].version > later


def test_a_node_alone_at_its_start_does_not_take_its_past_for_a_rival() -> None:
    bench = Bench()
    past = member("1", GENERATION + 60)  # its clock was ahead then
    bench.hear(Announce(past), now=500.0)
    assert not bench.node.conflict
    assert generation_of(bench.node.member.incarnation) > GENERATION + 60
    bench.hear(Announce(member("1", GENERATION + 90)), now=506.0)  # we have met the others long ago
    assert bench.node.conflict
