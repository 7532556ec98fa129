import json
import os
from pathlib import Path

import pytest

from edge.nginx import log
from edge.nginx.log import Heard, LogTail
from edge.state.traffic import Traffic

SEGMENT = "/live/v240/7.m4s"


@pytest.fixture
def tail(tmp_path: Path) -> LogTail:
    made = LogTail(tmp_path / "access.log", Heard(Traffic(), lambda: 1.0, nobody="me"))
    made.open()
    return made


def line(status: int = 200, size: int = 10, path: str = SEGMENT, agent: str = "VLC") -> bytes:
    return json.dumps([status, size, "HIT", path, "10.0.0.1", agent, "", ""]).encode() + b"\n"


def write(tail: LogTail, text: bytes) -> None:
    with tail._path.open("ab") as file:
        file.write(text)
    while tail.read_some():
        pass


def test_a_line_that_is_half_there_waits_for_its_end(tail: LogTail) -> None:
    whole = line()
    write(tail, whole[:20])
    assert tail.lines == 0
    write(tail, whole[20:] + line())
    assert (tail.lines, tail.junk, tail._heard.traffic.bytes_total) == (2, 0, 20)


def test_junk_is_counted_and_passed_over(tail: LogTail) -> None:
    write(tail, b"no JSON\n[1]\n" + b'[200,1,"HIT","/\xff.m4s","","","",""]\n' + line())
    assert (tail.lines, tail.junk) == (1, 3)


def test_who_was_turned_away_is_no_viewer(tail: LogTail) -> None:
    write(tail, line(503) + line(404, agent="mpv"))
    assert set(tail._heard.traffic._viewers._last) == {"10.0.0.1 mpv"}
    assert tail._heard.traffic.top(1.0) == ()


def test_what_the_node_itself_asks_nginx_for_is_no_viewers(tail: LogTail) -> None:
    write(tail, line(agent="me") + line())
    assert (tail.lines, tail._heard.traffic.requests_total) == (2, 1)


def test_a_path_counts_as_viewers_write_it(tail: LogTail) -> None:
    write(tail, line(path="/café 1/7.m4s") + line(path="/live/main.m3u8"))
    assert [one.path for one in tail._heard.traffic.top(1.0)] == ["/caf%C3%A9%201/7.m4s"]


def test_many_lines_are_read_in_slices(tail: LogTail) -> None:
    write(tail, 5000 * line())
    assert (tail.lines, tail._heard.traffic.requests_total) == (5000, 5000)


def test_what_is_too_far_behind_is_skipped(tail: LogTail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "BACKLOG_BYTES", 1000)
    write(tail, 100 * line())
    assert (tail.lines, tail.skipped_bytes) == (0, 100 * len(line()))
    write(tail, line())
    assert tail.lines == 1


def test_a_log_that_somebody_else_has_cut_is_read_from_its_start(tail: LogTail) -> None:
    write(tail, 3 * line())
    os.truncate(tail._path, 0)
    write(tail, line())
    assert tail.lines == 4


def test_a_log_is_cut_only_when_all_of_it_was_read(tail: LogTail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "CUT_BYTES", 1)
    write(tail, line() + line()[:10])
    tail.read_some()
    assert tail._path.stat().st_size > 0
    write(tail, line()[10:])
    tail.read_some()
    assert tail._path.stat().st_size == 0
    write(tail, line())
    assert tail.lines == 3
