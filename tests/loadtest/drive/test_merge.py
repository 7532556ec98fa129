"""Reports of several machines become one, and what does not belong together is told."""

from pathlib import Path
from typing import Any

import pytest

from edge.model import ConfigError
from loadtest.drive import report
from loadtest.drive.faults import GRACE_S, Window
from loadtest.drive.histograms import Histogram
from loadtest.drive.merge import merge, read
from loadtest.drive.printed import MARK, printed
from loadtest.drive.series import Seconds, added, thinned
from loadtest.drive.tally import Failure, Tally


def made(index: int, failures: int = 0, **changed: Any) -> dict[str, Any]:
    """The report of one of two machines, each with ten viewers, two seconds and two requests."""
    tally, seconds = Tally(), Seconds(1)
    for second in range(2):
        tally.watching, tally.requests = 10, second + 1
        tally.answered("segment", 0.010 * (index + 1))
        tally.served_by(f"10.0.0.{index}:80")
        seconds.add(tally.tick(second, stalled=1))
    for _ in range(failures):
        tally.fail(Failure(100, 100, "segment status 500"))
    told = {
        "kind": "drive",
        "scenario": "s",
        "seed": 1,
        "viewers": 20,
        "asked": 10,
        "speed": 1.0,
        "indices": [index],
        "of": 2,
        "workers": 1,
        "max_rate": 100,
        "seconds": 2.0,
        "began_s": 1000.0 + index,
        "faults": [],
        "left_out": [],
        "series": seconds.series([10.0, 10.0]),
    }
    return report.finished(told | report.totals([tally.done()], [])) | changed


def test_sums_are_sums_and_percentiles_come_from_all() -> None:
    both = merge([made(0), made(1)])
    assert (both["asked"], both["indices"], both["counts"]["requests"]) == (20, [0, 1], 4)
    assert both["nodes"] == {"10.0.0.0:80": 2, "10.0.0.1:80": 2}
    assert both["latency_ms"]["segment"]["count"] == 4
    assert both["latency_ms"]["segment"]["p50"] == pytest.approx(10, rel=0.01)
    assert both["latency_ms"]["segment"]["p99"] == pytest.approx(20, rel=0.01)


def test_seconds_are_added_by_the_clock_on_the_wall() -> None:
    both = merge([made(0), made(1)])
    assert both["series"]["t_s"] == [0.0, 1.0, 2.0]
    assert both["series"]["viewers"] == [10, 20, 10]
    assert both["series"]["requests"] == [1, 2, 1]
    assert both["series"]["p99_ms"][1] == pytest.approx(20, rel=0.02)  # of two machines the worse
    assert both["seconds"] == 3.0


def test_verdicts_are_found_anew() -> None:
    good, bad = merge([made(0), made(1)]), merge([made(0), made(1, failures=3)])
    assert report.holds(good)
    assert not report.holds(bad)
    assert bad["errors_outside"] == {"segment status 500": 3}
    assert [one["holds"] for one in bad["verdicts"] if one["figure"] == "failed-outside"] == [False]


def test_a_report_merged_with_nothing_stays_what_it_is() -> None:
    one = made(1, failures=1)
    assert merge([one]) == one


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"seed": 2}, "seed is 2"),
        ({"scenario": "t"}, "scenario is t"),
        ({"of": 3}, "of is 3"),
        ({"indices": [0]}, "once"),
    ],
)
def test_what_does_not_belong_together_is_told(other: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        merge([made(0), made(1, **other)])


def test_a_file_that_is_no_report_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path)
    (tmp_path / "report.json").write_text('{"kind": "sim"}')
    with pytest.raises(ConfigError, match="no report of a drive"):
        read(tmp_path)
    report.write(made(0), tmp_path)
    assert read(tmp_path) == made(0)


def test_failures_within_a_fault_and_its_aftermath_are_counted_apart() -> None:
    tally = Tally()
    for due_s, ended_s in ((9, 9), (8, 14), (29, 29), (36, 36)):
        tally.fail(Failure(due_s, ended_s, "route unreachable"))
    found = report.totals([tally.done()], [Window("node-kill", "delhi", 12.5, 24.0)])
    assert (found["failed_in_faults"], found["failed_outside"]) == (2, 2)
    assert GRACE_S == 5.0


def test_a_long_run_is_thinned_and_a_thinned_one_still_adds_up() -> None:
    length = 5000
    names = ("wanted", "viewers", "requests", "failed", "held_back", "stalled", "mbps", "p50_ms", "p99_ms")
    flat = {"t_s": [float(one) for one in range(length)]} | {name: [7.0] * length for name in names}
    thin = thinned(flat)
    assert len(thin["t_s"]) <= 2000
    total = added([thin, flat], [0.0, 0.0])
    assert set(total["viewers"][:-1]) == {14.0}
    assert set(total["p99_ms"]) == {7.0}


def test_the_second_of_all_workers_has_the_percentile_of_all() -> None:
    seconds, tallies = Seconds(2), [Tally(), Tally()]
    for index, tally in enumerate(tallies):
        for _ in range(50):
            tally.answered("playlist", 0.001 if index else 0.1)
        seconds.add(tally.tick(0, 0))
    assert seconds.last is seconds.rows[0]
    assert seconds.rows[0].p99_ms == pytest.approx(100, rel=0.02)
    assert Histogram().count == 0


def test_a_log_with_a_report_is_read_like_the_report(tmp_path: Path) -> None:
    log = tmp_path / "drive.log"
    log.write_text(
        f"machine 0 of 4\n{printed(made(1))}\nothers\n2026-01-01T00:00:00Z {printed(made(0))}\nend\n"
    )
    assert read(log) == made(0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nothing\n", "no line has"),
        (f"{MARK} %%%\n", "damaged"),
        (f"{MARK} aGVsbG8=\n", "damaged"),
        (printed(made(0))[:-40], "damaged"),
    ],
)
def test_a_log_without_a_report_is_told(tmp_path: Path, text: str, said: str) -> None:
    log = tmp_path / "drive.log"
    log.write_text(text)
    with pytest.raises(ConfigError, match=said):
        read(log)
