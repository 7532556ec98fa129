from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config import MonsoonConfig
from edge.decide.monsoon import RISE_S, Mode, Monsoon, State, Transition
from edge.decide.override import Override
from edge.decide.signals import Side, Signals

CONFIG = MonsoonConfig()
FINE = Signals()
CUT_OFF = Signals(side=Side.MINORITY, lost_share=0.75)
LOOK_S = 0.5
law = settings(deadline=None)  # a long time passes in each example


def play(
    machine: Monsoon, signals: Signals, for_s: float, start: float = 0.0, every_s: float = LOOK_S
) -> list[Transition]:
    """The changes while the signals stay as they are."""
    looks = range(round(for_s / every_s))
    changes = [machine.update(signals, start + number * every_s) for number in looks]
    return [one for one in changes if one]


def path(changes: Iterable[Transition]) -> list[tuple[str, int]]:
    """Mode and level after each change."""
    return [(one.after.mode.value, one.after.level) for one in changes]


def modes(changes: Iterable[Transition]) -> list[Mode]:
    """Those that were entered."""
    return [one.after.mode for one in changes if one.after.mode is not one.before.mode]


def held(signals: Signals, for_s: float = 60.0, **config: float) -> list[tuple[str, int]]:
    """The way from clear while these signals last."""
    return path(play(Monsoon(replace(CONFIG, **config)), signals, for_s))  # type: ignore[arg-type]


def test_a_cut_that_lasts_leads_to_monsoon_and_its_heal_back_by_recovering() -> None:
    machine = Monsoon(CONFIG)
    cut = play(machine, CUT_OFF, 60)
    healed = play(machine, FINE, 60, start=60)
    assert path(cut) == [("watch", 0), ("monsoon", 2)]
    assert path(healed) == [("recovering", 1), ("clear", 0)]
    assert [one.at for one in cut] == [2.5, 6.0]
    recovering, clear = (one.at - 60 for one in healed)
    assert recovering < 10
    assert clear - recovering == CONFIG.dwell_s


def test_a_transition_says_why_with_its_figures() -> None:
    machine = Monsoon(CONFIG)
    [_, monsoon] = play(machine, CUT_OFF, 60)
    assert monsoon.text == (
        "monsoon mode: watch to monsoon, level 2: this side of the cut is the minority; "
        "the cluster is cut, 75% of the members are lost"
    )
    [_, clear] = play(machine, FINE, 60, start=60)
    assert clear.text.startswith("monsoon mode: recovering to clear, level 0: better for 10 s; 0% of probes")
    assert machine.reason == clear.reason


@pytest.mark.parametrize("cut_s", [0.5, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("phase_s", [0.0, 0.1, 0.25, 0.4])
@pytest.mark.parametrize("every_s", [0.25, 0.5, 0.7])
def test_flapping_for_two_minutes_changes_the_mode_at_most_twice(
    cut_s: float, phase_s: float, every_s: float
) -> None:
    """A cut of 1 s in every 3 s, which the detector may hold for shorter or longer, and what comes after it.

    A third of probes and fills fail meanwhile.
    """
    machine, changes = Monsoon(CONFIG), list[Transition]()
    for look in range(round(180 / every_s)):
        now = look * every_s + phase_s
        flapping = now < 120
        cut = flapping and now % 3 < cut_s
        troubled = 0.33 if flapping else 0.0
        signals = replace(CUT_OFF if cut else FINE, quality=1 - troubled, origin_failures=troubled)
        if change := machine.update(signals, now):
            changes.append(change)
    assert len(modes(changes)) <= 2
    assert len(changes) <= 2
    assert machine.state == (Mode.CLEAR, 0)


def test_without_smoothing_and_dwell_flapping_would_show() -> None:
    """What the test above rests on can fail."""
    machine, changes = Monsoon(replace(CONFIG, smoothing_s=0.5, dwell_s=1)), list[Transition]()
    for look in range(240):
        if change := machine.update(CUT_OFF if look % 6 < 3 else FINE, look * LOOK_S):
            changes.append(change)
    assert len(modes(changes)) > 10


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        (FINE, []),
        (Signals(side=Side.MAJORITY, lost_share=0.1), [("watch", 0)]),
        (Signals(quality=0.75), [("watch", 0)]),
        (Signals(quality=0.5), [("watch", 0), ("watch", 1)]),
        (Signals(origin_failures=0.3), [("watch", 0)]),
        (Signals(origin_failures=1.0), [("watch", 0), ("monsoon", 2)]),
        (Signals(zone_load=0.95), [("watch", 1)]),
        (Signals(node_load=0.95), []),
        (Signals(node_load=1.25), [("watch", 1), ("monsoon", 3)]),
        (Signals(lag_s=0.2), [("watch", 0)]),
        (Signals(lag_s=0.7), [("watch", 0), ("monsoon", 3)]),
        (Signals(lag_s=1.5), [("watch", 0), ("monsoon", 3), ("monsoon", 4)]),
    ],
)
def test_each_signal_leads_to_its_level(signals: Signals, expected: list[tuple[str, int]]) -> None:
    assert held(signals) == expected


