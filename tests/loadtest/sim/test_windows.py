"""Windows of packets in a match of steps: where they are, what they find, and that their ages are used."""

import pytest

from loadtest.scenario.load import load
from loadtest.sim.fluid.known import measured
from loadtest.sim.fluid.pool import pool_of
from loadtest.sim.fluid.run import SHORT_NODES, Run, Setting
from loadtest.sim.fluid.stretches import Stretch, whole, with_windows
from loadtest.sim.fluid.windows import FOR_S, Looked, Window, look, windows

NODES = 8


def test_dated_events_and_the_ends_of_cuts_have_one() -> None:
    found = windows(load("monsoon-mumbai"), 100, 1)
    assert [(one.at_s, one.what) for one in found] == [(300, "isp-loss"), (480, "cut"), (540, "heal")]
    assert found[1].zones == ("mumbai",)
    assert dict(found[0].losses)["bsnl"] == 0.4
    match = windows(load("world-cup-final"), 5000, 1)
    assert [one.what for one in match] == ["toss", "wicket", "push-notice", "star-walks-in", "wicket"]
    assert {one.nodes for one in match} == {300}


def test_they_take_their_seconds_out_of_the_steps() -> None:
    scenario = load("monsoon-mumbai")
    found = with_windows(whole(scenario, 0.5), windows(scenario, NODES, 1))
    assert [at_s for one in found for at_s in one.seconds()] == list(range(int(scenario.for_s)))
    packets = [one for one in found if one.fidelity == "packets"]
    assert [(one.begin_s, one.end_s) for one in packets] == [(298, 318), (478, 498), (538, 558)]
    assert all((one.window is not None) == (one.fidelity == "packets") for one in found)


def test_one_that_begins_before_the_match_is_cut_short() -> None:
    window = Window(0.0, "toss", NODES, 1)
    first = with_windows([Stretch(0, 100, "steps", 0.5)], [window])[0]
    assert (first.begin_s, first.end_s, first.window) == (0, FOR_S - 2, window)


def test_loss_makes_knowledge_older_and_the_same_window_finds_the_same() -> None:
    calm = Window(10.0, "toss", NODES, 1)
    lossy = Window(10.0, "isp-loss", NODES, 1, losses=(("airtel", 0.3), ("bsnl", 0.5), ("jio", 0.3)))
    found = look(calm)
    assert found == look(calm)
    assert 0 < found.view_age_s <= found.view_age_p99_s < 1
    assert 0 < found.event_95_s <= found.event_all_s < 1
    assert look(lossy).view_age_s > found.view_age_s


@pytest.mark.parametrize(
    ("what", "zone", "within_s"),
    [("cut", "mumbai", 3.0), ("heal", "mumbai", 3.0), ("node-kill", "delhi", 3.0)],
)
def test_a_fault_is_seen_by_all(what: str, zone: str, within_s: float) -> None:
    found = look(Window(10.0, what, NODES, 1, zones=(zone,)))
    assert found.seen_s is not None
    assert 0 < found.seen_s < within_s


def test_the_age_that_a_window_finds_is_that_of_its_seconds() -> None:
    scenario, known = load("toss-to-toss"), measured()
    asked = windows(scenario, SHORT_NODES, 1)
    ages = list[float]()

    def found(window: Window) -> Looked:
        ages.append(window.at_s)
        return Looked(6.0, 9.0, 0.1, 0.2, None)

    plain = Run(Setting(scenario, SHORT_NODES, 1, known, short=True))
    older = Run(Setting(scenario, SHORT_NODES, 1, known, short=True, windows=asked), looking=found)
    for run in (plain, older):
        assert sum(1 for _ in run.play()) == run.steps
    assert ages == [one.at_s for one in asked]
    assert plain.recorder.series["load_max"] != older.recorder.series["load_max"]


def test_windows_run_in_other_processes() -> None:
    asked = (Window(0.0, "toss", 5, 1), Window(50.0, "wicket", 5, 2))
    with pool_of(asked) as pool:
        assert [pool(one) for one in asked] == [look(one) for one in asked]
