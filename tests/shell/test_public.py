from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer, make_mocked_request
from yarl import URL

from cache.pretend_origin import MEDIA_PLAYLIST, PLAYLIST, SEGMENT, Clock, PretendOrigin, edge_cache
from edge.model import Load, Member, Status, incarnation_of
from edge.shell.public import PublicFace, viewer_of
from edge.state.reports import Report
from edge.state.traffic import Traffic
from edge.state.view import ClusterView, NodeView


def node(name: str, zone: str, status: Status = Status.ALIVE) -> NodeView:
    member = Member(name, incarnation_of(1), status, "10.0.0.1", 7700, public=f"http://{name}:80", zone=zone)
    return NodeView(member, Report(1, Load(0, 0, 0, 100, 100, 0), 0.0))


class Site:
    """A public port and a client that follows no redirect."""

    def __init__(self, face: PublicFace) -> None:
        self.face = face
        self.server = TestServer(face.app(), host="127.0.0.1")
        self.client = ClientSession()

    async def get(self, path: str) -> tuple[int, str, Any]:
        url = URL(str(self.server.make_url("")).rstrip("/") + path, encoded=True)
        async with self.client.get(url, allow_redirects=False) as response:
            return response.status, await response.text(), response.headers


@pytest.fixture
def cluster() -> dict[str, NodeView]:
    return {"pune": node("pune", "pune"), "delhi": node("delhi", "delhi")}


@pytest.fixture
def traffic() -> Traffic:
    return Traffic()


@pytest.fixture
async def site(cluster: dict[str, NodeView], traffic: Traffic) -> AsyncIterator[Site]:
    origin, clock = PretendOrigin(), Clock()
    await origin.start()
    origin.serve(SEGMENT, b"media", {"Content-Type": "video/mp4"})
    origin.serve(PLAYLIST, MEDIA_PLAYLIST, {})
    async with edge_cache(origin, clock) as cache:
        made = Site(PublicFace(cache, traffic, lambda: ClusterView(1, "pune", tuple(cluster.values()))))
        async with made.server, made.client:
            yield made
    await origin.stop()


async def test_a_viewer_is_sent_to_a_node_of_its_zone(site: Site) -> None:
    for zone in ("pune", "delhi"):
        status, _, headers = await site.get(f"/v1/route?path=/live/main.m3u8&zone={zone}")
        assert status == 302
        assert headers["Location"] == f"http://{zone}:80/live/main.m3u8"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Edge-Route"].startswith(f"{zone}; zone {zone}; ")
        assert headers["Access-Control-Allow-Origin"] == "*"
    assert site.face.redirects == {"pune": 1, "delhi": 1}


@pytest.mark.parametrize(
    "query", ["", "?path=", "?path=live", "?path=//evil.example/", "?path=/" + 2048 * "x"]
)
async def test_a_question_without_a_path_is_told_what_would_be_right(site: Site, query: str) -> None:
    status, text, _ = await site.get(f"/v1/route{query}")
    assert status == 400
    assert text.startswith("path: wants an absolute path, e.g. /v1/route?path=/live/main.m3u8")


async def test_nobody_is_sent_where_nobody_serves(site: Site, cluster: dict[str, NodeView]) -> None:
    cluster["pune"] = node("pune", "pune", Status.SUSPECT)
    assert (await site.get("/v1/route?path=/x&zone=pune"))[2]["Location"] == "http://delhi:80/x"
    cluster["delhi"] = node("delhi", "delhi", Status.UNREACHABLE)
    status, _, headers = await site.get("/v1/route?path=/x&zone=pune")
    assert (status, headers["Retry-After"]) == (503, "1")
    assert site.face.unroutable == 1


async def test_a_player_that_follows_relative_names_asks_for_every_segment(site: Site) -> None:
    """Playlists are answered in place, so that what they name is asked of the router again."""
    status, text, _ = await site.get(f"/v1/route{PLAYLIST}")
    assert (status, text.encode()) == (200, MEDIA_PLAYLIST)
    status, _, headers = await site.get(f"/v1/route{SEGMENT}?CMCD=x")
    assert status == 302
    assert headers["Location"] in {f"http://{name}:80{SEGMENT}" for name in ("pune", "delhi")}


async def test_what_is_answered_is_counted_by_viewer_and_segment(site: Site, traffic: Traffic) -> None:
    for viewer in "aab":
        assert (await site.get(f"{SEGMENT}?CMCD=sid%3D%22{viewer}%22%2Cst%3Dl"))[0] == 200
    assert (await site.get(PLAYLIST + "?CMCD=sid%3D%22c%22"))[0] == 200
    assert traffic.requests_total == 4
    assert traffic.bytes_total == 3 * len(b"media") + len(MEDIA_PLAYLIST)
    assert [one.path for one in traffic.top(traffic._viewers._last["a"])] == [SEGMENT]
    assert set(traffic._viewers._last) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("path", "headers", "viewer"),
    [
        ("/x?CMCD=ot%3Dv%2Csid%3D%22abc%22%2Cst%3Dl", {}, "abc"),
        ("/x?a=1&CMCD=sid%3D%22abc%22&b=2", {}, "abc"),
        ("/x", {"CMCD-Session": 'cid="final",sid="abc"'}, "abc"),
        ("/x?CMCD=sid%3D%22" + 500 * "y" + "%22", {}, 128 * "y"),
        ("/x?CMCD=br%3D3", {"User-Agent": "VLC"}, "None VLC"),
        ("/x", {"User-Agent": "VLC"}, "None VLC"),
    ],
)
def test_a_viewer_is_its_cmcd_session_or_its_address(path: str, headers: dict[str, str], viewer: str) -> None:
    assert viewer_of(make_mocked_request("GET", path, headers=headers)) == viewer
