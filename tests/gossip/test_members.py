import random

from hypothesis import given
from hypothesis import strategies as st

from edge.gossip.members import MemberTable, bucket_of
from edge.model import Member, Status, incarnation_of
from edge.wire.messages import BUCKETS

records = st.lists(
    st.builds(
        lambda name, generation, counter, status: Member(
            name, incarnation_of(generation, counter), status, f"10.0.{generation}.{counter}", 7700
        ),
        st.sampled_from("abcd"),
        st.integers(1, 3),
        st.integers(0, 3),
        st.sampled_from(Status),
    ),
    max_size=40,
)


def table(told: list[Member], members_max: int = 100) -> MemberTable:
    made = MemberTable(members_max)
    for one in told:
        made.merge(one, 0.0)
    return made


def held(made: MemberTable) -> dict[str, Member]:
    return {peer.member.name: peer.member for peer in made.peers()}


@given(records, st.randoms(use_true_random=False))
def test_merging_commutes_associates_and_is_idempotent(told: list[Member], rng: random.Random) -> None:
    again = told + told
    rng.shuffle(again)
    one, other = table(told), table(again)
    assert held(one) == held(other)
    assert (one.root, one.bucket_digests) == (other.root, other.bucket_digests)


@given(records)
def test_the_newest_record_of_each_name_is_held(told: list[Member]) -> None:
    for name, member in held(table(told)).items():
        assert member.rank == max(one.rank for one in told if one.name == name)


@given(records, st.data())
def test_a_digest_tells_equal_tables_from_others(told: list[Member], data: st.DataObject) -> None:
    made = table(told)
    root, buckets = made.root, list(made.bucket_digests)
    name = data.draw(st.sampled_from("abcd"))
    newer = Member(name, incarnation_of(9), Status.ALIVE, "10.0.0.9", 7700)
    made.merge(newer, 0.0)
    assert made.root != root
    changed = [index for index in range(BUCKETS) if made.bucket_digests[index] != buckets[index]]
    assert changed == [bucket_of(name)]
    made.forget(name)
    assert made.root == table([one for one in told if one.name != name]).root


def test_an_empty_table_has_an_empty_digest_again_when_all_have_left() -> None:
    made = table([Member(name, 1, Status.LEFT, "10.0.0.1", 7700) for name in "abc"])
    for name in "abc":
        made.forget(name)
    assert made.root == MemberTable(1).root
    assert made.bucket_digests == MemberTable(1).bucket_digests


def test_a_full_table_refuses_new_names_but_not_news() -> None:
    made = table([Member(name, 1, Status.ALIVE, "10.0.0.1", 7700) for name in "abc"], members_max=2)
    assert sorted(held(made)) == ["a", "b"]
    assert made.refused == 1
    assert made.merge(Member("a", 2, Status.ALIVE, "10.0.0.1", 7700), 0.0)


def test_a_member_that_moved_is_found_at_its_new_address_only() -> None:
    old, new = (Member("a", n, Status.ALIVE, f"10.0.0.{n}", 7700) for n in (1, 2))
    made = table([old, new])
    assert made.at(old.address) is None
    found = made.at(new.address)
    assert found is not None
    assert found.member == new


def test_an_address_passes_on_to_the_next_owner() -> None:
    made = table(
        [Member("a", 1, Status.ALIVE, "10.0.0.1", 7700), Member("b", 1, Status.ALIVE, "10.0.0.1", 7700)]
    )
    made.merge(Member("a", 2, Status.ALIVE, "10.0.0.2", 7700), 0.0)
    found = made.at(Member("b", 1, Status.ALIVE, "10.0.0.1", 7700).address)
    assert found is not None
    assert found.member.name == "b"
