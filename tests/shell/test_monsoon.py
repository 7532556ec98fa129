"""Monsoon mode on whole nodes: real sockets, an origin that goes away, the admin port and the command line."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from click.testing import CliRunner

from cache.pretend_origin import PLAYLIST, SEGMENT, PretendOrigin
from edge.app import Node
from edge.cli import main
from edge.decide.monsoon import Mode
from edge.model import EventKind, GossipEvent
from edge.shell import monsoon, originhealth
from edge.shell.kube.platform import on_kubernetes
from gossip.test_node import Bench
from running import Running
from shell.actor import event_actor, monsoon_runner
from shell.kubernetes_settings import settings
from shell.pretend_apiserver import PretendApiServer
from waiting import until

LIVE = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:2,\n7.m4s\n#EXTINF:2,\n8.m4s\n"
QUICK = {"monsoon__dwell_s": "1", "monsoon__smoothing_s": "0.5"}


@pytest.fixture
async def origin() -> AsyncIterator[PretendOrigin]:
    made = PretendOrigin()
    await made.start()
    for number in (6, 7, 8, 9):
        made.serve(f"/live/v240/{number}.m4s", b"media", {"Cache-Control": "max-age=60"})
    made.serve(PLAYLIST, LIVE, {"Cache-Control": "max-age=1"})
    yield made
    await made.stop()


async def edge(node: Node, *arguments: str) -> str:
    """What the command line says, asked of a node."""
    command = ["monsoon", *arguments, "--admin", node.member.admin]
    done = await asyncio.to_thread(CliRunner().invoke, main, command)
    assert done.exit_code == 0, done.output
    return done.output


async def told(node: Node, *arguments: str) -> Any:
    return orjson.loads(await edge(node, *arguments, "--output", "json"))


def level_of(at: Node, name: str) -> int:
    """As gossip has told it."""
    held = at.gossip.load_of(name)
    return held.level if held else 0


async def get(http: aiohttp.ClientSession, url: str, **fields: str) -> tuple[int, str, Any]:
    async with http.get(url, headers=fields) as answer:
        return answer.status, await answer.text(errors="replace"), answer.headers


async def test_an_override_given_at_one_node_counts_at_all_and_ends_by_itself(
    running: Running, http: aiohttp.ClientSession
) -> None:
    pune, delhi = await running.start("pune"), await running.start("delhi")
    await until(lambda: len(pune.gossip.view().alive) == len(delhi.gossip.view().alive) == 2)
    assert (await edge(pune, "on", "--for", "3s")).startswith("the cluster: level 2 until ")
    await until(lambda: pune.monsoon.level == delhi.monsoon.level == 2)
    assert pune.monsoon.mode is delhi.monsoon.mode is Mode.MONSOON
    await until(lambda: level_of(pune, "delhi") == level_of(delhi, "pune") == 2)
    await until(lambda: level_of(delhi, "delhi") == 2)
    status = await told(delhi, "status")
    assert (status["mode"], status["level"]) == ("monsoon", 2)
    assert status["reason"] == "an operator's override of the cluster"
    assert status["automatic"] == {"mode": "clear", "level": 0}
    assert [one["level"] for one in status["zones"]] == [2, 2]
    assert status["measures"]["stale_s"] == 900
    await until(lambda: pune.monsoon.level == delhi.monsoon.level == 0, 6)
    status = await told(delhi, "status")
    assert [(one["from"], one["to"], one["level"]) for one in status["transitions"]] == [
        ("clear", "monsoon", 2),
        ("monsoon", "clear", 0),
    ]
    assert status["overrides"] == []


async def test_the_most_specific_override_counts_and_a_withdrawn_one_does_not(running: Running) -> None:
    pune, delhi = await running.start("pune"), await running.start("delhi")
    await until(lambda: len(pune.gossip.view().alive) == len(delhi.gossip.view().alive) == 2)
    await edge(pune, "on", "--cluster", "--level", "1")
    await edge(pune, "on", "--zone", "delhi", "--level", "3")
    assert "2 of 2 members have acted on it" in await edge(delhi, "off", "--node", "delhi", "--for", "1h30m")
    assert (pune.monsoon.level, delhi.monsoon.level) == (1, 0)
    words = (await edge(delhi, "status")).splitlines()
    assert words[0] == "delhi is clear, level 0: an operator's override of node delhi"
    assert any(one.startswith("override of zone delhi: level 3 until ") for one in words)
    assert "without it this node would be clear, level 0" in words
    assert "node delhi: no override" in await edge(pune, "off", "--node", "delhi")
    assert (pune.monsoon.level, delhi.monsoon.level) == (1, 3)
    await edge(pune, "off", "--zone", "delhi")
    assert delhi.monsoon.level == 1


async def test_a_newcomer_hears_of_an_override_that_goes_on(running: Running) -> None:
    pune = await running.start("pune")
    await edge(pune, "on", "--level", "3", "--for", "1h")
    delhi = await running.start("delhi")
    await until(lambda: delhi.monsoon.level == 3)


async def test_a_transition_is_a_log_line_an_event_and_a_metric(
    running: Running, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    pune = await running.start("pune")
    await edge(pune, "on", "--level", "4", "--node", "pune")
    line = "monsoon mode: clear to monsoon, level 4: an operator's override of node pune"
    assert [one.getMessage() for one in caplog.records].count(line) == 1
    view = orjson.loads((await get(http, pune.member.admin + "/v1/view"))[1])
    assert [(one["kind"], one["node"], one["text"]) for one in view["events"]] == [("monsoon", "pune", line)]
    await until(lambda: level_of(pune, "pune") == 4)
    view = orjson.loads((await get(http, pune.member.admin + "/v1/view"))[1])
    assert view["members"][0]["load"]["level"] == 4
    lines = (await get(http, pune.member.admin + "/metrics"))[1].splitlines()
    for metric in (
        "edge_monsoon_level 4.0",
        'edge_monsoon_mode{mode="monsoon"} 1.0',
        'edge_monsoon_mode{mode="clear"} 0.0',
        'edge_monsoon_transitions_total{mode="monsoon"} 1.0',
    ):
        assert metric in lines


async def test_an_origin_that_goes_away_is_bridged_and_its_return_clears_the_mode(
    running: Running, http: aiohttp.ClientSession, origin: PretendOrigin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monsoon, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(originhealth, "WINDOW_S", 1.0)
    pune = await running.start("pune", **QUICK)
    url, answers = pune.member.public + PLAYLIST, list[tuple[int, str, Any]]()

    async def watch() -> None:
        """A viewer who asks for the playlist and for what is new."""
        for number in range(10_000):
            answers.append(await get(http, url))
            await get(http, f"{pune.member.public}/live/v240/{number}0.m4s")
            await asyncio.sleep(0.1)

    viewer = asyncio.create_task(watch())
    await until(lambda: len(answers) > 3)
    assert pune.monsoon.mode is Mode.CLEAR
    await origin.stop()
    await until(lambda: pune.monsoon.mode is Mode.MONSOON, 15)
    assert pune.monsoon.level == 2
    seen = len(answers)
    await until(lambda: len(answers) > seen + 5)
    assert {status for status, _, _ in answers} == {200}
    assert "fwd=stale; detail=" in answers[-1][2]["Cache-Status"]
    assert int(answers[-1][2]["Age"]) >= 1
    assert pune.cache.leniency.stale_s == 900
    assert "of fills fail" in (await told(pune, "status"))["reason"]
    await origin.start()
    await until(lambda: pune.monsoon.mode is Mode.CLEAR, 25)
    await until(lambda: answers[-1][2]["Age"] == "0")
    viewer.cancel()
    assert {status for status, _, _ in answers} == {200}
    assert pune.cache.leniency.stale_s == 0
    modes = [one["to"] for one in pune.monsoon.status()["transitions"]]
    assert modes[:1] == ["watch"]
    assert modes[-2:] == ["recovering", "clear"]


async def test_peers_that_died_while_their_machine_answers_are_no_cut(running: Running) -> None:
    """tests/netns/test_cut.py has the cut."""
    pune = await running.start("pune", **QUICK)
    for name in ("delhi", "agra"):
        await running.start(name)
    await until(lambda: len(pune.gossip.view().alive) == 3)
    for name in ("delhi", "agra"):
        await running.crash(name)
    await until(lambda: len(pune.gossip.view().alive) == 1, 20)
    assert pune.gossip.view().partition is None
    assert pune.monsoon.status()["signals"]["side"] == "whole"


async def test_level_3_sheds_what_is_recorded_and_takes_no_new_viewers_beyond_the_safe_load(
    running: Running, http: aiohttp.ClientSession
) -> None:
    pune = await running.start("pune", node__capacity="1")
    media = pune.member.public + "/live/v240/"
    known, new = {"CMCD-Session": 'sid="a"'}, {"CMCD-Session": 'sid="b"'}
    assert (await get(http, media + "playlist.m3u8", **known))[0] == 200
    await edge(pune, "on", "--level", "3")
    await until(lambda: level_of(pune, "pune") == 3)
    assert (await get(http, media + "playlist.m3u8", **known))[0] == 200
    assert (await get(http, media + "7.m4s", **known))[0] == 200
    status, text, headers = await get(http, media + "6.m4s", **known)
    assert (status, text) == (503, "only what is live is served at the moment\n")
    assert 5 <= int(headers["Retry-After"]) <= 10
    assert headers["Cache-Status"] == '"pune"; detail=degraded_recorded'
    assert headers["Cache-Control"] == "no-store"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert (await get(http, media + "playlist.m3u8", **new))[0] == 503
    assert (await get(http, media + "playlist.m3u8", **new))[0] == 503  # who was refused is no viewer
    status, text, _ = await get(http, pune.member.public + "/v1/route?path=/live/v240/playlist.m3u8")
    assert (status, text) == (503, "no node takes viewers at the moment\n")
    assert pune.monsoon.gate.refused == {"recorded": 1, "session": 2, "uncached": 0}
    lines = (await get(http, pune.member.admin + "/metrics"))[1].splitlines()
    assert 'edge_monsoon_refused_total{reason="session"} 2.0' in lines


async def test_level_4_serves_live_playlists_and_what_is_cached(
    running: Running, http: aiohttp.ClientSession
) -> None:
    pune = await running.start("pune")
    media = pune.member.public + "/live/v240/"
    assert (await get(http, media + "7.m4s"))[0] == 200
    await edge(pune, "on", "--level", "4")
    assert (await get(http, media + "7.m4s"))[0] == 200
    assert (await get(http, media + "playlist.m3u8"))[0] == 200
    status, _, headers = await get(http, media + "9.m4s")
    assert status == 503
    assert 10 <= int(headers["Retry-After"]) <= 20
    async with http.options(media + "9.m4s") as preflight:
        assert preflight.status == 204
    await edge(pune, "off")
    assert (await get(http, media + "9.m4s"))[0] == 200


async def test_players_are_asked_to_stay_below_the_cap(running: Running, http: aiohttp.ClientSession) -> None:
    pune = await running.start("pune", monsoon__ladder_kbps="600")
    url = pune.member.public + SEGMENT
    assert "CMSD-Dynamic" not in (await get(http, url))[2]
    await edge(pune, "on", "--level", "1")
    assert (await get(http, url))[2]["CMSD-Dynamic"] == '"pune";mb=600'


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "level: None does not fit; write 0 to 4, or null to withdraw an override"),
        ({"level": True}, "level: True does not fit"),
        ({"level": 5}, "level: 5 does not fit; write 0 to 4"),
        ({"level": 2, "for_s": 0}, "for_s: 0 does not fit; write whole seconds from 1 to 604800"),
        ({"level": 2, "until": 3}, "monsoon: until: no such field; known are scope, name, level, for_s"),
        ({"level": 2, "scope": "planet"}, "scope: 'planet' is none"),
        ({"level": 2, "scope": "zone"}, "name: '' does not fit; name one zone"),
        (
            {"level": 2, "scope": "node", "name": "puna"},
            "name: no member is called puna; did you mean pune?",
        ),
        ({"level": 2, "scope": "zone", "name": "x"}, "name: no member is in x; `edge members` lists them"),
    ],
)
async def test_what_is_wrong_with_an_override_is_told(
    running: Running, http: aiohttp.ClientSession, body: dict[str, Any], words: str
) -> None:
    pune = await running.start("pune")
    async with http.post(pune.member.admin + "/v1/monsoon", json=body) as answer:
        assert answer.status == 400
        assert (await answer.text()).startswith(words)
    assert pune.monsoon.level == 0


async def test_a_foreign_page_cannot_override_and_the_token_is_wanted(
    running: Running, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    pune = await running.start("pune")
    url = pune.member.admin + "/v1/monsoon"
    async with http.post(url, data=b'{"level": 4}', headers={"Content-Type": "text/plain"}) as answer:
        assert answer.status == 415
    (tmp_path / "token").write_text("a long random word")
    delhi = await running.start("delhi", admin__token_file=str(tmp_path / "token"))
    for ask in (http.get, http.post):
        async with ask(delhi.member.admin + "/v1/monsoon") as answer:
            assert answer.status == 401


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["on", "--node", "pune", "--cluster"],
            "names several of --node, --zone, --cluster; give one of them",
        ),
        (["on", "--for", "soon"], "'soon' is no time; write e.g. 90s, 10m or 1h30m"),
        (["on", "--level", "5"], "5 is not in the range 0<=x<=4"),
        (["on", "--admin", "http://127.0.0.1:1"], "is a node running there?"),
    ],
)
def test_what_is_wrong_with_a_command_is_told(arguments: list[str], words: str) -> None:
    done = CliRunner().invoke(main, ["monsoon", *arguments])
    assert done.exit_code == 2
    assert words in done.output


async def test_on_kubernetes_a_transition_is_an_event_on_the_pod(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = PretendApiServer()
    await server.start()
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path)))
    bench = Bench()
    actor = event_actor(bench)
    async with on_kubernetes(settings()) as kubernetes:
        runner = monsoon_runner(bench, actor, kubernetes=kubernetes)
        runner.override({"level": 3})
        runner.override({"level": None})
    await server.stop()
    assert [(one["reason"], one["type"]) for one in server.events] == [
        ("Monsoon", "Warning"),
        ("MonsoonClear", "Normal"),
    ]
    assert server.events[0]["message"].startswith("monsoon mode: clear to monsoon, level 3: an operator's")


def test_the_history_of_transitions_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, heard = Bench(), list[GossipEvent]()
    runner = monsoon_runner(bench, event_actor(bench), heard)
    for number in range(monsoon.HISTORY + 10):
        runner.override({"level": number % 2})
    history = runner.status()["transitions"]
    assert len(history) == monsoon.HISTORY
    assert history[-1]["id"] == len(heard) == monsoon.HISTORY + 9
    assert sum(runner.transitions.values()) == len(heard)


def test_the_real_end_is_in_the_body_though_the_event_lives_as_long_as_the_older_one() -> None:
    bench = Bench()
    runner = monsoon_runner(bench, event_actor(bench))
    runner.override({"level": 4, "for_s": 3600})
    made = runner.override({"level": 1, "for_s": 60})
    assert made["ttl_s"] >= 3599
    assert made["until"] == pytest.approx(time.time() + 60, abs=5)
    assert (runner.level, runner.status()["overrides"][0]["until"]) == (1, made["until"])


def test_an_override_that_this_version_does_not_understand_is_logged_and_acknowledged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    actor = event_actor(bench)
    runner = monsoon_runner(bench, actor)
    made = bench.node.create_event(EventKind.OVERRIDE, "monsoon/planet", "{}", 60, 1.0)
    actor.act()
    assert bench.node.reached(made) == ["1"]
    assert runner.level == 0
    assert "override monsoon/planet by 1 is not understood" in caplog.text
