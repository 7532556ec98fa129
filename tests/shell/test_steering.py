"""Players are steered: whole nodes, real sockets."""

import asyncio
import random

import aiohttp
import m3u8
import orjson
import pytest
from aiohttp.test_utils import make_mocked_request
from prometheus_client.parser import text_string_to_metric_families

from asking import Answer, Viewer
from cache.pretend_origin import PLAYLIST, PretendOrigin
from edge.app import Node
from edge.shell.shards import number_of
from running import Running
from waiting import until

MAIN = "/live/main.m3u8"
MPD = "/live/main.mpd"
MULTIVARIANT = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=800000\nv240/playlist.m3u8\n"
LIVE_MPD = b'<MPD type="dynamic" minimumUpdatePeriod="PT2S"><Period id="1"/></MPD>'
ZONES = {"pune": "west", "goa": "west", "delhi": "north"}
ON = {"steering__enabled": "true"}


@pytest.fixture
async def origin(origin: PretendOrigin) -> PretendOrigin:
    origin.serve(MAIN, MULTIVARIANT, {"ETag": '"1"', "Cache-Control": "max-age=60"})
    origin.serve(MPD, LIVE_MPD)
    origin.serve(PLAYLIST, b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n7.m4s\n")
    return origin


@pytest.fixture
async def nodes(running: Running) -> dict[str, Node]:
    for name, zone in ZONES.items():
        await running.start(name, node__zone=zone, node__drain_s="5", **ON)
    found = running.nodes
    await until(lambda: all(takers(one) == len(ZONES) and steers(one) for one in found.values()))
    return found


def steers(node: Node) -> bool:
    return all(node._steering.shards.table.knows(zone) for zone in ZONES.values())


def takers(node: Node) -> int:
    return sum(one.load is not None and one.takes_viewers for one in node.gossip.view().nodes)


def asking(node: Node, http: aiohttp.ClientSession) -> Viewer:
    return Viewer(http, node.member.public)


def names(answer: Answer) -> list[str]:
    found: list[str] = orjson.loads(answer.body)["PATHWAY-PRIORITY"]
    return found


async def test_a_manifest_names_nodes_of_the_zone_then_another_and_how_to_reach_each(
    nodes: dict[str, Node], http: aiohttp.ClientSession
) -> None:
    answer = await asking(nodes["delhi"], http).get(
        "/v1/steering/hls/west/3?_HLS_pathway=%22x%22&_HLS_throughput=1"
    )
    assert answer.status == 200
    told = orjson.loads(answer.body)
    assert told["VERSION"] == 1
    assert set(told["PATHWAY-PRIORITY"][:2]) == {"pune", "goa"}
    assert told["PATHWAY-PRIORITY"][2:] == ["delhi", "."]
    assert told["RELOAD-URI"] == "/v1/steering/hls/west/3"
    assert 22 <= told["TTL"] <= 38
    clones = {one["ID"]: (one["BASE-ID"], one["URI-REPLACEMENT"]) for one in told["PATHWAY-CLONES"]}
    ports = {name: nodes[name].member.public.rpartition(":")[2] for name in ZONES}
    assert clones == {name: (f"http-{ports[name]}", {"HOST": "127.0.0.1"}) for name in ZONES}
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Edge-Steering"].startswith("west/3; zone west: ")


async def test_all_nodes_give_the_same_order(nodes: dict[str, Node], http: aiohttp.ClientSession) -> None:
    for number in range(16):
        path = f"/v1/steering/dash/west/{number}"
        given = [names(await asking(one, http).get(path)) for one in nodes.values()]
        assert given[0] == given[1] == given[2]


@pytest.mark.parametrize(
    "path", ["hls/nowhere/1", "hls/west/16", "hls/west/x", "hls/west", "smooth/west/1", "hls/west/1/2"]
)
async def test_what_is_not_there_is_refused(
    nodes: dict[str, Node], http: aiohttp.ClientSession, path: str
) -> None:
    assert (await asking(nodes["pune"], http).get(f"/v1/steering/{path}")).status == 404


async def test_a_multivariant_playlist_leads_to_nodes_and_to_who_steers(
    nodes: dict[str, Node], http: aiohttp.ClientSession
) -> None:
    viewer = asking(nodes["pune"], http)
    async with asyncio.timeout(10):
        while True:
            answer = await viewer.get(MAIN + "?CMCD=sid%3D%22one%22")
            again = await viewer.get(MAIN, CMCD_Session='sid="one"')
            playlist = m3u8.loads(answer.body.decode())
            server = playlist.content_steering.uri
            assert server
            assert server.startswith("/v1/steering/hls/west/")
            manifest = await viewer.get(server)
            if len({one.headers["Edge-Steering"] for one in (answer, again, manifest)}) == 1:
                break  # else something was suspected meanwhile, as happens on a busy machine
    assert answer.body == again.body
    ids = [one.stream_info.pathway_id or "." for one in playlist.playlists]
    bases = {one["BASE-ID"] for one in orjson.loads(manifest.body)["PATHWAY-CLONES"]}
    assert [one for one in ids if one not in bases] == names(manifest)
    assert bases < set(ids)
    assert playlist.content_steering.pathway_id == ids[0]
    variant = playlist.playlists[0].uri
    assert variant == nodes[ids[0]].member.public + PLAYLIST
    assert answer.headers["Cache-Control"] == "no-store"
    assert "ETag" not in answer.headers
    assert b"STEERING" not in (await viewer.get(PLAYLIST)).body


async def test_playlists_in_place_of_the_router_are_left_alone(
    nodes: dict[str, Node], http: aiohttp.ClientSession
) -> None:
    """All that they name is asked of the router: that is another way to move viewers."""
    assert (await asking(nodes["pune"], http).get(f"/v1/route{MAIN}")).body == MULTIVARIANT


async def test_an_mpd_names_nodes_and_keeps_its_viewer_in_his_shard(
    nodes: dict[str, Node], http: aiohttp.ClientSession
) -> None:
    viewer = asking(nodes["pune"], http)
    text = (await viewer.get(MPD)).body.decode()
    for name in ZONES:
        assert f'<BaseURL serviceLocation="{name}">{nodes[name].member.public}/live/</BaseURL>' in text
    again = text.partition("<Location>")[2].partition("<")[0]
    server = text.partition("<ContentSteering")[2].partition(">")[2].partition("<")[0]
    assert server == f"/v1/steering/dash/west/{again.rpartition('=')[2]}"
    assert (await viewer.get(again)).body.decode() == text


async def test_a_node_that_drains_is_left_out_and_hands_its_players_over(
    running: Running, nodes: dict[str, Node], http: aiohttp.ClientSession
) -> None:
    path = "/v1/steering/hls/west/3"
    leaves = names(await asking(nodes["delhi"], http).get(path))[0]
    stays = {"pune": "goa", "goa": "pune"}[leaves]
    stopping = asyncio.create_task(running.stop(leaves))
    for asked in (leaves, "delhi"):

        async def left_out(asked: str = asked) -> Answer | None:
            answer = await asking(nodes[asked], http).get(path)
            return answer if leaves not in names(answer) else None

        async with asyncio.timeout(2):
            while not (answer := await left_out()):
                await asyncio.sleep(0.01)
        assert names(answer) == [stays, "delhi", "."]
        said = answer.headers["Edge-Steering"]
        assert asked == leaves or said.endswith(f"; {leaves} drains or is not well")
        home = nodes[stays].member.public if asked == leaves else ""
        assert orjson.loads(answer.body)["RELOAD-URI"] == home + path
    await stopping


async def test_a_node_that_dies_is_left_out(
    running: Running, nodes: dict[str, Node], http: aiohttp.ClientSession
) -> None:
    path = "/v1/steering/hls/west/3"
    dies = names(await asking(nodes["delhi"], http).get(path))[0]
    await running.crash(dies)
    async with asyncio.timeout(8):
        while dies in names(answer := await asking(nodes["delhi"], http).get(path)):
            await asyncio.sleep(0.02)
    assert answer.headers["Edge-Steering"].rpartition(f"; {dies} is ")[2] in ("suspect", "unreachable")


async def test_where_steering_is_off_players_are_told_that_it_has_ended(
    running: Running, http: aiohttp.ClientSession
) -> None:
    viewer = asking(await running.start("pune"), http)
    assert (await viewer.get("/v1/steering/hls/pune/1")).status == 410
    assert (await viewer.get(MAIN)).body == MULTIVARIANT


async def test_it_is_counted(nodes: dict[str, Node], http: aiohttp.ClientSession) -> None:
    viewer = asking(nodes["pune"], http)
    for path in ("/v1/steering/hls/west/3", "/v1/steering/hls/west/99", MAIN, MPD):
        await viewer.get(path)
    async with http.get(f"{nodes['pune'].member.admin}/metrics") as answer:
        families = text_string_to_metric_families(await answer.text())
    found = {
        (one.name, *one.labels.values()): one.value
        for family in families
        for one in family.samples
        if "steering" in one.name and "_created" not in one.name
    }
    assert found["edge_steering_manifests_total", "hls"] == 1
    assert found["edge_steering_refused_total", "unknown"] == 1
    assert found["edge_steering_playlists_total", "hls"] == 1
    assert found["edge_steering_playlists_total", "dash"] == 1
    assert found["edge_steering_shards",] >= 1


def test_viewers_without_a_session_are_spread_over_the_shards() -> None:
    rng = random.Random(1)
    request = make_mocked_request("GET", MAIN)
    assert {number_of(request, 16, rng) for _ in range(300)} == set(range(16))
    named = make_mocked_request("GET", f"{MAIN}?edge-shard=7")
    assert number_of(named, 16, rng) == 7
    assert number_of(make_mocked_request("GET", f"{MAIN}?edge-shard=77"), 16, rng) < 16
