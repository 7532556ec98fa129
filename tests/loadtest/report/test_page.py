"""The page of a run: whole HTML that needs nothing else, verdicts first, the same for the same report."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from edge.model import ConfigError
from loadtest.report.command import report_command
from loadtest.report.page import page
from loadtest.report.read import read
from reports import driven, simulated

_VOID = {"meta", "link", "br", "path", "use", "rect", "col"}


class Reader(HTMLParser):
    """Sees that elements end in order; notes headings and what a browser would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.fetched: list[str] = []
        self.plots = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.plots += tag == "svg"
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings.append(data)


def test_a_match_is_one_whole_page_with_verdicts_first() -> None:
    text = page(simulated())
    found = Reader(text)
    assert not found.open
    assert found.headings[:4] == [
        "1.1 million more a minute, for nine minutes",
        "Verdicts",
        "Key figures",
        "Plots",
    ]
    assert found.plots >= 8
    assert all(one.startswith(("data:", "#")) for one in found.fetched)
    assert "<script" not in text
    assert len(text) < 1_500_000
    assert "No window was simulated" in text
    for words in ("Sources", "Assumptions", "Setting", "Published, and found"):
        assert words in found.headings


def test_real_viewers_are_one_whole_page_too() -> None:
    found = Reader(page(driven()))
    assert not found.open
    assert found.headings[1] == "Verdicts"
    assert found.plots == 4  # nobody stalled: said in words
    assert "Left out" in found.headings


@pytest.mark.parametrize("made", [simulated, driven])
def test_the_same_report_is_the_same_page_to_the_byte(made: Any) -> None:
    assert page(made()) == page(made())


def test_what_is_missed_is_said_above_all() -> None:
    made = simulated()
    made["verdicts"][0] |= {"holds": False, "found": None}
    text = page(made)
    assert text.index("1 of 6 expectations missed") < text.index("<svg")
    assert "never" in text


def test_what_a_scenario_file_says_is_text_not_html() -> None:
    made = simulated()
    made["title"] = made["sources"][0]["what"] = "<script>alert(1)</script> $x$ & co"
    text = page(made)
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; $x$ &amp; co" in text


def test_parts_that_are_lacking_are_left_out() -> None:
    made = driven()
    for name in ("series", "latency_ms", "startup_ms", "nodes", "faults", "left_out", "title"):
        del made[name]
    found = Reader(page(made))
    assert not found.open
    assert found.headings[0] == "toss-to-toss"


def test_the_command_makes_the_page_anew(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_bytes(orjson.dumps(driven()))
    told = CliRunner().invoke(report_command, [str(tmp_path)])
    assert told.exit_code == 0
    assert (tmp_path / "report.html").read_text() == page(driven())


@pytest.mark.parametrize(
    ("text", "problem"), [("{", "no JSON"), ("[]", "not the report"), (None, "No such file")]
)
def test_what_is_no_report_is_told(tmp_path: Path, text: str | None, problem: str) -> None:
    if text is not None:
        (tmp_path / "report.json").write_text(text)
    with pytest.raises(ConfigError, match=problem):
        read(tmp_path / "report.json")
