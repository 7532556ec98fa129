import random
from collections import Counter

import pytest
from msgspec import structs

from edge.gossip.members import MemberTable
from edge.gossip.rounds import BRIDGE_SHARE, Rounds, is_bridge
from edge.model import Status
from pretend import member


def table(zones: dict[str, int]) -> MemberTable:
    """So many members of each zone, named zone-number."""
    made = MemberTable(1000)
    for zone, count in zones.items():
        for number in range(count):
            made.merge(member(f"{zone}-{number}", zone=zone), 0.0)
    return made


def rounds(members: MemberTable, me: str, far_share: float) -> Rounds:
    peer = members.get(me)
    assert peer is not None
    return Rounds(members, lambda: peer.member, far_share, random.Random(1))


def picks(made: Rounds, count: int) -> Counter[str]:
    return Counter(one.name for one in (made.next() for _ in range(count)) if one)


def zone_of(name: str) -> str:
    return name.partition("-")[0]


def test_nobody_gets_gossip_twice_before_all_had_it() -> None:
    made = rounds(table({"a": 10}), "a-0", far_share=1)
    assert set(picks(made, 9).values()) == {1}
    assert picks(made, 90).total() == 90
    assert max(picks(made, 90).values()) == 10


@pytest.mark.parametrize("share", [0.1, 0.3, 0.75])
def test_a_share_of_the_turns_goes_across_zones(share: float) -> None:
    told = picks(rounds(table({"a": 20, "b": 20, "c": 20}), "a-0", share), 1000)
    far = sum(count for name, count in told.items() if zone_of(name) != "a")
    assert far == pytest.approx(1000 * share, abs=10)
    assert len(told) == 59


def test_a_small_zone_is_no_place_to_prefer() -> None:
    told = picks(rounds(table({"a": 3, "b": 30}), "a-0", 0.3), 320)
    assert set(told.values()) == {10}


def test_of_a_large_zone_only_the_bridges_gossip_across() -> None:
    members = table({"a": 100, "b": 30})
    names = [f"a-{number}" for number in range(100)]
    far = {
        name: sum(
            count for peer, count in picks(rounds(members, name, 0.3), 200).items() if zone_of(peer) == "b"
        )
        for name in names
    }
    bridges = [name for name in names if is_bridge(name, [one for one in names if one != name])]
    assert len(bridges) == int(BRIDGE_SHARE * 100)
    first_turn = 1  # before the first round is made, a node knows of no zones
    assert all(far[name] > 100 for name in bridges)
    assert all(far[name] <= first_turn for name in names if name not in bridges)


def test_who_left_is_passed_over_and_a_newcomer_has_its_turn_in_this_round() -> None:
    members = table({"a": 30})
    made = rounds(members, "a-0", far_share=1)
    picks(made, 5)
    members.merge(structs.replace(members.peers()[7].member, status=Status.LEFT), 0.0)
    newcomer = member("a-30", zone="a")
    members.merge(newcomer, 0.0)
    made.enter(newcomer)
    told = picks(made, 25)
    assert told["a-30"] == 1
    assert "a-7" not in picks(made, 100)


def test_alone_there_is_nobody_to_tell() -> None:
    assert rounds(table({"a": 1}), "a-0", 0.3).next() is None
