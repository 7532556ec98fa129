"""A node that doubts itself learns what its link is worth, and accuses nobody for it."""

from edge.gossip.glances import Glances
from edge.wire.messages import Ack, Announce, Ping
from gossip.test_node import FRIEND, Bench
from pretend import member


def doubtful(score: int) -> tuple[Bench, Glances]:
    """A node that knows one other, with this much doubt of itself."""
    bench = Bench()
    bench.hear(Announce(member("2")))
    bench.node._core.awareness.add(score)
    return bench, bench.node._prober._glances


def pings(bench: Bench) -> list[int]:
    return [one.seq for address, one in bench.said() if isinstance(one, Ping) and address == FRIEND]


def test_a_node_that_trusts_itself_does_without() -> None:
    bench, glances = doubtful(1)
    bench.said()
    glances._look(2.0)
    assert pings(bench) == []


def test_an_answer_counts_and_so_does_its_want() -> None:
    bench, glances = doubtful(8)
    bench.said()
    before = bench.node.answered(2.0)
    glances._look(2.0)
    [seq] = pings(bench)
    glances._over(seq, 3.0)
    missed = bench.node.answered(3.0)
    assert missed < before
    glances._look(3.0)
    [seq] = pings(bench)
    bench.hear(Ack(seq, "2"), now=3.1)
    assert bench.node.answered(3.1) > missed
    glances._over(seq, 4.0)  # it was answered in time
    assert bench.node.answered(3.1) > missed


def test_nobody_is_accused_and_doubt_stays_as_it_is() -> None:
    bench, glances = doubtful(8)
    bench.said()
    for now in range(2, 12):
        glances._look(float(now))
        for seq in pings(bench):
            glances._over(seq, now + 1.0)
    assert bench.node.awareness == 8
    assert bench.node.counters.probes_failed == 0


def test_an_answer_of_somebody_else_does_not_count() -> None:
    bench, glances = doubtful(8)
    bench.said()
    glances._look(2.0)
    [seq] = pings(bench)
    before = bench.node._core.tries._lately._answered
    bench.hear(Ack(seq, "3"), now=2.1)
    assert bench.node._core.tries._lately._answered == before


def test_who_stood_still_does_not_blame_its_link_for_what_it_has_not_read() -> None:
    bench, glances = doubtful(8)
    bench.said()
    glances._look(2.0)
    [seq] = pings(bench)
    before = bench.node._core.tries._lately._missed
    bench.node._prober.start_over(9.0)
    glances._over(seq, 9.0)
    assert bench.node._core.tries._lately._missed == before