@pytest.mark.parametrize("trouble", [CUT_OFF, Signals(origin_failures=1.0)])
def test_overload_with_nowhere_to_turn_is_level_4(trouble: Signals) -> None:
    assert held(replace(trouble, node_load=1.25))[-1] == ("monsoon", 4)


def test_the_automatic_level_is_bounded_by_its_setting() -> None:
    overrun = replace(CUT_OFF, node_load=2.0, lag_s=3.0)
    assert held(overrun, level_max=2)[-1] == ("monsoon", 2)
    assert held(overrun, level_max=1) == [("watch", 0), ("watch", 1)]
    assert held(overrun, enabled=False) == []


def test_levels_fall_one_after_another_as_things_get_better() -> None:
    machine = Monsoon(CONFIG)
    play(machine, replace(CUT_OFF, node_load=1.3), 30)
    assert machine.state == (Mode.MONSOON, 4)
    assert path(play(machine, CUT_OFF, 30, start=30)) == [("monsoon", 2)]
    assert path(play(machine, FINE, 40, start=60)) == [("recovering", 1), ("clear", 0)]


def test_a_recovery_that_fails_goes_back_and_one_that_leaves_something_ends_in_watch() -> None:
    machine = Monsoon(CONFIG)
    play(machine, CUT_OFF, 30)
    assert path(play(machine, FINE, 12, start=30)) == [("recovering", 1)]
    assert path(play(machine, CUT_OFF, 18, start=42)) == [("monsoon", 2)]
    ailing = Signals(quality=0.5)
    assert path(play(machine, ailing, 40, start=60)) == [("recovering", 1), ("watch", 1)]


def test_a_process_that_stood_still_does_not_judge_by_a_single_moment() -> None:
    machine = Monsoon(CONFIG)
    machine.update(FINE, 0.0)
    for now in (60.0, 120.0):
        assert machine.update(CUT_OFF if now == 60 else FINE, now) is None
    assert machine.state == (Mode.CLEAR, 0)


def forced(level: int) -> Signals:
    return Signals(override=Override("zone", "pune", level, 10**13))


def test_an_override_wins_at_once_and_what_is_measured_counts_again_after_it() -> None:
    machine = Monsoon(CONFIG)
    [on] = play(machine, forced(4), 5)
    assert (on.at, on.after, on.reason) == (0.0, (Mode.MONSOON, 4), "an operator's override of zone pune")
    [off] = play(machine, FINE, 5, start=5)
    assert off.after == (Mode.CLEAR, 0)
    assert off.reason.startswith("no override any more; 0% of probes")
    held_clear = replace(CUT_OFF, override=forced(0).override)
    assert play(machine, held_clear, 30, start=10) == []
    [back] = play(machine, CUT_OFF, 5, start=40)
    assert (back.at, back.after) == (40.0, (Mode.MONSOON, 2))


