"""`edge top`: frames of views, and the command in a terminal of its own, watching a real node."""

import asyncio
import fcntl
import io
import os
import pty
import re
import struct
import sys
import termios
import time
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from rich.console import Console

from edge.cli import main
from edge.cli.topfigures import SORTS, HitRatio, glance, ordered
from edge.cli.topframe import Silence, Size, frame
from running import Running
from waiting import until

CLEAR = {"mode": "clear", "level": 0, "reason": ""}


def member(name: str, ratio: float | None, status: str = "alive", **other: Any) -> dict[str, Any]:
    load = {"streams": round(100 * (ratio or 0)), "mbps": 61.04, "capacity": 100, "ratio": ratio, "level": 0}
    told: dict[str, Any] = {
        "name": name,
        "status": status,
        "zone": "west",
        "load": None if ratio is None else load | {"age_s": 0.2},
        "link": {"rtt_ms": 1.25, "loss": 0.0},
        "top": [{"path": "/live/v540/1.m4s", "rate": 3.0}],
    }
    return told | other


def view(*members: dict[str, Any], partition: Any = None) -> dict[str, Any]:
    loads = [one["load"] for one in members if one["status"] == "alive" and one["load"]]
    return {
        "self": members[0]["name"],
        "cluster": "demo",
        "uptime_s": 185.0,
        "totals": {"streams": sum(load["streams"] for load in loads), "mbps": 122.1, "rps": 480},
        "partition": partition,
        "members": list(members),
        "hot": [{"path": "/live/v540/1.m4s", "rate": 12.5, "nodes": 2}],
        "events": [{"id": n, "time": 0.0, "kind": "joined", "text": f"node {n} joined"} for n in range(40)],
    }


CUT = view(
    member("mumbai", 0.95, link=None),
    member("pune", 0.5, link={"rtt_ms": 3.0, "loss": 0.12}),
    member("delhi", 0.99, "unreachable", zone="north"),
    partition={"id": "mumbai-1", "age_s": 12, "settled": True, "majority": True, "island": ["mumbai", "pune"]}
    | {"lost": ["delhi"], "lost_zones": {"north": 1}},
)
MANY = view(
    *(member(f"edge-{n:03}", n / 300, "suspect" if n % 50 == 0 else "alive") for n in range(1, 300)),
    member("edge-000", None),
)


def drawn(
    told: dict[str, Any], size: Size, *, sort: str = "load", mode: Any = CLEAR, silence: Any = None
) -> list[str]:
    out = Console(width=size.width, file=io.StringIO(), highlight=False)
    with out.capture() as found:
        out.print(frame(glance(told, mode, 0.97), sort, size, silence))
    return found.get().splitlines()


def test_a_cut_of_three_nodes_says_who_is_lost() -> None:
    lines = drawn(CUT, Size(80, 24))
    assert lines[0].startswith("edge top demo as mumbai sees it")
    assert "by load   up 3 min 5 s" in lines[0]
    assert lines[1].startswith("3 nodes: 2 alive, 1 unreachable   mode clear 0   hottest /live/v540/1.m4s")
    assert lines[2] == "145 of 200 viewers (72%)   122.1 Mb/s   480 requests/s   hits 97% here"
    assert lines[3].startswith(" Cut since 12 s: this side, 2 of 3 nodes, is the majority; lost: north 1")
    assert [line.split() for line in lines[5:9]] == [
        ["NAME", "ZONE", "STATUS", "LOAD", "VIEWERS", "LVL", "AGE", "RTT"],
        ["mumbai", "west", "alive", "███████▋", "95%", "95", "0", "0.2s", "asked"],
        ["pune", "west", "alive", "████····", "50%", "50", "0", "0.2s", "12%", "lost"],
        ["delhi", "north", "cut", "off", "███████▉", "99%", "99", "0", "0.2s", "1.2", "ms"],
    ]
    assert lines[-1].endswith("node 39 joined")


@pytest.mark.parametrize("size", [Size(80, 24), Size(140, 50), Size(60, 12)])
@pytest.mark.parametrize("told", [CUT, MANY])
def test_a_frame_fits_the_terminal(told: dict[str, Any], size: Size) -> None:
    degraded = {"mode": "monsoon", "level": 2, "reason": "the cluster is cut, " * 20}
    silence = Silence("http://127.0.0.1:7701", time.time() - 75, "Connection refused")
    for mode, silent in ((CLEAR, None), (degraded, silence)):
        lines = drawn(told, size, mode=mode, silence=silent)
        assert len(lines) <= (size.height or 0) or size.height == 12  # where the screen cuts it
        assert max(map(len, lines)) <= size.width


def test_300_nodes_are_bounded_and_say_how_the_others_stand() -> None:
    lines = drawn(MANY, Size(140, 50))
    [more] = [line for line in lines if line.startswith("…")]
    assert more.rstrip() == "… 270 more: 265 alive, 5 suspect" or re.match(
        r"… \d+ more: \d+ alive, 5 suspect", more
    )
    rows = [line for line in lines if line.startswith("edge-")]
    assert rows[0].split()[0] == "edge-299"
    assert len(rows) + int(more.split()[1]) == 300
    assert sum("joined" in line for line in lines) >= 3
    assert len(drawn(MANY, Size(200, None))) > 300


