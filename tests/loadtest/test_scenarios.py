"""Scenario files: each shipped one is right, its curve meets what was published, and mistakes are told."""

import itertools
from pathlib import Path

import pytest

from edge.model import ConfigError
from loadtest.scenario.curve import WITHIN, Curve, dated, found_for
from loadtest.scenario.load import load, names, parse
from loadtest.scenario.schema import Scenario

NEEDED = [
    "flash-crowd",
    "ipl-final-2018",
    "monsoon-mumbai",
    "origin-outage",
    "rolling-update",
    "seed-final",
    "semifinal-2019",
    "star-out-audience-stays",
    "toss-to-toss",
    "world-cup-final",
]
NAMED_MATCHES = [
    "ipl-final-2018",
    "semifinal-2019",
    "world-cup-final",
    "star-out-audience-stays",
    "seed-final",
]
SMALL = """\
title = "small"
for_s = 600

[fleet]
nodes = 8
capacity = 1000

[audience]
peak = 5000
rung = [{ name = "360p", kbps = 400, share = 1.0 }]

[[event]]
kind = "toss"
at_s = 0

[[source]]
what = "nothing"
where = "nowhere"

[[expect]]
figure = "hit-ratio"
op = ">="
value = 0.9
"""


def small(events: str) -> Scenario:
    head, _, rest = SMALL.partition('[[event]]\nkind = "toss"\nat_s = 0\n')
    return parse(head + events + rest, "small.toml")


def test_the_needed_ones_are_there() -> None:
    assert names() == NEEDED


@pytest.mark.parametrize("name", NEEDED)
def test_each_names_its_sources_and_its_assumptions(name: str) -> None:
    scenario = load(name)
    assert scenario.name == name
    assert scenario.source
    assert scenario.assumption
    assert len(dated(scenario)) == len(scenario.event) + len(scenario.fault)


@pytest.mark.parametrize("name", NEEDED)
def test_a_curve_never_passes_its_peak_and_has_no_leaps(name: str) -> None:
    scenario = load(name)
    curve = Curve(scenario)
    viewers = [curve.viewers(at_s) for at_s in range(int(scenario.for_s))]
    assert 0.9 < max(viewers) / scenario.audience.peak <= 1.000001
    steps = [abs(after - before) for before, after in itertools.pairwise(viewers)]
    assert max(steps) < 0.02 * scenario.audience.peak


@pytest.mark.parametrize("name", NAMED_MATCHES)
def test_the_curves_of_named_matches_meet_what_was_published(name: str) -> None:
    scenario = load(name)
    assert scenario.published
    for point in scenario.published:
        assert found_for(scenario, point) == pytest.approx(point.value, rel=WITHIN), point


def test_what_was_published_can_be_missed() -> None:
    point = load("semifinal-2019").published[0]
    assert found_for(load("world-cup-final"), point) != pytest.approx(point.value, rel=WITHIN)


def test_an_event_moves_on_from_where_the_one_before_had_come() -> None:
    curve = Curve(
        small(
            """
            [[event]]
            kind = "innings"
            at_s = 0
            share = 0.5
            over_s = 100
            body = 0.6
            body_s = 100
            [[event]]
            kind = "rain"
            at_s = 150
            drop = 0.6
            over_s = 50
            """
        )
    )
    assert curve.viewers(100) == pytest.approx(2500)
    assert curve.viewers(150) == pytest.approx(2750)
    assert curve.viewers(200) == curve.viewers(500) == pytest.approx(1100)


def test_after_drinks_they_are_back() -> None:
    curve = Curve(
        small(
            """
            [[event]]
            kind = "crowd"
            at_s = 0
            share = 1.0
            over_s = 10
            [[event]]
            kind = "drinks"
            at_s = 100
            """
        )
    )
    assert [curve.viewers(at_s) for at_s in (99, 130, 250, 400)] == pytest.approx([5000, 4625, 4250, 5000])


def test_a_star_brings_a_steep_crowd_and_a_last_wicket_takes_it() -> None:
    scenario = load("semifinal-2019")
    curve = Curve(scenario)
    assert curve.growth_per_min(25_860) == pytest.approx(0.044 * 25.3e6)
    assert curve.growth_per_min(27_000) < 0.01 * 25.3e6
    assert curve.viewers(30_500) < 1e6


WRONG = [
    ("peak = 5000", "peak = -1", r"small\.toml: audience\.peak: expected float > 0"),
    ("peak = 5000", "", r"small\.toml: audience: object missing required field peak"),
    ('kind = "toss"', 'kind = "tos"', r"event\[0\]\.kind: no kind 'tos'; did you mean toss\?"),
    ("at_s = 0", "at_s = 0\nshares = 1", r"event\[0\]: .*unknown field shares; toss has at_s, share, over_s"),
    ("at_s = 0", "at_s = 700", r"event\[0\]\.at_s: 700 is after the end; the scenario ends at for_s = 600"),
    ("hit-ratio", "hit-rate", r"expect\[0\]\.figure: no 'hit-rate'; did you mean hit-ratio\?"),
    ("share = 1.0", "share = 0.9", r"audience\.rung: shares are 0\.9 together; make them 1 together"),
    ("title =", "titel =", r"small\.toml: .*(titel|title).*; a scenario has title, for_s"),
    ("title =", "name = 'x'\ntitle =", r"name: is not written here; the file's name is the scenario's"),
    ("[fleet]", "[fleet", r"small\.toml: no TOML: "),
]


@pytest.mark.parametrize(("right", "wrong", "told"), WRONG)
def test_a_mistake_is_told_with_its_place_and_what_would_be_right(right: str, wrong: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse(SMALL.replace(right, wrong), "small.toml")


FAULTS = [
    ('kind = "cut"\nzones = ["mumbay"]', r"fault\[0\]: zone: no 'mumbay'; did you mean mumbai\?"),
    (
        'kind = "isp-loss"\nlosses = { gio = 0.1 }',
        r"fault\[0\]\.losses: no provider 'gio'; did you mean jio\?",
    ),
    ('kind = "flood"', r"fault\[0\]\.kind: no kind 'flood'; known are cut, isp-loss, node-kill"),
    ('kind = "node-kill"', r"fault\[0\]: .*missing required field zone; node-kill has at_s, for_s"),
]


@pytest.mark.parametrize(("fault", "told"), FAULTS)
def test_a_mistake_in_a_fault_is_told(fault: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse(f"{SMALL}[[fault]]\nat_s = 1\nfor_s = 9\n{fault}\n", "small.toml")


def test_a_published_figure_needs_its_source() -> None:
    point = '[[published]]\nat_s = 1\nfigure = "viewers"\nvalue = 1\nsource = "nowhre"\n'
    with pytest.raises(ConfigError, match=r"published\[0\]\.source: 'nowhre' is none; did you mean nowhere"):
        parse(SMALL + point, "small.toml")


def test_a_scenario_is_found_by_name_or_by_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SMALL)
    assert load(str(path)).name == "mine"
    with pytest.raises(ConfigError, match=r"no world-cup-finale; did you mean world-cup-final\?"):
        load("world-cup-finale")
