"""Matches as a fluid: every scenario in its short form, and what must be noticed when routing is broken."""

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from edge.decide.routing import RouteQuery, route
from edge.model import ConfigError, Load, Status
from edge.state.reports import Report
from edge.state.view import ClusterView, NodeView
from loadtest import fluid_rows
from loadtest.scenario.load import FOLDER, load, names
from loadtest.sim.command import sim_command
from loadtest.sim.fluid import known
from loadtest.sim.fluid.fleet import ZONES, make_fleet
from loadtest.sim.fluid.known import measured
from loadtest.sim.fluid.record import POINTS_MAX, thinned
from loadtest.sim.fluid.report import FILE, holds, report, short
from loadtest.sim.fluid.routing import Asked, Chooser, Production
from loadtest.sim.fluid.run import SHORT_NODES, Run, Setting

DAY = date(2026, 1, 1)
STEPS_MAX = 600  # of a short form: it takes a second or two


def played(name: str, chooser: Chooser | None = None, *, seed: int = 1) -> Run:
    run = Run(Setting(load(name), SHORT_NODES, seed, measured(), short=True), chooser)
    assert sum(1 for _ in run.play()) == run.steps
    return run


@cache
def kept(name: str) -> Run:
    return played(name)


def missed(run: Run) -> list[str]:
    return [one["figure"] for one in report(run, DAY)["verdicts"] if not one["holds"]]


def figures(run: Run) -> dict[str, float]:
    return run.recorder.figures(run.heal_s())


@pytest.mark.parametrize("name", names())
def test_every_scenario_shows_what_it_expects(name: str) -> None:
    run = kept(name)
    assert run.steps <= STEPS_MAX
    assert missed(run) == []


class IgnoresLoad:
    """A bug: routing to which all nodes look empty."""

    def choose(self, view: ClusterView, asked: Asked, pending: Mapping[str, int]) -> str | None:
        nodes = tuple(replace(one, load=emptied(one)) for one in view.nodes)
        answer = route(replace(view, nodes=nodes), RouteQuery(asked.path, asked.zone, asked.new), {})
        return answer.node if answer else None


def emptied(node: NodeView) -> Report[Load] | None:
    if node.load is None:
        return None
    old = node.load.value
    return Report(node.load.version, Load(0, 0, 0, old.capacity, old.health, 0, old.level), 0.0)


class AsksTheDead:
    """A bug: routing that does not heed who is unreachable or drains."""

    def choose(self, view: ClusterView, asked: Asked, pending: Mapping[str, int]) -> str | None:
        near = [one for one in view.nodes if one.member.zone == asked.zone]
        return min(near, key=lambda one: (one.ratio, one.name)).name


@pytest.mark.parametrize("name", ["world-cup-final", "flash-crowd"])
def test_routing_that_ignores_load_is_noticed(name: str) -> None:
    run = played(name, IgnoresLoad())
    assert not holds(report(run, DAY))
    assert {"balance", "load-max"} & {*missed(run)}


def test_routing_to_nodes_that_are_away_is_noticed() -> None:
    assert "to-dead" in missed(played("rolling-update", AsksTheDead()))