@pytest.mark.parametrize("width", [78, 80, 107, 108, 140])
def test_no_figure_is_cut_at_any_width(width: int) -> None:
    """Names are, where they must be; of hot segments only as much as has room is shown."""
    told = view(*(member(f"edge-hyderabad-{n}", 0.5, zone="hyderabad") for n in range(3)))
    rows = [line for line in drawn(told, Size(width, 24)) if " hyderabad alive " in line]
    assert len(rows) == 3
    assert all(" 50% " in row and " 0.2s " in row for row in rows)
    assert all(("/live/v540/1.m4s" in row) is (width >= 108) for row in rows)


def test_300_nodes_cost_little() -> None:
    begun = time.process_time()
    for _ in range(10):
        drawn(MANY, Size(140, 50))
    assert (time.process_time() - begun) / 10 < 0.2


def test_orders() -> None:
    rows = glance(MANY, CLEAR, None).rows
    names = {sort: [one.name for one in ordered(rows, sort)] for sort in SORTS}
    assert names["load"][:2] == ["edge-299", "edge-298"]
    ailing = [f"edge-{number:03}" for number in (250, 200, 150, 100, 50)]
    assert names["load"][-7:] == ["edge-001", "edge-000", *ailing]
    assert names["name"] == sorted(names["name"])
    assert names["age"][0] == "edge-000"
    assert names["status"][0] == "edge-250"
    assert all(sorted(each) == names["name"] for each in names.values())


def test_what_a_terminal_would_obey_is_not_drawn() -> None:
    evil = "\x1b[2J[red]"
    told = view(member(evil, 0.5, zone=evil, top=[{"path": evil, "rate": 1.0}]))
    told["events"][-1]["text"] = told["cluster"] = evil
    text = "\n".join(drawn(told, Size(140, 24), mode=CLEAR | {"mode": "watch", "reason": evil}))
    assert "\x1b" not in text
    assert text.count("�[2J[red]") == 7  # as it is written, too: no markup


def test_the_ratio_of_hits_is_of_the_last_looks() -> None:
    ratio = HitRatio(2)
    assert ratio.update(0, 0) is None
    assert ratio.update(100, 50) == 0.5
    assert ratio.update(200, 150) == 0.75
    assert ratio.update(300, 250) == 1
    assert ratio.update(10, 1) == 0.1  # another process


async def test_one_frame_of_a_real_node(running: Running) -> None:
    node = await running.start("pune")
    admin = node.member.admin

    def said(*words: str) -> Any:
        return CliRunner().invoke(main, ["top", "--admin", admin, *words])

    told = (await asyncio.to_thread(said, "--once")).output
    assert "as pune sees it" in told
    assert "1 node: 1 alive" in told
    found = orjson.loads((await asyncio.to_thread(said, "--once", "--output", "json")).output)
    assert (found["head"]["node"], found["silence"]) == ("pune", None)
    assert [row["name"] for row in found["rows"]] == ["pune"]
    refused = await asyncio.to_thread(said)
    assert refused.exit_code == 2
    assert "standard output is no terminal; write --once" in refused.output


class Terminal:
    """A command in a terminal of its own."""

    def __init__(self, width: int, height: int) -> None:
        self.text = ""
        self._ours, self._its = pty.openpty()
        fcntl.ioctl(self._its, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.before = termios.tcgetattr(self._its)

    async def run(self, *words: str) -> asyncio.subprocess.Process:
        asyncio.get_running_loop().add_reader(self._ours, self._read)
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "edge", *words),
            stdin=self._its,
            stdout=self._its,
            stderr=self._its,
            env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "", "LINES": ""},
            start_new_session=True,
        )

    def press(self, key: str) -> None:
        os.write(self._ours, key.encode())

    def settings(self) -> list[Any]:
        return termios.tcgetattr(self._its)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._ours)
        os.close(self._ours)
        os.close(self._its)

    def _read(self) -> None:
        self.text += os.read(self._ours, 65536).decode(errors="replace")


async def test_a_node_is_watched_until_a_key_or_a_signal_ends_it(running: Running) -> None:
    node = await running.start("pune")
    terminal = Terminal(100, 30)
    process = await terminal.run("top", "--every", "0.1", "--admin", node.member.admin)
    try:
        await until(lambda: "as pune sees it" in terminal.text, 15)
        terminal.press("n")
        await until(lambda: "by name" in terminal.text)
        await running.crash("pune")
        await until(lambda: "No answer from" in terminal.text, 10)
        process.send_signal(2)
        assert await asyncio.wait_for(process.wait(), 5) == 0
        await until(lambda: "\x1b[?1049l" in terminal.text)  # the screen as it was
        assert terminal.settings() == terminal.before
        assert "Traceback" not in terminal.text
    finally:
        if process.returncode is None:
            process.kill()
        terminal.close()
