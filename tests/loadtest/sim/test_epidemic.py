"""How one event spreads: theory against closed forms, the simulator against theory."""

import functools
import math
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge.model import ConfigError
from loadtest import epidemic_plot
from loadtest.epidemic import Compared, compare, epidemic_command
from loadtest.epidemic_theory import (
    STEP_S,
    Curve,
    Model,
    delayed,
    final_residue,
    logistic,
    logistic_time_s,
    model_of,
    sir,
)
from loadtest.sim.rumour import Mode, Setting, spread

NODES = 100
FOR_EVER = 1_000_000  # sends: nobody falls silent
AT_ONCE = ((0.0, 1.0),)  # ways of no length, which the integration makes one step long

PUSH = Model(nodes=300, push_per_s=50, pull_per_s=0, burst=0, limit=FOR_EVER, loss=0, ways=AT_ONCE)
PULL = replace(PUSH, push_per_s=0, pull_per_s=50)


@functools.cache
def compared(mode: Mode, runs: int, retransmit: int = 4) -> Compared:
    return compare(Setting(mode, NODES, retransmit=retransmit), seed=1, runs=runs)


def time_s(curve: Curve, share: float) -> float:
    found = curve.time_s(share)
    assert found is not None
    return found


def test_without_a_limit_of_sends_the_ode_is_the_logistic_curve() -> None:
    curve = sir(PUSH)
    for share in (0.1, 0.5, 0.9, 0.99):
        at_s = logistic_time_s(share, 50, 1 / 300)
        assert logistic(at_s, 50, 1 / 300) == pytest.approx(share)
        assert time_s(curve, share) == pytest.approx(at_s, rel=0.001)


@pytest.mark.parametrize("limit", [2, 3, 5])
def test_with_few_sends_the_final_size_of_an_epidemic_is_left(limit: int) -> None:
    model = replace(PUSH, nodes=100_000, limit=limit)  # of few nodes the first one is a share that shifts it
    left = final_residue(limit)
    assert left == pytest.approx(math.exp(-limit * (1 - left)))
    assert 1 - sir(model, until_s=3).known[-1] == pytest.approx(left, rel=0.01)
    assert 1 - delayed(model).known[-1] == pytest.approx(left, rel=0.01)


def test_on_ways_of_no_length_the_delayed_model_is_the_logistic_curve() -> None:
    curve = delayed(PUSH)
    for share in (0.1, 0.5, 0.9):
        assert time_s(curve, share) == pytest.approx(logistic_time_s(share, 50, 1 / 300), rel=0.03)


def test_growth_over_a_long_way_is_that_of_euler_and_lotka() -> None:
    way_s = 0.02
    curve = delayed(replace(PUSH, nodes=1_000_000, ways=((way_s, 1.0),)))
    growth = math.log(10) / (time_s(curve, 1e-3) - time_s(curve, 1e-4))
    assert 50 * math.exp(-growth * way_s) == pytest.approx(growth, rel=0.02)


def test_a_pull_squares_the_rest_in_each_interval_and_push_divides_it_by_e() -> None:
    interval_s = 1 / 50
    pull, push = delayed(PULL), delayed(PUSH)
    for known in (0.7, 0.9, 0.97):
        rest = 1 - known
        assert 1 - pull.at(time_s(pull, known) + interval_s + 2 * STEP_S) <= rest**2
        after = 1 - push.at(time_s(push, known) + interval_s)
        assert rest / math.e <= after <= 1.02 * rest * math.exp(-known)


def test_production_is_modelled_with_its_burst_and_with_riders_on_probes() -> None:
    model = model_of(Setting("eager", 300, loss=0.1))
    assert (model.burst, model.limit) == (5, 12)
    assert model.push_per_s == pytest.approx(3 / 0.06 + 2 / 0.2)
    assert sum(share for _, share in model.ways) == pytest.approx(1)


def test_push_is_close_to_theory() -> None:
    found = compared("push", 2)
    assert found.gap(aligned=True) < 0.08  # share of nodes, once the luck of the start is taken out
    assert abs(found.later_s) < 0.03
    assert found.measured.residue == 0
    assert found.measured.told == pytest.approx(12, abs=0.1)


def test_push_and_pull_together_are_faster_than_push() -> None:
    both, push = compared("push-pull", 1).measured, compared("push", 2).measured
    assert (both.time_s(0.95) or 1) < (push.time_s(0.95) or 0) / 1.2


def test_forwarding_at_once_is_at_least_three_times_faster_than_push() -> None:
    eager, push = compared("eager", 2).measured, compared("push", 2).measured
    for share in (0.5, 0.95):
        assert 3 * (eager.time_s(share) or 1) < (push.time_s(share) or 0)


def test_with_three_sends_gossip_alone_misses_about_as_many_as_theory_says() -> None:
    found = compared("push", 2, retransmit=1)
    assert found.residue == pytest.approx(final_residue(3), abs=0.002)
    assert 0 < found.measured.residue < 2 * found.residue
    assert found.measured.time_s(1.0) is None


def test_a_run_is_reproducible() -> None:
    setting = Setting("eager", 40, loss=0.1)
    assert spread(setting, 7) == spread(setting, 7)
    assert spread(setting, 7) != spread(setting, 8)


def test_the_command_prints_a_table_and_draws(tmp_path: Path) -> None:
    out = tmp_path / "new" / "plot.svg"
    done = CliRunner().invoke(epidemic_command, ["--nodes", "10", "--runs", "1", "--out", str(out)])
    assert done.exit_code == 0, done.output
    for word in ("push-pull", "eager", "Never reached"):
        assert word in done.output
    assert "push-pull" in out.read_text()


def test_a_spread_that_misses_some_is_drawn_too(tmp_path: Path) -> None:
    few = compared("push", 2, retransmit=1)
    epidemic_plot.write(epidemic_plot.draw([few]), tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_of_another_kind_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(epidemic_command, ["--out", str(tmp_path / "plot.gif")])
    assert isinstance(done.exception, ConfigError)
