"""Sessions on whole nodes: who is let in, who is sent elsewhere, and what they may watch."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest

from cache.pretend_origin import SEGMENT, PretendOrigin
from edge.app import Node
from edge.cache.objects import CacheResponse
from edge.decide.routing import RouteAnswer, RouteQuery
from running import Running
from waiting import until

MAIN, LOW, HIGH = "/live/main.m3u8", "/live/v240/playlist.m3u8", "/live/v720/playlist.m3u8"
MULTIVARIANT = b"""#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=300000,RESOLUTION=426x240
v240/playlist.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=3000000,RESOLUTION=1280x720
v720/playlist.m3u8
"""
MEDIA = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:2,\n7.m4s\n"
VOD = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n1.m4s\n#EXT-X-ENDLIST\n"
HLS = {"Content-Type": "application/vnd.apple.mpegurl", "ETag": '"1"', "Cache-Control": "max-age=1"}


@pytest.fixture
async def origin() -> AsyncIterator[PretendOrigin]:
    made = PretendOrigin()
    await made.start()
    made.serve(MAIN, MULTIVARIANT, HLS)
    made.serve("/film/main.m3u8", MULTIVARIANT, HLS)
    for path in (LOW, HIGH):
        made.serve(path, MEDIA, HLS)
        made.serve(path.replace("/live/", "/film/"), VOD, HLS)
    made.serve(SEGMENT, b"media", {"Cache-Control": "max-age=60"})
    made.serve("/live/main.mpd", b"<MPD/>", {"Cache-Control": "max-age=1"})
    yield made
    await made.stop()


class Audience:
    """Viewers by name."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def __call__(self, node: Node, path: str, sid: str, **fields: str) -> tuple[int, bytes, Any]:
        headers = {"CMCD-Session": f'sid="{sid}"', **fields}
        url = node.member.public + path
        async with self._http.get(url, headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.read(), answer.headers


@pytest.fixture
def get(http: aiohttp.ClientSession) -> Audience:
    return Audience(http)


async def test_new_sessions_beyond_the_safe_load_are_refused_and_running_ones_go_on(
    running: Running, get: Audience
) -> None:
    pune = await running.start("pune", node__capacity="2")
    for sid in "ab":
        assert (await get(pune, MAIN, sid))[0] == 200
    for _ in range(3):
        status, text, headers = await get(pune, MAIN, "c")
        assert (status, text) == (503, b"no node has room for one more; please come back later\n")
        assert 10 <= int(headers["Retry-After"]) <= 20
        assert headers["Cache-Control"] == "no-store"
        assert headers["Access-Control-Allow-Origin"] == "*"
    assert (await get(pune, "/live/main.mpd", "c"))[0] == 503
    for path in (MAIN, "/live/main.mpd", LOW, SEGMENT):
        assert (await get(pune, path, "a"))[0] == 200
    for path in (LOW, SEGMENT):  # who asks for these was let in elsewhere
        assert (await get(pune, path, "d"))[0] == 200
    assert pune.audience.sessions.refused == {"full": 4, "capped": 0}


async def test_of_a_crowd_that_comes_at_once_no_more_get_in_than_fit(running: Running, get: Audience) -> None:
    pune = await running.start("pune", node__capacity="5")
    answers = await asyncio.gather(*(get(pune, MAIN, f"viewer-{number}") for number in range(40)))
    assert sorted(status for status, _, _ in answers) == [200] * 5 + [503] * 35


async def test_where_another_node_has_room_new_sessions_begin_there(running: Running, get: Audience) -> None:
    pune = await running.start("pune", node__capacity="1")
    agra = await running.start("agra", node__capacity="2")
    await until(lambda: _holds(pune, "agra") and _holds(agra, "pune"))
    assert (await get(pune, MAIN, "a"))[0] == 200
    status, _, headers = await get(pune, MAIN + "?token=x", "b")
    assert status == 302
    assert headers["Location"].startswith(f"{agra.member.public}{MAIN}?token=x&edge-moved=")
    assert headers["Edge-Route"].startswith("agra; this node is full; ")
    assert headers["Cache-Control"] == "no-store"
    query = headers["Location"].partition("?")[2]
    assert (await get(pune, f"{MAIN}?{query}", "b"))[0] == 503  # nobody is sent in a circle
    assert (await get(agra, f"{MAIN}?{query}", "b"))[0] == 200


async def test_the_router_refuses_who_begins_a_session_for_which_no_node_has_room(
    running: Running, get: Audience
) -> None:
    pune = await running.start("pune", node__capacity="1")
    await until(lambda: _holds(pune, "pune"))
    assert (await get(pune, f"/v1/route?path={MAIN}", "a"))[0] == 302
    assert (await get(pune, MAIN, "a"))[0] == 200
    await until(lambda: _viewers(pune) == 1)
    status, text, headers = await get(pune, f"/v1/route?path={MAIN}", "b")
    assert (status, text) == (503, b"no node has room for one more; please come back later\n")
    assert 10 <= int(headers["Retry-After"]) <= 20
    assert (await get(pune, f"/v1/route{SEGMENT}", "b"))[0] == 302  # he is watching
    assert (await get(pune, f"/v1/route?path={MAIN}&node=pune", "a"))[0] == 302  # and he was here before
    status, text, headers = await get(pune, f"/v1/route?path={MAIN}&format=json", "b")
    told = orjson.loads(text)
    assert (status, headers["Content-Type"]) == (503, "application/json")
    assert told == {
        "reason": "no node has room for one more; please come back later",
        "retry_after_s": int(headers["Retry-After"]),
    }
    assert pune._routes.redirects == {"pune": 3}  # who is refused is sent nowhere


async def test_the_router_prefers_a_node_with_room_to_a_refusal(running: Running, get: Audience) -> None:
    pune = await running.start("pune", node__capacity="1")
    await running.start("agra", node__capacity="1")
    assert (await get(pune, MAIN, "a"))[0] == 200
    await until(lambda: _viewers(pune) == 1 and _holds(pune, "agra"))
    settled, asked = pune.audience.sessions.settled, RouteQuery(MAIN)
    by_hash = RouteAnswer("pune", pune.member.public, "choice 1 by hash")
    other = settled(asked, by_hash)
    assert isinstance(other, RouteAnswer)
    assert other.node == "agra"
    await until(lambda: isinstance(settled(asked, by_hash), CacheResponse))  # one on his way to agra fills it
    assert settled(asked._replace(previous="pune"), by_hash) is by_hash


async def test_as_a_node_fills_up_it_takes_live_sessions_longest(running: Running, get: Audience) -> None:
    pune = await running.start("pune", node__capacity="10")
    for path in ("/film/main.m3u8", "/film/v240/playlist.m3u8", "/film/v720/playlist.m3u8"):
        assert (await get(pune, path, "viewer-0"))[0] == 200
    for number in range(1, 9):
        assert (await get(pune, MAIN, f"viewer-{number}"))[0] == 200
    assert (await get(pune, "/film/main.m3u8", "new"))[0] == 503
    assert (await get(pune, MAIN, "new"))[0] == 200


async def test_bandwidth_limits_what_a_node_takes_and_says(running: Running, get: Audience) -> None:
    pune = await running.start("pune", node__capacity="1000", admission__kbps="100")
    for sid in "ab":
        for path in (MAIN, *[HIGH] * 20):
            assert (await get(pune, path, sid))[0] == 200
    await until(lambda: pune.audience.safe.binding == "bandwidth")
    load = pune.gossip.load_of("pune")
    assert load is not None
    assert load.capacity < 1000


async def test_a_player_that_has_the_playlist_from_before_is_a_new_session_too(
    running: Running, get: Audience
) -> None:
    pune = await running.start("pune", node__capacity="1", monsoon__ladder_kbps="800")
    held = {"If-None-Match": '"1"'}
    assert (await get(pune, MAIN, "a"))[0] == 200
    assert (await get(pune, MAIN, "a", **held))[0] == 304
    assert (await get(pune, MAIN, "b", **held))[0] == 503
    pune.monsoon.override({"level": 1})
    await until(lambda: pune.monsoon.level == 1)
    status, body, headers = await get(pune, MAIN, "a", **held)
    assert (status, b"v240/" in body, b"v720/" in body) == (200, True, False)
    assert headers["Content-Type"] == "application/vnd.apple.mpegurl"


async def test_admission_can_be_switched_off(running: Running, get: Audience) -> None:
    pune = await running.start("pune", node__capacity="1", admission__enabled="false")
    for sid in "abc":
        assert (await get(pune, MAIN, sid))[0] == 200


async def test_under_a_cap_new_sessions_see_fewer_rungs_and_running_ones_lose_the_others(
    running: Running, get: Audience
) -> None:
    pune = await running.start("pune", monsoon__ladder_kbps="800")
    assert (await get(pune, MAIN, "a"))[1] == MULTIVARIANT
    pune.monsoon.override({"level": 1})
    await until(lambda: pune.monsoon.level == 1)
    status, body, headers = await get(pune, MAIN, "b")
    assert (status, b"v240/" in body, b"v720/" in body) == (200, True, False)
    assert headers["CMSD-Dynamic"] == '"pune";mb=800'
    assert "ETag" not in headers  # it is another playlist than the origin's
    assert int(headers["Content-Length"]) == len(body)
    assert headers["Cache-Control"] == "no-store"
    status, text, headers = await get(pune, HIGH, "a")
    assert (status, text) == (404, b"this rung is not served at the moment; a lower one is\n")
    assert headers["Cache-Control"] == "no-store"
    assert (await get(pune, LOW, "a"))[0] == 200
    assert (await get(pune, SEGMENT, "a"))[0] == 200
    pune.monsoon.override({"level": None})
    await until(lambda: pune.monsoon.level == 0)
    assert (await get(pune, HIGH, "a"))[0] == 200
    assert (await get(pune, MAIN, "b"))[1] == MULTIVARIANT


async def test_a_rung_that_no_multivariant_playlist_named_is_served(running: Running, get: Audience) -> None:
    pune = await running.start("pune", monsoon__ladder_kbps="800")
    pune.monsoon.override({"level": 1})
    assert (await get(pune, HIGH, "a"))[0] == 200


async def test_other_nodes_get_the_whole_ladder(running: Running, get: Audience) -> None:
    pune = await running.start("pune", node__zone="west", monsoon__ladder_kbps="800")
    agra = await running.start("agra", node__zone="west", monsoon__ladder_kbps="800")
    await until(lambda: _holds(pune, "agra") and _holds(agra, "pune"))
    pune.monsoon.override({"scope": "node", "name": "pune", "level": 1})
    await until(lambda: pune.monsoon.level == 1)
    for node, rungs in ((pune, 1), (agra, 2)):
        assert (await get(node, MAIN, "a"))[1].count(b"STREAM-INF") == rungs


async def test_each_level_lets_in_less(running: Running, get: Audience) -> None:
    """Nine of ten fit from level 3 on; from there on recorded media goes, and at level 4 what is not cached."""
    pune = await running.start("pune", node__capacity="10", monsoon__ladder_kbps="800")
    film = "/film/main.m3u8", "/film/v240/playlist.m3u8"
    for path in (MAIN, LOW, HIGH, SEGMENT, *film):
        assert (await get(pune, path, "viewer-0"))[0] == 200
    for number in range(1, 9):
        assert (await get(pune, MAIN, f"viewer-{number}"))[0] == 200

    async def found(level: int) -> dict[str, int]:
        pune.monsoon.override({"level": level})
        await until(lambda: pune.monsoon.level == level)
        asked = {"new": MAIN, "known": MAIN, "moved": LOW, "high": HIGH, "media": SEGMENT, "film": film[1]}
        asked |= {"uncached": f"/live/v240/{20 + level}.m4s"}
        return {
            name: (await get(pune, path, {"new": "new", "moved": "moved"}.get(name, "viewer-1")))[0]
            for name, path in asked.items()
        }

    lets_in = {
        "new": 200,
        "known": 200,
        "moved": 200,
        "high": 404,
        "media": 200,
        "film": 200,
        "uncached": 404,
    }
    assert await found(1) == await found(2) == lets_in
    sheds = lets_in | {"new": 503, "film": 503}
    pune.traffic._viewers._last.pop("new")
    pune.traffic._viewers._last.pop("moved")
    assert await found(3) == sheds
    pune.traffic._viewers._last.pop("moved")
    assert await found(4) == sheds | {"uncached": 503}


async def test_at_level_3_new_sessions_begin_where_there_is_room(running: Running, get: Audience) -> None:
    pune, agra = await running.start("pune", node__capacity="1"), await running.start("agra")
    await until(lambda: _holds(pune, "agra"))
    assert (await get(pune, MAIN, "a"))[0] == 200
    pune.monsoon.override({"scope": "node", "name": "pune", "level": 3})
    await until(lambda: pune.monsoon.level == 3)
    status, _, headers = await get(pune, MAIN, "b")
    assert (status, headers["Location"].startswith(agra.member.public)) == (302, True)


def _holds(at: Node, name: str) -> bool:
    return at.gossip.load_of(name) is not None


def _viewers(node: Node) -> int:
    load = node.gossip.load_of(node.member.name)
    return load.streams if load else 0
