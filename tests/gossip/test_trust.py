"""What is held against whom, as datagrams come in."""

from msgspec import structs

from edge.gossip import storm
from edge.gossip.membership import NAMES_MAX
from edge.gossip.reputation import Fault
from edge.model import Address, Status
from edge.wire.errors import Drop
from edge.wire.messages import Announce, Claim, Doubt, LoadRow, Loads, decode, encode
from gossip.test_node import FRIEND, Bench
from pretend import GENERATION, load, member

LIAR, OTHER = member("2"), member("3")
LIAR_AT = FRIEND
ROW = LoadRow(OTHER.name, GENERATION * 20 + 5, load())


def acquainted() -> Bench:
    bench = Bench()
    bench.hear(Announce(LIAR), Announce(OTHER), Announce(member("4")))
    return bench


def blame(bench: Bench, times: int = 4) -> None:
    for _ in range(times):
        bench.node._core.reputation.fault(LIAR.name, Fault.LOAD, 1.0)


def test_of_who_is_not_believed_only_its_word_about_itself_is_taken() -> None:
    bench = acquainted()
    blame(bench)
    own = LoadRow(LIAR.name, GENERATION * 20 + 5, load(7))
    bench.hear(Loads([ROW, own]), Claim(OTHER.name, OTHER.incarnation, Status.SUSPECT, LIAR.name))
    assert bench.node.load_of(OTHER.name) is None
    assert bench.node.load_of(LIAR.name) == load(7)
    assert bench.node.status_of(OTHER.name) is Status.ALIVE
    assert bench.node.trust.ignored == 1


def test_nor_is_what_others_tell_on_of_its_accusations() -> None:
    bench = acquainted()
    blame(bench)
    accusation = Claim(OTHER.name, OTHER.incarnation, Status.SUSPECT, LIAR.name)
    bench.hear(accusation, source=Address("10.0.0.4", 7700))
    assert bench.node.status_of(OTHER.name) is Status.ALIVE


def test_who_is_accused_by_it_still_refutes() -> None:
    bench = acquainted()
    blame(bench)
    bench.hear(Claim("1", bench.member.incarnation, Status.SUSPECT, LIAR.name))
    assert bench.node.member.incarnation > bench.member.incarnation


def test_who_is_shunned_gets_no_viewers_and_the_view_says_so() -> None:
    bench = acquainted()
    bench.hear(Loads([LoadRow(LIAR.name, GENERATION * 20 + 5, load(7))]))
    public = structs.replace(LIAR, incarnation=LIAR.incarnation + 1, public="http://10.0.0.2:7780")
    bench.hear(Announce(public))
    shown = bench.node.view().node(LIAR.name)
    assert shown is not None
    assert shown.takes_viewers
    blame(bench)
    for one in ("3", "4"):
        bench.hear(Loads([], [], [Doubt(LIAR.name, 0)]), source=Address(f"10.0.0.{one}", 7700))
    bench.node.handle_timer(1.6)
    shown = bench.node.view().node(LIAR.name)
    assert shown is not None
    assert (shown.reputation, shown.quarantined, shown.takes_viewers) == (0, True, False)
    assert "quarantined" in [event.kind for event in iter(bench.node.next_event, None)]


def test_a_node_tells_its_doubts_and_an_earlier_version_reads_past_them() -> None:
    told = Loads([ROW], [], [Doubt(LIAR.name, 5)])
    assert decode(b"[" + encode(told) + b"]") == [told]
    assert decode(b"[[6,[],[]]]") == [Loads([])]


def test_a_record_of_this_node_that_it_never_made_is_disowned_as_a_whole() -> None:
    bench = acquainted()
    forged = structs.replace(bench.member, incarnation=bench.member.incarnation + 1, public="http://10.9.9.9")
    bench.hear(Announce(forged))
    own = bench.node.member
    assert own.public == bench.member.public
    assert own.incarnation > forged.incarnation
    assert Announce(own) in [message for _, message in bench.said()]
    assert bench.node.counters.disowned == 1


def test_an_own_record_that_comes_back_is_no_forgery() -> None:
    bench = acquainted()
    bench.hear(Announce(structs.replace(bench.member, status=Status.SUSPECT)))
    assert bench.node.counters.disowned == 0
    assert bench.node.counters.refutations == 1


def test_names_at_one_address_are_few_and_who_invents_them_is_blamed() -> None:
    bench = acquainted()
    for number in range(100):
        bench.hear(Announce(structs.replace(LIAR, name=f"sybil-{number}")), source=LIAR_AT)
    assert len(bench.node.view().nodes) == 3 + NAMES_MAX
    assert bench.node.counters.names_refused + bench.node.trust.ignored == 100 - (NAMES_MAX - 1)
    assert bench.node._core.reputation.score(LIAR.name) == 0


def test_who_tells_of_names_at_another_address_frames_nobody() -> None:
    bench = acquainted()
    for number in range(100):
        bench.hear(Announce(structs.replace(OTHER, name=f"sybil-{number}")), source=LIAR_AT)
    assert len(bench.node.view().nodes) == 3 + NAMES_MAX
    assert bench.node._core.reputation.score(OTHER.name) == 100


def test_a_flood_is_dropped_unread_and_ends() -> None:
    bench = acquainted()
    for number in range(10_000):
        bench.hear(Loads([]), now=1.0 + number / 5000)
    dropped = bench.node.counters.dropped[Drop.FLOOD]
    assert dropped > 8500
    bench.hear(Loads([ROW]), now=3.0, source=Address("10.0.0.3", 7700))
    assert bench.node.load_of(OTHER.name) == ROW.load
    bench.node.handle_timer(3.1)
    bench.node.handle_timer(3.1 + storm.OVER_S + 1)
    kinds = [event.kind for event in iter(bench.node.next_event, None)]
    assert [kind for kind in kinds if kind.startswith("flood")] == ["flood", "flood-over"]
    bench.hear(Loads([]), now=20.0)
    assert bench.node.counters.dropped[Drop.FLOOD] == dropped
