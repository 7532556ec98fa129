"""Who forges records of others has the cluster's key and one of its own; where records are signed nothing comes of it.

`python -m loadtest liars` plays the same among viewers, with several seeds.
"""

import pytest

from edge.config import GossipConfig
from edge.gossip.reputation import Fault
from edge.gossip.signatures import Mode
from edge.model import GossipEvent
from loadtest.sim.audience import Audience
from loadtest.sim.forging import FORGERIES
from loadtest.sim.identities import all_sign
from loadtest.sim.liars import Lie, Stage
from loadtest.sim.world import Host, World

NODES, CAPACITY, SESSION_S = 12, 1000, 20.0
LIE_S, EVERY_S = 4.0, 0.1


def forged(lie: Lie, mode: Mode) -> tuple[Stage, list[str]]:
    """Let the last node forge for a while; what the others made of it."""
    world, changes = World(1, GossipConfig()), list[str]()
    world.signing = all_sign(mode)
    world.add(NODES)
    world.start_acquainted()
    stage = Stage(world, Audience(world, CAPACITY, SESSION_S), list(world.hosts.values())[-1], lying=True)
    world.run(2.0)

    def heard(host: Host, event: GossipEvent) -> None:
        if host is not stage.liar and event.node != stage.liar.name and event.kind != "forged":
            changes.append(f"{host.name}: {event.text}")

    world.on_event = heard
    for _ in range(round(LIE_S / EVERY_S)):
        assert lie.act
        stage.acts += 1
        lie.act(stage)
        world.drain(stage.liar)
        world.run(EVERY_S)
    return stage, changes


def elsewhere(stage: Stage) -> int:
    """Addresses of viewers that honest nodes hold of honest nodes, and that are not theirs."""
    honest = [host for host in stage.world.hosts.values() if host is not stage.liar and host.node]
    true = {host.name: host.node.member.public for host in honest if host.node}
    views = [host.node.view() for host in honest if host.node]
    return sum(
        one.member.public != true.get(one.name, one.member.public) for view in views for one in view.nodes
    )


@pytest.mark.parametrize("name", FORGERIES)
def test_where_all_sign_a_forgery_changes_nothing_and_costs_its_teller_trust(name: str) -> None:
    stage, changes = forged(FORGERIES[name], "require")
    assert not changes
    assert not elsewhere(stage)
    honest = [host.node for host in stage.world.hosts.values() if host is not stage.liar and host.node]
    assert all(one.trust.faults[Fault.FORGED] for one in honest)
    scores = {name: max(one._core.reputation.score(name) for one in honest) for name in stage.world.hosts}
    assert [name for name, score in scores.items() if score < 100] == [stage.liar.name]


def test_while_some_may_not_sign_who_is_said_to_have_left_says_that_it_has_not() -> None:
    """For those who would believe it; nobody does here."""
    stage, changes = forged(FORGERIES["goodbye"], "verify")
    assert changes
    assert all(one.endswith(("refuted it", "announced itself anew", "disowned")) for one in changes)
    assert not elsewhere(stage)


@pytest.mark.parametrize(("name", "what"), [("goodbye", " left"), ("stale", "announced itself anew")])
def test_where_nobody_signs_it_is_believed(name: str, what: str) -> None:
    """Else the tests above could not fail."""
    _, changes = forged(FORGERIES[name], "off")
    assert any(one.endswith(what) for one in changes)
