from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import RawTestServer, make_mocked_request
from yarl import URL

from cache.pretend_origin import MEDIA_PLAYLIST, PLAYLIST, SEGMENT, Clock, PretendOrigin, edge_cache
from cache.tap import Tap
from edge.cache.web import viewer_of
from edge.model import Load, Member, Status, incarnation_of
from edge.shell.public import PublicFace
from edge.shell.routes import Routes
from edge.state.reports import Report
from edge.state.traffic import Traffic
from edge.state.view import ClusterView, NodeView
from waiting import until


def node(name: str, zone: str, status: Status = Status.ALIVE) -> NodeView:
    member = Member(name, incarnation_of(1), status, "10.0.0.1", 7700, public=f"http://{name}:80", zone=zone)
    return NodeView(member, Report(1, Load(0, 0, 0, 100, 100, 0), 0.0))


def view(cluster: dict[str, NodeView]) -> ClusterView:
    return ClusterView(1, "pune", tuple(cluster.values()))


class Site:
    """A public port and a client that follows no redirect."""

    def __init__(self, face: PublicFace) -> None:
        self.face = face
        self.server = RawTestServer(face.handle, host="127.0.0.1")
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
        made = Site(PublicFace(cache, traffic, Routes(lambda: view(cluster))))
        async with made.server, made.client:
            yield made
    await origin.stop()


async def test_a_player_that_follows_relative_names_asks_for_every_segment(site: Site) -> None:
    """Playlists are answered in place, so that what they name is asked of the router again."""
    status, text, _ = await site.get(f"/v1/route{PLAYLIST}")
    assert (status, text.encode()) == (200, MEDIA_PLAYLIST)
    status, _, headers = await site.get(f"/v1/route{SEGMENT}?CMCD=x")
    assert status == 302
    assert headers["Location"] in {f"http://{name}:80{SEGMENT}?CMCD=x" for name in ("pune", "delhi")}


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


async def test_the_bytes_of_a_body_that_is_sent_as_it_comes_are_counted_as_they_leave(
    traffic: Traffic,
) -> None:
    origin, tap = PretendOrigin(), Tap(None)
    await origin.start()
    origin.on(SEGMENT, tap)
    async with edge_cache(origin, Clock()) as cache:
        made = Site(PublicFace(cache, traffic, Routes(lambda: ClusterView(1, "pune", ()))))
        async with made.server, made.client, made.client.get(made.server.make_url(SEGMENT)) as found:
            tap.let(b"some")
            assert await found.content.readexactly(4) == b"some"
            await until(lambda: traffic.bytes_total == 4)
            tap.let(b" more")
            tap.end()
            assert await found.read() == b" more"
            await until(lambda: traffic.bytes_total == cache.counters.served_bytes == 9)
        assert traffic.requests_total == 1
    await origin.stop()
