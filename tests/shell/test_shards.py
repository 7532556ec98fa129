"""Who is told that the order of a shard has changed."""

from dataclasses import replace

import pytest

from edge.decide.shards import Shard
from edge.decide.steering import SteeringPolicy
from edge.model import Load, Member, Status, incarnation_of
from edge.shell import shards
from edge.shell.shards import Shards
from edge.state.reports import Report
from edge.state.view import ClusterView, NodeView

SHARD = Shard("west", 3)


def node(name: str, status: Status = Status.ALIVE) -> NodeView:
    member = Member(
        name, incarnation_of(1), status, "10.0.0.1", 7700, public=f"http://{name}:80", zone="west"
    )
    return NodeView(member, Report(1, Load(0, 0, 0, 100, 100, 0), 0.0))


class World:
    """A view and a clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.view = ClusterView(1, "pune", (node("goa"), node("pune")))
        self.shards = Shards(lambda: self.view, SteeringPolicy(), lambda: self.now)

    def first(self) -> str:
        steering = self.shards.order(SHARD)
        assert steering
        return steering.nodes[0]

    def kill(self, name: str) -> None:
        dead = (
            node(one.name, Status.UNREACHABLE if one.name == name else Status.ALIVE)
            for one in self.view.nodes
        )
        self.view = replace(self.view, version=self.view.version + 1, nodes=tuple(dead))


@pytest.fixture
def world() -> World:
    return World()


def test_a_look_tells_of_a_change_once(world: World) -> None:
    first = world.first()
    assert not world.shards.look()
    world.kill(first)
    assert world.shards.look()
    assert not world.shards.look()
    assert world.first() != first
    assert world.shards.changes == 1


def test_it_tells_of_a_change_that_a_player_was_told_before(world: World) -> None:
    first = world.first()
    world.kill(first)
    world.now += 1
    assert world.first() != first
    assert world.shards.look()
    assert not world.shards.look()


def test_what_nobody_can_hold_any_more_is_not_looked_at(world: World) -> None:
    world.kill(world.first())
    world.now += shards.WATCHED_S
    assert not world.shards.look()


def test_a_change_that_moves_nothing_is_none(world: World) -> None:
    world.first()
    world.view = replace(world.view, version=2)
    assert not world.shards.look()


def test_the_orders_are_bounded_and_the_one_that_was_asked_for_first_leaves(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SHARDS_MAX", 2)
    for number in (1, 2, 1, 3):
        world.shards.order(Shard("west", number))
    assert len(world.shards) == 2
    assert world.shards.forgotten == 1