SIGNALS = st.builds(
    Signals,
    side=st.sampled_from(Side),
    lost_share=st.floats(0, 1),
    quality=st.floats(0, 1),
    origin_failures=st.floats(0, 1),
    node_load=st.floats(0, 3),
    zone_load=st.floats(0, 3),
    lag_s=st.floats(0, 5),
)
STRETCH = st.tuples(SIGNALS, st.floats(0.1, 30))
WEATHER = st.lists(STRETCH, min_size=1, max_size=12)
CONFIGS = st.builds(
    MonsoonConfig,
    level_max=st.integers(0, 4),
    dwell_s=st.floats(1, 30),
    smoothing_s=st.floats(0.5, 10),
    quality_low=st.floats(0.1, 0.99),
    origin_failures=st.floats(0.05, 1),
    load_high=st.floats(0.1, 2),
    load_full=st.floats(0.1, 2),
    lag_high_s=st.floats(0.02, 2),
)


def lived(config: MonsoonConfig, weather: list[tuple[Signals, float]]) -> tuple[Monsoon, list[Transition]]:
    """A machine that has seen these signals, each for so long."""
    machine, changes, now = Monsoon(config), list[Transition](), 0.0
    for signals, for_s in weather:
        changes += play(machine, signals, for_s, start=now)
        now += round(for_s / LOOK_S) * LOOK_S
    return machine, changes


@law
@given(CONFIGS, WEATHER)
def test_levels_stay_within_bounds_and_fit_their_modes(
    config: MonsoonConfig, weather: list[tuple[Signals, float]]
) -> None:
    _, changes = lived(config, weather)
    allowed = {Mode.CLEAR: {0}, Mode.WATCH: {0, 1}, Mode.MONSOON: {2, 3, 4}, Mode.RECOVERING: {1}}
    for one in changes:
        assert one.after.level in allowed[one.after.mode]
        assert one.after.level <= config.level_max
        assert one.reason


@law
@given(CONFIGS, WEATHER)
def test_nothing_changes_faster_than_its_dwell(
    config: MonsoonConfig, weather: list[tuple[Signals, float]]
) -> None:
    _, changes = lived(config, weather)
    for before, after in pairwise(changes):
        assert before.after == after.before != after.after
        waited_s = after.at - before.at
        assert waited_s >= (RISE_S if after.after.grade > after.before.grade else config.dwell_s / 2)


@law
@given(CONFIGS, WEATHER)
def test_equal_inputs_give_equal_outputs(config: MonsoonConfig, weather: list[tuple[Signals, float]]) -> None:
    assert lived(config, weather)[1] == lived(config, weather)[1]


@law
@given(CONFIGS, WEATHER)
def test_whatever_was_a_calm_time_leads_back_to_clear(
    config: MonsoonConfig, weather: list[tuple[Signals, float]]
) -> None:
    machine, _ = lived(config, [*weather, (FINE, 3 * config.dwell_s + 6 * config.smoothing_s + 60)])
    assert machine.state == (Mode.CLEAR, 0)


@law
@given(CONFIGS, WEATHER, st.integers(0, 4))
def test_an_override_counts_whatever_is_measured(
    config: MonsoonConfig, weather: list[tuple[Signals, float]], level: int
) -> None:
    override = forced(level).override
    machine, changes = lived(config, [(replace(signals, override=override), s) for signals, s in weather])
    looked = any(round(for_s / LOOK_S) for _, for_s in weather)
    assert machine.state.level == (level if looked else 0)
    assert len(changes) == bool(level and looked)
    free, _ = lived(config, weather)
    assert machine.automatic == free.automatic  # which goes on below it


@law
@given(WEATHER)
def test_the_machine_only_takes_the_ways_that_it_states(weather: list[tuple[Signals, float]]) -> None:
    ways = {
        Mode.CLEAR: {Mode.WATCH},
        Mode.WATCH: {Mode.WATCH, Mode.CLEAR, Mode.MONSOON},
        Mode.MONSOON: {Mode.MONSOON, Mode.RECOVERING},
        Mode.RECOVERING: {Mode.CLEAR, Mode.WATCH, Mode.MONSOON},
    }
    _, changes = lived(CONFIG, weather)
    assert all(one.after.mode in ways[one.before.mode] for one in changes)
    assert not changes or changes[0].before == State(Mode.CLEAR, 0)
