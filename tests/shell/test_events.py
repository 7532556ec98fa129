import pytest

from edge.model import ConfigError, Durable, EventKind
from edge.shell import events
from gossip.test_node import Bench
from gossip.test_partition import cut_off, heal, in_zones
from pretend import Network
from shell.actor import actor_of, event_actor


def user_event(key: str, body: str = "", at: int = 1 << 16) -> Durable:
    return Durable(EventKind.USER, key, at, "2", 7 * 86_400, body)


def test_a_handler_hears_the_events_of_its_prefix_once() -> None:
    bench = Bench()
    actor, heard = event_actor(bench), list[tuple[str, str]]()
    actor.on("match/", lambda event: heard.append((event.key, event.body)))
    actor.event({"key": "match/toss", "body": "heads"})
    actor.event({"key": "other", "body": "x"})
    actor.act()
    actor.event({"key": "match/toss", "body": "tails"})
    assert heard == [("match/toss", "heads"), ("match/toss", "tails")]


def test_a_handler_that_fails_is_counted_and_takes_nothing_down(caplog: pytest.LogCaptureFixture) -> None:
    actor, heard = event_actor(), list[str]()
    actor.on("", lambda _event: 1 / 0)  # type: ignore[arg-type]
    actor.on("", lambda event: heard.append(event.key))
    told = actor.event({"key": "toss"})
    assert heard == ["toss"]
    assert actor.failures == 1
    assert told["reached"] == ["1"]
    assert "the handler of  failed on toss" in caplog.text


def test_the_number_of_handlers_is_bounded() -> None:
    actor = event_actor()
    for _ in range(events.HANDLERS_MAX):
        actor.on("", lambda _event: None)
    with pytest.raises(ConfigError, match="handlers: there are 64"):
        actor.on("", lambda _event: None)


def test_a_purge_that_this_version_does_not_understand_is_acknowledged_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    actor = event_actor(bench)
    made = bench.node.create_event(EventKind.PURGE, "colour:blue", "hard", 60, 1.0)
    actor.act()
    assert bench.node.reached(made) == ["1"]
    assert "purge colour:blue by 1 is not understood" in caplog.text


def test_the_smaller_side_of_a_cut_cannot_speak_for_the_cluster() -> None:
    network = Network()
    zone_of = in_zones(network, {"mumbai": 2, "pune": 4})
    mumbai, pune = (actor_of(network.nodes[name]) for name in ("1", "3"))
    assert mumbai.minority() == pune.minority() == ""
    cut_off(network, zone_of, "mumbai")
    network.until(lambda: all(node.view().partition for node in network.nodes.values()))
    assert pune.minority().startswith("a cut has just begun, and ")
    network.run(6)
    assert mumbai.minority() == (
        "this side of a cut is no majority, 2 of 6 members are reached: ask a node of the other side"
    )
    assert pune.minority() == ""
    heal(network)
    network.until(lambda: mumbai.minority() == "")
