"""`edge route`, asked of real nodes."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from edge.app import Node
from edge.cli import main
from running import Running
from waiting import until


@pytest.fixture
async def nodes(running: Running, tmp_path: Path) -> list[Node]:
    """Two, of which the first has a table of places."""
    table = tmp_path / "places"
    table.write_text("203.0.113.0/24 delhi airtel north\n")
    found = [
        await running.start("pune", node__isp="jio", routing__places_file=str(table)),
        await running.start("delhi", node__isp="airtel", node__region="north"),
    ]
    await until(lambda: all(len(one.gossip.view().alive) == 2 for one in found))
    await until(lambda: all(held.load for held in found[0].gossip.view().nodes))
    return found


async def edge(node: Node, *words: str) -> Any:
    words = (*words, "--admin", node.member.admin)
    return await asyncio.to_thread(CliRunner().invoke, main, words)


async def test_an_answer_is_one_line_with_its_reason(nodes: list[Node]) -> None:
    found = await edge(nodes[0], "route", "/live/main.m3u8", "--zone", "delhi")
    assert found.exit_code == 0
    assert found.output.startswith(
        f"delhi, {nodes[1].member.public}/live/main.m3u8: zone delhi; choice 1 by hash, load "
    )
    assert len(found.output.splitlines()) == 1


async def test_an_address_is_looked_up_in_the_nodes_table(nodes: list[Node]) -> None:
    words = ("route", "/live/main.m3u8", "--address", "203.0.113.9", "--output", "json")
    found = orjson.loads((await edge(nodes[0], *words)).output)
    assert found["query"]["zone"] == "delhi"
    assert found["query"]["isp"] == "airtel"
    assert found["answer"]["node"] == "delhi"
    assert found["reason"].startswith("zone delhi, isp airtel; ")
    elsewhere = orjson.loads((await edge(nodes[1], *words)).output)  # which has no table
    assert elsewhere["query"]["zone"] == ""


async def test_explained_it_names_all_nodes_with_why(nodes: list[Node]) -> None:
    found = await edge(nodes[0], "route", "/live/main.m3u8", "--zone", "delhi", "--explain")
    _, head, first, second = [line.rstrip() for line in found.output.splitlines()]
    assert head.split() == ["NODE", "ZONE", "ISP", "LOAD", "ALLOWED", "BY", "HASH", "VERDICT"]
    assert first.split()[:3] == ["delhi", "delhi", "airtel"]
    assert first.endswith("taken: zone delhi")
    assert second.split()[:3] == ["pune", "pune", "jio"]
    assert second.endswith("farther")
    told = orjson.loads((await edge(nodes[0], "route", "/x", "--explain", "--output", "json")).output)
    assert sorted(one["node"] for one in told["candidates"]) == ["delhi", "pune"]


async def test_asking_sends_nobody(nodes: list[Node]) -> None:
    await edge(nodes[0], "route", "/live/main.m3u8")
    assert nodes[0]._face.routes.redirects == {}


async def test_a_mistake_is_told_in_one_line(nodes: list[Node]) -> None:
    found = await edge(nodes[0], "route", "live/main.m3u8")
    assert found.exit_code == 2
    assert "answered 400: path: wants an absolute path" in found.output


async def test_where_no_node_takes_viewers_it_says_so_by_its_exit_status(running: Running) -> None:
    alone = await running.start("pune", node__capacity="0")
    found = await edge(alone, "route", "/live/main.m3u8", "--explain")
    assert found.exit_code == 1
    assert found.output.splitlines()[0] == "nowhere: no node takes viewers at the moment"
    assert found.output.splitlines()[-1].rstrip().endswith("has capacity 0")
