"""A law: bulk sync and datagrams lead to equal tables, whatever either side held before."""

from collections.abc import Iterator

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.model import Durable, EventKind, Member, Status
from gossip.test_bulk import DAY_S, SEED, BulkNetwork, large, member, tables
from pretend import GENERATION

statuses = st.sampled_from((Status.ALIVE, Status.LEFT))
held_members = st.lists(st.tuples(st.integers(10, 60), st.integers(0, 3), statuses), max_size=40)
held_events = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 5), st.sampled_from(EventKind)), max_size=40
)


def made_members(drawn: list[tuple[int, int, Status]]) -> list[Member]:
    return [
        msgspec.structs.replace(member(str(number), status=status), incarnation=GENERATION + counter)
        for number, counter, status in drawn
    ]


def made_events(drawn: list[tuple[int, int, EventKind]]) -> list[Durable]:
    unique = dict.fromkeys(drawn)
    return [Durable(kind, f"/{key}", at, "9", DAY_S) for key, at, kind in unique]


def exchanged(bulk_from: int, sides: Iterator[tuple[list[Member], list[Durable]]]) -> list[object]:
    """What two nodes hold of others in the end."""
    network = BulkNetwork(config=large(bulk_from))
    nodes = [network.start(member("1")), network.start(member("2"), SEED)]
    for node, (members, events) in zip(nodes, sides, strict=True):
        node.acquaint(members, 0.0)
        for event in events:
            node._events._log.merge(event, 0)
    network.until(lambda: nodes[0]._sync.digest == nodes[1]._sync.digest, within_s=20)
    held = [([one for one in tables(node)[0] if one.name > "2"], node.durables()) for node in nodes]
    assert held[0] == held[1]
    return [[(one.name, one.rank) for one in held[0][0]], held[0][1]]


@given(held_members, held_members, held_events, held_events)
@settings(max_examples=25, deadline=None)
def test_bulk_and_datagrams_give_equal_tables(
    one: list[tuple[int, int, Status]],
    other: list[tuple[int, int, Status]],
    events: list[tuple[int, int, EventKind]],
    others: list[tuple[int, int, EventKind]],
) -> None:
    by_bulk, by_datagrams = (
        exchanged(
            bulk_from,
            iter([(made_members(one), made_events(events)), (made_members(other), made_events(others))]),
        )
        for bulk_from in (1, 0)
    )
    assert by_bulk == by_datagrams
