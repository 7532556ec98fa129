"""Whole nodes in this process: real sockets, an origin, and what joins the parts."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from cache.pretend_origin import SEGMENT
from edge import app
from edge.app import Node
from edge.model import ConfigError, Status
from running import Running
from waiting import until


def status(at: Node, name: str) -> Status | None:
    held = at.gossip.view().node(name)
    return held.member.status if held else None


async def test_a_node_that_leaves_is_drained_first_and_is_no_failure(
    running: Running, http: aiohttp.ClientSession
) -> None:
    pune, delhi = await running.start("pune"), await running.start("delhi")
    await until(lambda: status(pune, "delhi") is status(delhi, "pune") is Status.ALIVE)
    leaving = asyncio.create_task(running.stop("delhi"))
    await until(lambda: not _takes_viewers(pune, "delhi"))
    assert status(pune, "delhi") is Status.ALIVE
    async with http.get(delhi.member.admin + "/readyz") as ready:
        assert (ready.status, await ready.text()) == (503, "draining\n")
    async with http.get(delhi.member.public + SEGMENT) as late:
        assert await late.read() == b"media"
    await leaving
    assert status(pune, "delhi") is Status.LEFT
    kinds = [event.kind for event in pune._events]
    assert kinds == ["joined", "left"]


def _takes_viewers(at: Node, name: str) -> bool:
    held = at.gossip.view().node(name)
    return held is not None and held.takes_viewers


async def test_ready_when_joined_or_when_the_seeds_stay_silent(
    running: Running, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "JOIN_PATIENCE_S", 0.5)
    alone = await running.start("pune", gossip__seeds="127.0.0.1:9,nowhere..:7700")
    async with http.get(alone.member.admin + "/readyz") as answer:
        assert (answer.status, await answer.text()) == (503, "joining\n")
    await asyncio.sleep(0.6)
    async with http.get(alone.member.admin + "/readyz") as answer:
        assert answer.status == 200
    async with http.get(alone.member.admin + "/metrics") as answer:
        text = await answer.text()
    assert 'edge_members{status="alive"} 1.0' in text
    failures = next(line for line in text.splitlines() if line.startswith("edge_seed_lookup_failures_total"))
    assert float(failures.split()[1]) >= 1


async def test_metrics_are_well_formed_and_say_what_was_served(
    running: Running, http: aiohttp.ClientSession
) -> None:
    pune = await running.start("pune")
    for _ in range(3):
        async with http.get(pune.member.public + SEGMENT) as answer:
            assert answer.status == 200
    async with http.get(pune.member.admin + "/metrics") as answer:
        lines = (await answer.text()).splitlines()
    for line in ("edge_requests_total 3.0", "edge_cache_hits_total 2.0", "edge_cache_fills_total 1.0"):
        assert line in lines
    assert 'edge_gossip_dropped_total{reason="replay"} 0.0' in lines
    assert "edge_gossip_durable_dropped_total 0.0" in lines
    named = {line.split()[2] for line in lines if line.startswith("# HELP ")}
    assert all(name.startswith("edge_") for name in named)


async def test_a_name_that_is_taken_ends_the_older_process_with_a_word(running: Running) -> None:
    await running.start("delhi")
    older = await running.start("pune")
    await asyncio.sleep(0)
    task = running.tasks["pune"]
    newer_settings = {"gossip__seeds": str(running.nodes["delhi"].member.address)}
    await until(lambda: status(running.nodes["delhi"], "pune") is Status.ALIVE)
    older.gossip._membership._met = -60.0  # it has run among them for a while
    await asyncio.sleep(1.1)  # a later second, as the incarnation counts them
    await running.start("pune", **newer_settings)
    with pytest.raises(
        ConfigError, match=r"node.name: another process gossips as pune; .* give this process"
    ):
        await asyncio.wait_for(task, 10)


async def test_a_node_that_could_not_bind_leaves_no_socket_behind(running: Running, tmp_path: Path) -> None:
    pune = await running.start("pune")
    taken = pune.member.admin.removeprefix("http://")
    with pytest.raises(ConfigError, match=r"admin.bind: .* is in use"):
        await running.start("delhi", admin__bind=taken)


async def test_a_purge_at_one_node_empties_the_cache_of_the_other_and_is_acknowledged(
    running: Running, http: aiohttp.ClientSession
) -> None:
    pune, delhi = await running.start("pune"), await running.start("delhi")
    await until(lambda: status(pune, "delhi") is status(delhi, "pune") is Status.ALIVE)
    for node in (pune, delhi):
        async with http.get(node.member.public + SEGMENT) as answer:
            assert await answer.read() == b"media"
    assert delhi.cache.stored_objects == 1
    async with http.post(pune.member.admin + "/v1/purge", json={"url": SEGMENT}) as answer:
        assert answer.status == 202
    await until(lambda: pune.cache.stored_objects == delhi.cache.stored_objects == 0)
    await until(lambda: [one["reached"] for one in pune.events.all()] == [["delhi", "pune"]])
    async with http.get(delhi.member.public + SEGMENT) as answer:
        assert answer.headers["Cache-Status"].startswith('"delhi"; fwd=uri-miss')


async def test_a_newcomer_fetches_much_at_once_though_each_node_has_an_admin_token_of_its_own(
    running: Running, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    for name in ("pune", "delhi"):
        (tmp_path / name).write_text(f"a long random word of {name}")
    pune = await running.start("pune", admin__token_file=str(tmp_path / "pune"))
    for number in range(500):
        pune.events.purge({"url": f"/{number}"})
    delhi = await running.start("delhi", admin__token_file=str(tmp_path / "delhi"))
    await until(lambda: len(delhi.gossip.durables()) == 500)
    await until(lambda: len(pune.gossip.reached(pune.gossip.durables()[-1])) == 2)
    async with http.get(delhi.member.admin + "/metrics") as answer:
        lines = (await answer.text()).splitlines()
    assert "edge_gossip_bulk_done_total 1.0" in lines
    assert "edge_gossip_bulk_failed_total 0.0" in lines
