"""Quality on whole nodes: what players say becomes a cap everywhere, and no session's id leaves a node."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
from click.testing import CliRunner
from yarl import URL

from cache.pretend_origin import SEGMENT, PretendOrigin
from edge.app import Node
from edge.cli import main
from edge.config import Source, load
from edge.model import ConfigError
from edge.shell.quality import Strides
from edge.wire.frame import Opener
from edge.wire.messages import Loads, decode, encode
from running import Running
from shell.test_sessions import HIGH, HLS, LOW, MAIN, MEDIA, MULTIVARIANT
from waiting import until

PLACE = {"node__zone": "mumbai", "node__isp": "jio", "quality__hold_s": "1"}


@pytest.fixture
async def origin() -> AsyncIterator[PretendOrigin]:
    made = PretendOrigin()
    await made.start()
    made.serve(MAIN, MULTIVARIANT, HLS)
    for path in (LOW, HIGH):
        made.serve(path, MEDIA, HLS)
    made.serve(SEGMENT, b"media", {"Cache-Control": "max-age=60"})
    yield made
    await made.stop()


async def watch(http: aiohttp.ClientSession, node: Node, count: int = 6, said: str = "") -> None:
    """Some players ask for a segment, and say this of themselves."""
    for number in range(count):
        query = f"?CMCD=br%3D2400%2Cmtp%3D2100%2Cot%3Dv%2Csid%3D%22secret-{number}%22{said}"
        async with http.get(URL(f"{node.member.public}{SEGMENT}{query}", encoded=True)) as answer:
            assert answer.status == 200


async def body(http: aiohttp.ClientSession, node: Node, path: str) -> tuple[int, bytes, Any]:
    async with http.get(node.member.public + path) as answer:
        return answer.status, await answer.read(), answer.headers


async def test_players_that_run_dry_at_one_node_are_capped_at_all_nodes_of_their_zone(
    running: Running, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = list[bytes]()
    opened = Opener.open

    def listen(self: Opener, data: bytes) -> bytes:
        heard.append(payload := opened(self, data))
        return payload

    monkeypatch.setattr(Opener, "open", listen)
    mumbai, second = await running.start("mumbai-1", **PLACE), await running.start("mumbai-2", **PLACE)
    pune = await running.start("pune", node__zone="pune")
    await until(lambda: len(pune.gossip.view().alive) == 3)
    assert (await body(http, second, MAIN))[1] == MULTIVARIANT
    await watch(http, mumbai, said="%2Cbs")
    begun = time.monotonic()
    await until(lambda: second.audience.quality.caps.cap("mumbai", "jio") == 1500)
    await until(lambda: pune.audience.quality.caps.cap("mumbai", "") == 1500)
    assert time.monotonic() - begun < 5
    for node in (mumbai, second):
        status, text, headers = await body(http, node, MAIN)
        assert (status, b"v240/" in text, b"v720/" in text) == (200, True, False)
        assert headers["CMSD-Dynamic"] == f'"{node.member.name}";mb=1500'
        assert (await body(http, node, HIGH))[0] == 404
        assert (await body(http, node, LOW))[0] == 200
    assert (await body(http, pune, MAIN))[1] == MULTIVARIANT  # another zone
    loads = [one for payload in heard for one in decode(payload) if isinstance(one, Loads)]
    told = [one.quality for one in loads if one.quality]
    assert told
    assert b"secret" not in b"".join(heard)
    assert b"secret" not in encode(told)


async def test_it_is_shown_to_people_and_prometheus(running: Running, http: aiohttp.ClientSession) -> None:
    mumbai = await running.start("mumbai", **PLACE)
    await watch(http, mumbai, said="%2Cbs")
    await until(lambda: mumbai.audience.quality.caps.cap("mumbai", "jio") == 1500)
    command = ["quality", "--admin", mumbai.member.admin]
    shown = await asyncio.to_thread(CliRunner().invoke, main, command)
    assert shown.exit_code == 0, shown.output
    assert shown.output.splitlines()[0].split() == [
        *("ZONE", "ISP", "SESSIONS", "WATCHED", "REACH", "STALLS", "CAP", "WHY")
    ]
    assert "mumbai carries 6 of 1000 viewers (limited by streams); refused 0, sent on 0" in shown.output
    found = await asyncio.to_thread(CliRunner().invoke, main, [*command, "--output", "json"])
    places = {(one["zone"], one["isp"]): one for one in orjson.loads(found.output)["places"]}
    assert places["mumbai", "jio"]["sessions"] == 6
    assert places["mumbai", ""]["cap_kbps"] == 1500
    async with http.get(mumbai.member.admin + "/metrics") as answer:
        lines = (await answer.text()).splitlines()
    for line in (
        'edge_quality_cap_kbps{isp="jio",zone="mumbai"} 1500.0',
        'edge_quality_sessions{isp="",zone="mumbai"} 6.0',
        'edge_safe_load_viewers{binding="streams"} 1000.0',
        'edge_admission_refused_total{reason="full"} 0.0',
        "edge_quality_samples_total 6.0",
    ):
        assert line in lines
    assert "secret" not in "".join(lines)


async def test_few_players_are_told_of_to_nobody(running: Running, http: aiohttp.ClientSession) -> None:
    mumbai = await running.start("mumbai", **PLACE)
    await watch(http, mumbai, count=4, said="%2Cbs")
    await until(lambda: mumbai.audience.quality.meter.samples == 4)
    mumbai.audience.quality.look(time.monotonic())
    assert mumbai.audience.quality.caps.seen == {}
    own = mumbai.gossip.view().node("mumbai")
    assert own is not None
    assert own.quality is None


def test_however_many_speak_about_as_many_are_read_as_were_meant() -> None:
    strides = Strides(500)
    taken = [sum(strides.takes(second + number / 20_000) for number in range(20_000)) for second in range(5)]
    assert taken[1:] == [500] * 4
    assert [sum(strides.takes(10 + second) for _ in range(100)) for second in range(2)] == [2, 100]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"quality.ladder_kbps": "700,300"},
            "quality.ladder_kbps: is not in order; write the lowest rung first",
        ),
        ({"quality.stalls_low": "0.5"}, "quality.stalls_low: is not below quality.stalls_high"),
    ],
)
async def test_thresholds_that_contradict_each_other_are_a_mistake(
    settings: dict[str, str], words: str
) -> None:
    binds = {f"{section}.bind": "127.0.0.1:0" for section in ("gossip", "public", "admin")}
    with pytest.raises(ConfigError, match=words):
        Node(load(Source.flags({"node.name": "pune", **binds, **settings})))
