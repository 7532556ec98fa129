"""Two runs beside each other."""

from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from edge.model import ConfigError
from loadtest.report.command import compare_command
from loadtest.report.compare import comparison, differences, pair
from reports import driven, simulated


def written(folder: Path, made: dict[str, object]) -> str:
    folder.mkdir()
    (folder / "report.json").write_bytes(orjson.dumps(made))
    return str(folder)


def test_the_same_run_twice_differs_in_nothing(tmp_path: Path) -> None:
    a, b = written(tmp_path / "a", simulated()), written(tmp_path / "b", simulated())
    told = CliRunner().invoke(compare_command, [a, b, "--out", str(tmp_path / "c")])
    assert told.exit_code == 0
    assert "found the same" in told.output
    assert "found the same" in (tmp_path / "c/compare.html").read_text()


def test_another_seed_differs_a_little_and_both_curves_are_drawn() -> None:
    a, b = pair(simulated(), simulated(seed=2))
    changed = {one.name: one for one in differences(a, b) if one.differs}
    assert "balance" in changed
    assert not any(one.lost for one in changed.values())
    text = comparison(a, b)
    assert text == comparison(a, b)
    assert "B misses nothing that A held" in text


@pytest.mark.parametrize(
    ("name", "less", "word"),
    [
        ("balance", -0.1, "better"),
        ("balance", 0.01, "worse"),
        ("hit-ratio", -0.001, "worse"),
        ("peak", 0.1, ""),
    ],
)
def test_it_knows_which_way_is_better(name: str, less: float, word: str) -> None:
    made = simulated()
    made["figures"][name]["value"] += less
    [changed] = [one for one in differences(*pair(simulated(), made)) if one.differs]
    assert (changed.name, changed.word) == (name, word)


def test_what_is_missed_now_is_the_exit_code(tmp_path: Path) -> None:
    worse = simulated()
    [verdict] = [one for one in worse["verdicts"] if one["figure"] == "balance"]
    verdict |= {"found": 1.5, "holds": False}
    worse["figures"]["balance"]["value"] = 1.5
    a, b = written(tmp_path / "a", simulated()), written(tmp_path / "b", worse)
    told = CliRunner().invoke(compare_command, [a, b, "--out", str(tmp_path / "c")])
    assert told.exit_code == 1
    assert "B misses what A held: balance" in told.output
    back = CliRunner().invoke(compare_command, [b, a, "--out", str(tmp_path / "c")])
    assert back.exit_code == 0
    assert "holds now" in back.output


def test_runs_of_two_kinds_or_scenarios_are_not_compared() -> None:
    with pytest.raises(ConfigError, match="two kinds"):
        pair(simulated(), driven())
    with pytest.raises(ConfigError, match="two scenarios"):
        pair(driven(), driven() | {"scenario": "flash-crowd"})


def test_real_viewers_are_compared_too() -> None:
    slower = driven()
    slower["latency_ms"]["segment"]["p99"] = 40.0
    [changed] = [one for one in differences(*pair(driven(), slower)) if one.differs]
    assert (changed.name, changed.word) == ("latency segment p99, ms", "worse")
