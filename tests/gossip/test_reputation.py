"""Scores, doubts and votes: who is shunned, on whose word, and for how long."""

from hypothesis import given
from hypothesis import strategies as st

from edge.gossip.reputation import (
    PENALTY,
    PER_S,
    QUARANTINE,
    RELEASE,
    SHARE,
    STEADY_S,
    WHOLE,
    Fault,
    Reputation,
)
from edge.model import Address
from edge.wire.messages import Doubt

NAMES = [f"n{number}" for number in range(12)]
PRESENT = {name: Address(f"10.0.0.{number}", 7700) for number, name in enumerate(NAMES)}
LIAR, ME = "n11", "n0"


def blamed(*names: str, now: float = 0.0) -> Reputation:
    """With some of which nothing is believed."""
    found = Reputation(ME)
    for name in names:
        for _ in range(4):
            found.fault(name, Fault.LOAD, now)
    return found


def test_a_score_falls_by_the_fault_and_rises_slowly_when_there_are_no_more() -> None:
    held = Reputation(ME)
    held.settle(PRESENT, 0.0)
    held.fault(LIAR, Fault.SWING, 0.0)
    assert held.score(LIAR) == WHOLE - PENALTY[Fault.SWING]
    held.settle(PRESENT, STEADY_S - 0.1)
    assert held.score(LIAR) == WHOLE - PENALTY[Fault.SWING]
    held.settle(PRESENT, STEADY_S + 1)
    assert WHOLE - PENALTY[Fault.SWING] < held.score(LIAR) <= WHOLE - PENALTY[Fault.SWING] + 1.2 * PER_S
    held.settle(PRESENT, 100.0)
    assert held.score(LIAR) == WHOLE


def test_own_evidence_alone_has_nobody_shunned_and_two_peers_confirm_it() -> None:
    held = blamed(LIAR)
    assert held.settle(PRESENT, 1.0) == []
    held.heard("n1", [Doubt(LIAR, 20)], 1.0)
    assert held.settle(PRESENT, 1.5) == []
    held.heard("n2", [Doubt(LIAR, 30)], 1.5)
    assert held.settle(PRESENT, 2.0) == [(LIAR, True)]
    assert held.quarantined(LIAR)
    assert not held.believed(LIAR)


def test_a_peer_counts_once_however_often_it_speaks() -> None:
    held = blamed(LIAR)
    for step in range(20):
        held.heard("n1", [Doubt(LIAR, 0), Doubt(LIAR, 1)], step / 10)
    assert held.settle(PRESENT, 2.0) == []


@given(st.lists(st.sampled_from(NAMES[1:]), max_size=5, unique=True))
def test_slander_by_less_than_half_has_nobody_shunned(slanderers: list[str]) -> None:
    held = Reputation(ME)
    for one in slanderers:
        held.heard(one, [Doubt(name, 0) for name in NAMES[:8]], 1.0)
    assert held.settle(PRESENT, 1.0) == []


def test_the_word_of_most_counts_where_there_is_no_own_evidence() -> None:
    held = Reputation(ME)
    for one in NAMES[1:7]:
        held.heard(one, [Doubt(LIAR, 0)], 1.0)
    assert held.settle(PRESENT, 1.0) == [(LIAR, True)]
    assert held.settle(PRESENT, 100.0) == [(LIAR, False)]  # they have not said so for long


def test_the_word_of_who_is_not_believed_does_not_count() -> None:
    held = blamed(LIAR, "n1", "n2")
    held.heard("n1", [Doubt(LIAR, 0)], 1.0)
    held.heard("n2", [Doubt(LIAR, 0)], 1.0)
    assert held.settle(PRESENT, 1.0) == []


def test_at_most_a_third_are_ever_shunned_and_that_is_counted() -> None:
    held = blamed(*NAMES[1:])
    for one in ("x", "y"):
        held.heard(one, [Doubt(name, 0) for name in NAMES[4:]], 1.0)
    changes = held.settle(PRESENT | {"x": Address("10.0.1.1", 1), "y": Address("10.0.1.2", 1)}, 1.0)
    assert len(changes) == len(held.shunned) == 14 // SHARE
    assert held.crowded == 8 - len(changes)


def test_names_that_one_node_has_invented_take_nobodys_room() -> None:
    invented = [f"sybil-{number}" for number in range(6)]
    held = blamed(LIAR, *invented, *NAMES[8:11])
    for one in ("n1", "n2"):
        held.heard(one, [Doubt(name, 0) for name in (LIAR, *invented)], 1.0)
    assert len(held.settle(PRESENT | dict.fromkeys(invented, PRESENT[LIAR]), 1.0)) == 1 + len(invented)
    for one in ("n1", "n2"):
        held.heard(one, [Doubt(name, 0) for name in NAMES[8:11]], 1.5)
    assert held.settle(PRESENT | dict.fromkeys(invented, PRESENT[LIAR]), 1.5) == [
        (name, True) for name in NAMES[8:11]
    ]


def test_who_is_shunned_stays_so_until_well_above_and_longer_after_a_relapse() -> None:
    held, now, took = Reputation(ME), 0.0, list[float]()
    for _ in range(2):
        for _ in range(4):
            held.fault(LIAR, Fault.LOAD, now)
        for one in ("n1", "n2"):
            held.heard(one, [Doubt(LIAR, 0)], now)
        assert held.settle(PRESENT, now) == [(LIAR, True)]
        begun = now
        while held.quarantined(LIAR):
            now += 0.5
            held.settle(PRESENT, now)
            assert held.quarantined(LIAR) or held.score(LIAR) >= RELEASE > QUARANTINE
        took.append(now - begun)
    assert took == [STEADY_S + RELEASE / PER_S - 0.5, STEADY_S + 2 * RELEASE / PER_S - 0.5]


def test_who_is_no_member_any_more_is_forgotten() -> None:
    held = blamed(LIAR)
    held.heard(LIAR, [Doubt("n1", 0)], 0.0)
    held.forget(NAMES[:-1])
    assert held.all_whole
    assert held.idle(1.0)


def test_nobody_judges_himself_and_hears_who_doubts_him() -> None:
    held = blamed(ME)
    assert held.score(ME) == WHOLE
    held.heard("n1", [Doubt(ME, 10)], 0.0)
    assert held.doubters() == ["n1"]
    assert held.settle(PRESENT, 0.0) == []
