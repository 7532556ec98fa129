"""Durable events in the swarm: which are drawn, what counts as lost, and that the demands can fail."""

from unittest import mock

import pytest

from edge.gossip.events import Events
from edge.model import Address, Durable, EventKind
from loadtest.sim.draw import FULL, SMALL, Size, swarm_scenario
from loadtest.sim.ledger import TOLD_S, in_time
from loadtest.sim.mutants import MUTANTS
from loadtest.sim.scenario import Crash, Create, Cut, Fault, Join, Leave, Pause, Scenario, Skew
from loadtest.sim.swarm import Outcome, Run

pytestmark = pytest.mark.timeout(300)
HERMIT = (4,), (0, 1, 2, 3)


def play(
    *faults: Fault, nodes: int = 5, duration_s: float = 12.0, acts_s: float = 0.0
) -> tuple[Run, Outcome]:
    """Five nodes, and what happens to them."""
    run = Run(Scenario(seed=1, nodes=nodes, duration_s=duration_s, acts_s=acts_s, faults=faults))
    return run, run.outcome()


def held(run: Run) -> list[list[str]]:
    """Keys of the events that each live node holds."""
    hosts = run.player.world.hosts.values()
    return [[event.key for event in host.node.durables()] for host in hosts if host.node]


def untold(self: Events, event: Durable, _source: Address | None, _now: float) -> None:
    """What a node does that tells nobody of an event."""
    self._waiting.append(event)


@pytest.mark.parametrize("size", [SMALL, FULL])
def test_events_are_drawn_of_all_kinds_and_in_bursts(size: Size) -> None:
    drawn = [swarm_scenario(seed, size) for seed in range(100)]
    asked = [one for scenario in drawn for one in scenario.faults if isinstance(one, Create)]
    assert {EventKind[one.kind.upper()] for one in asked} == set(EventKind)
    assert any(one.count > 10 for one in asked)
    assert any(one.ttl_s < size.duration_s[0] for one in asked)
    assert any(one.body_bytes for one in asked)
    keys = [[(one.kind, one.key) for one in scenario.faults if isinstance(one, Create)] for scenario in drawn]
    assert sum(len(set(some)) < len(some) for some in keys) > 20, "some take each other's place"


def test_events_are_drawn_where_they_are_hard_to_keep() -> None:
    in_cut = before_end = after_start = 0
    for scenario in map(swarm_scenario, range(100)):
        asked = [one for one in scenario.faults if isinstance(one, Create)]
        cuts = [one for one in scenario.faults if isinstance(one, Cut)]
        ends = [one for one in scenario.faults if isinstance(one, Crash | Leave)]
        in_cut += sum(cut.at_s < one.at_s < cut.at_s + cut.for_s for one in asked for cut in cuts)
        before_end += sum(
            0 <= end.at_s - one.at_s < 0.5 and end.node == one.node for one in asked for end in ends
        )
        starts = [(one.node, one.at_s + one.back_s) for one in ends if one.back_s is not None]
        starts += [(one.node, one.at_s) for one in scenario.faults if isinstance(one, Join)]
        after_start += sum(
            0 <= one.at_s - at_s < 0.5 and one.node == node for one in asked for node, at_s in starts
        )
    assert min(in_cut, before_end, after_start) > 20


def test_small_logs_have_room_for_all_that_must_never_go() -> None:
    drawn = [one for one in map(swarm_scenario, range(200)) if one.pressed]
    assert len(drawn) > 10
    for scenario in drawn:
        hot = [
            one for one in scenario.faults if isinstance(one, Create) and one.kind in ("purge", "override")
        ]
        assert len({(one.kind, key) for one in hot for key in one.keys}) < scenario.events_max


def test_an_event_may_go_with_the_only_node_that_could_know_it() -> None:
    alone, gone = Cut(3.0, 8.9, *HERMIT), Crash(11.0, 4, None, 4)
    run, outcome = play(alone, Create(4.0, 4, "purge", "/alone"), gone)
    assert not outcome.violations
    assert len(run.player.ledger.accepted) == 1
    assert held(run) == [[], [], [], []]