def test_the_same_seed_gives_the_same_report_to_the_byte() -> None:
    first, again, other = (orjson.dumps(report(played("toss-to-toss", seed=seed), DAY)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_when_the_star_is_out_and_the_audience_stays_nothing_is_shed() -> None:
    run = kept("star-out-audience-stays")
    assert not run.modes.changes
    assert figures(run)["refused"] == 0


def test_a_zone_that_is_cut_off_degrades_alone_and_hears_of_the_override_once_it_is_back() -> None:
    changes = kept("monsoon-mumbai").modes.changes
    by_cut = [one for one in changes if "fills fail" in one.reason and one.after == 2]
    assert [one.zone for one in by_cut] == ["mumbai"]
    told = {one.zone for one in changes if "operator" in one.reason}
    assert told == set(ZONES) - {"mumbai"}  # Mumbai has that level by itself when it hears
    over = [one.at_s for one in changes if "no override any more" in one.reason]
    assert len(over) == len(ZONES)


def test_a_failing_origin_brings_level_two_everywhere_and_nobody_loses_his_node() -> None:
    run = kept("origin-outage")
    assert figures(run)["zones-degraded"] == len(ZONES)
    assert figures(run)["stale-s"] > 0
    assert figures(run)["moved"] == 0


def test_new_viewers_go_to_a_dead_node_only_until_its_death_is_known() -> None:
    run = kept("toss-to-toss")
    killed_s = next(one.at_s for one in run.scenario.fault)
    series = run.recorder.series
    late = killed_s + run.setting.known.death_s + 1
    pairs = list(zip(series["t_s"], series["to_dead"], strict=True))
    assert sum(count for at_s, count in pairs if killed_s <= at_s < late) > 0
    assert sum(count for at_s, count in pairs if at_s >= late) == 0
    assert figures(run)["moved"] > 0


def test_with_older_knowledge_nodes_get_more_than_they_can_carry() -> None:
    """Of those who must change nodes, whom none turns away."""

    def most(age_s: float) -> float:
        run = Run(Setting(load("rolling-update"), SHORT_NODES, 1, measured(age_s), short=True))
        for _ in run.play():
            pass
        return figures(run)["load-max"]

    assert most(5.0) > most(0.2) + 0.05


def some_view(rng: random.Random) -> ClusterView:
    """A cluster in any state."""
    fleet, full = make_fleet(30, 1000), rng.choice((200, 1000, 1400))
    nodes = []
    for member in fleet.members:
        streams, level = rng.randrange(full), rng.choice((0, 0, 0, 1, 3, 4))
        value = Load(streams, 0, 0, 1000, rng.choice((100, 100, 100, 0)), 0, level)
        status = rng.choice((Status.ALIVE, Status.ALIVE, Status.ALIVE, Status.UNREACHABLE))
        changed = type(member)(member.name, 1, status, "h", 1, "", member.public, zone=member.zone)
        nodes.append(NodeView(changed, Report(1, value, 0.0)))
    return ClusterView(1, "edge-0", tuple(nodes))


@pytest.mark.parametrize("seed", range(40))
def test_showing_the_zone_first_never_changes_an_answer(seed: int) -> None:
    rng = random.Random(seed)
    view, production = some_view(rng), Production()
    for zone in ZONES:
        for new in (True, False):
            pending = {one.name: rng.randrange(100) for one in view.nodes if rng.random() < 0.3}
            whole = route(view, RouteQuery("/live/hi/main.m3u8", zone, new), pending)
            found = production.choose(view, Asked("/live/hi/main.m3u8", zone, new=new), pending)
            assert found == (whole.node if whole else None)


def test_nodes_are_sized_for_their_citys_viewers() -> None:
    fleet = make_fleet(300, 250_000)
    assert set(fleet.capacity.tolist()) == {250_000}
    small = make_fleet(8, 1000)
    assert small.capacity[small.zone == 0].sum() == pytest.approx(0.28 * 8000, rel=0.01)


def test_series_are_bounded_and_keep_what_was_worst() -> None:
    series = {"t_s": [float(one) for one in range(28_800)], "load_max": [0.5] * 28_800}
    series["load_max"][12_345] = 1.5
    thin = thinned(series)
    assert len(thin["t_s"]) == len(thin["load_max"]) <= POINTS_MAX
    assert max(thin["load_max"]) == 1.5


@pytest.mark.parametrize(("value", "said"), [(1 / 3, 0.333333), (123_456_789.0, 123_457_000.0), (7, 7)])
def test_numbers_have_six_digits(value: float, said: float) -> None:
    assert short(value) == said


def test_a_report_says_what_it_rests_on() -> None:
    made: dict[str, Any] = report(kept("semifinal-2019"), DAY)
    assert made["known"]["view_age_s"] == measured().view_age_s
    assert {one["fidelity"] for one in made["stretches"]} == {"steps"}
    assert all(abs(one["found"] / one["value"] - 1) < 0.05 for one in made["published"])
    assert made["sources"]
    assert made["assumptions"]
    assert len(made["per_node"]) == SHORT_NODES
    assert made["hottest"][0]["path"].startswith("/live/")


def test_the_command_writes_a_report_and_says_whether_it_was_as_expected(tmp_path: Path) -> None:
    asked = ["toss-to-toss", "--short", "--out", str(tmp_path)]
    done = CliRunner().invoke(sim_command, asked)
    assert done.exit_code == 0, done.output
    assert "hit-ratio" in done.output
    assert orjson.loads((tmp_path / FILE).read_bytes())["verdicts"]
    hard = (FOLDER / "toss-to-toss.toml").read_text().replace("value = 0.999", "value = 1.0")
    (tmp_path / "hard.toml").write_text(hard)
    done = CliRunner().invoke(sim_command, [str(tmp_path / "hard.toml"), *asked[1:]])
    assert done.exit_code == 1
    assert "MISSED" in done.output


def test_what_was_never_measured_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "MEASURED", tmp_path / "benchmarks.json")
    with pytest.raises(ConfigError, match=r"benchmarks\.json: lacks .*; `make bench ROWS=gossip` writes it"):
        measured()


def test_rows_say_what_a_match_showed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = report(kept("toss-to-toss"), DAY)
    monkeypatch.setattr(fluid_rows, "_match", lambda: (made, (301.0, 200.0)))
    assert [row.holds for row in fluid_rows.hits()] == [True]
    assert {row.id: row.holds for row in fluid_rows.final()} == {
        "scale.final": False,
        "scale.final.processor": None,
        "scale.final.missed": True,
    }


def test_loss_takes_its_part_of_the_bitrate() -> None:
    series = kept("monsoon-mumbai").recorder.series
    each = zip(series["t_s"], series["egress_gbps"], series["viewers"], strict=True)
    mbps = {at_s: 1000 * gbps / viewers for at_s, gbps, viewers in each}
    assert mbps[299] == pytest.approx(2.049, rel=0.001)
    assert mbps[400] < 0.85 * mbps[299]


def test_players_come_below_the_cap_while_service_is_degraded() -> None:
    series = kept("origin-outage").recorder.series
    each = zip(series["t_s"], series["egress_gbps"], series["viewers"], strict=True)
    mbps = {at_s: 1000 * gbps / viewers for at_s, gbps, viewers in each}
    assert mbps[300 + 90] < 0.5 * mbps[299]