def test_an_event_that_a_crash_ends_at_once_is_everywhere_or_nowhere() -> None:
    run, outcome = play(Create(4.0, 3, "purge", "/last"), Crash(4.001, 3, None, 3))
    assert not outcome.violations
    assert held(run) in ([["/last"]] * 4, [[]] * 4)


def test_an_event_is_lost_if_its_node_had_time_to_tell_it() -> None:
    quiet, no_replay = mock.patch.object(Events, "_accepted", untold), MUTANTS["no-replay-to-late-nodes"]
    create = Create(4.0, 4, "purge", "/mute")
    for lived_s, rules in ((TOLD_S / 2, []), (TOLD_S + 1, ["lost"])):
        with quiet, no_replay.patched():
            _, outcome = play(create, Crash(create.at_s + lived_s, 4, None, 4))
        assert [one.rule for one in outcome.violations] == rules


def test_events_of_both_sides_of_a_cut_and_of_a_late_joiner_are_everywhere_in_the_end() -> None:
    faults = (
        Cut(3.0, 6.0, (0, 1), (2, 3, 4)),
        Create(5.0, 0, "purge", "/here", 30),
        Create(5.0, 3, "purge", "/there", 30),
        Create(6.0, 1, "override", "level"),
        Create(6.5, 2, "override", "level"),
        Join(8.0, 5, 5),
        Create(8.1, 5, "schedule", "toss"),
    )
    run, outcome = play(*faults)
    assert not outcome.violations
    assert [len(keys) for keys in held(run)] == [62] * 6


def test_an_application_that_ends_before_it_has_acted_acts_in_its_next_process() -> None:
    faults = (Create(4.0, 1, "purge", "/slow"), Crash(4.6, 3, 0.5, 3), Pause(4.2, 2.0, 2))
    run, outcome = play(*faults, acts_s=2.0)
    assert not outcome.violations
    assert ("edge-3", 1) not in run.player.ledger.acted
    assert len(run.player.ledger.acted["edge-3", 2]) == 1


def test_the_newest_of_a_key_is_kept_across_clocks_that_differ() -> None:
    faults = (
        Skew(0.0, 1, 20.0),
        Create(4.0, 1, "user", "toss"),
        Create(6.0, 2, "user", "toss"),  # its clock is behind, but it has heard of the first one
    )
    run, outcome = play(*faults)
    assert not outcome.violations
    hosts = run.player.world.hosts.values()
    assert {event.origin for host in hosts if host.node for event in host.node.durables()} == {"edge-2"}


def test_what_a_newer_event_replaced_does_not_come_back_from_who_was_away() -> None:
    faults = (
        Create(3.0, 0, "schedule", "toss"),
        Cut(4.0, 7.9, *HERMIT),
        Create(5.0, 1, "schedule", "toss", ttl_s=5),
    )
    run, outcome = play(*faults)
    assert not outcome.violations
    assert held(run) == [["toss"]] * 5


def test_a_node_whose_clock_is_hours_ahead_takes_events_from_others_only() -> None:
    """What it dated would be refused everywhere; before it has measured its peers' clocks it cannot know."""
    run, outcome = play(
        Skew(0.0, 4, 7200.0), Create(4.0, 4, "purge", "/tomorrow"), Create(4.0, 0, "user", "/now")
    )
    assert not outcome.violations
    assert held(run) == [["/now"]] * 5
    assert run.player.ledger.refused == 1


def test_what_a_clock_hours_ahead_has_dated_is_demanded_of_nobody() -> None:
    # It has measured nobody's clock yet when it is asked.
    start = (Crash(3.0, 4, 0.5, 4), Skew(3.0, 4, 7200.0))
    run, outcome = play(*start, Create(3.51, 4, "purge", "/tomorrow"))
    assert not outcome.violations
    assert held(run) == [[]] * 4 + [["/tomorrow"]]
    (tomorrow,) = run.player.ledger.accepted
    assert not in_time(tomorrow, list(run.player.world.hosts.values()), run.player.world.now)
