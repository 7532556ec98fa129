"""What viewers are told who ask where to go."""

import random
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import orjson
import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import RawTestServer
from yarl import URL

from cache.pretend_origin import Clock, PretendOrigin, edge_cache
from edge.config import RoutingConfig
from edge.model import Load, Member, Status, incarnation_of
from edge.shell.public import PublicFace
from edge.shell.routes import MOVED, MOVED_S, Routes
from edge.state.reports import Report
from edge.state.traffic import Traffic
from edge.state.view import ClusterView, NodeView


def node(name: str, zone: str, status: Status = Status.ALIVE) -> NodeView:
    member = Member(name, incarnation_of(1), status, "10.0.0.1", 7700, public=f"http://{name}:80", zone=zone)
    return NodeView(member, Report(1, Load(0, 0, 0, 100, 100, 0), 0.0))


class Site:
    """A public port, and a client that follows no redirect."""

    def __init__(self, face: PublicFace, cluster: dict[str, NodeView]) -> None:
        self.face = face
        self.cluster = cluster
        self.server = RawTestServer(face.handle, host="127.0.0.1")
        self.client = ClientSession()

    async def ask(self, path: str, method: str = "GET", **fields: str) -> tuple[int, str, Any]:
        url = URL(str(self.server.make_url("")).rstrip("/") + path, encoded=True)
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        async with self.client.request(method, url, headers=headers, allow_redirects=False) as response:
            return response.status, await response.text(), response.headers

    async def location(self, path: str, **fields: str) -> str:
        return str((await self.ask(path, **fields))[2]["Location"])

    def change(self, name: str, status: Status) -> None:
        self.cluster[name] = node(name, name, status)
        self.face.routes.router.look_again()


@pytest.fixture
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    cluster = {"pune": node("pune", "pune"), "delhi": node("delhi", "delhi")}
    config: RoutingConfig = getattr(request, "param", RoutingConfig())
    origin = PretendOrigin()
    await origin.start()
    async with edge_cache(origin, Clock()) as cache:
        routes = Routes(lambda: ClusterView(1, "pune", tuple(cluster.values())), config, random.Random(1))
        made = Site(PublicFace(cache, Traffic(), routes), cluster)
        async with made.server, made.client:
            yield made
    await origin.stop()


async def test_a_viewer_is_sent_to_a_node_of_its_zone(site: Site) -> None:
    for zone in ("pune", "delhi"):
        status, _, headers = await site.ask(f"/v1/route?path=/live/main.m3u8&zone={zone}")
        assert status == 302
        assert headers["Location"] == f"http://{zone}:80/live/main.m3u8"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Edge-Route"].startswith(f"{zone}; zone {zone}; ")
        assert headers["Access-Control-Allow-Origin"] == "*"
    assert site.face.routes.redirects == {"pune": 1, "delhi": 1}


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("", "path"),
        ("?path=", "path"),
        ("?path=live", "path"),
        ("?path=//evil.example/", "path"),
        ("?path=/" + 2048 * "x", "path"),
        ("?path=/a%0d%0aSet-Cookie:x", "path"),
        ("?path=/v1/route?path=/x", "path"),
        ("?path=/x&zone=" + 64 * "x", "zone"),
        ("?path=/x&isp=%0a", "isp"),
        ("?path=/x&node=%00", "node"),
        ("?path=/x&format=xml", "format"),
    ],
)
async def test_a_question_that_cannot_be_answered_is_told_what_would_be_right(
    site: Site, query: str, wrong: str
) -> None:
    status, text, _ = await site.ask(f"/v1/route{query}")
    assert status == 400
    assert text.startswith(f"{wrong}: wants ")


async def test_what_is_not_the_routers_goes_on_to_the_node(site: Site) -> None:
    asked = "/v1/route?path=/live/main.m3u8&token=a%20b&zone=pune&CMCD=sid%3D%22x%22&isp=jio&node=delhi"
    assert await site.location(asked) == "http://pune:80/live/main.m3u8?token=a%20b&CMCD=sid%3D%22x%22"
    own = "/v1/route?path=%2Flive%2Fmain.m3u8%3Ftoken%3Dx&zone=pune&b=2"
    assert await site.location(own) == "http://pune:80/live/main.m3u8?token=x&b=2"
    assert (await site.location("/v1/route/live/7.m4s?token=x")).endswith(":80/live/7.m4s?token=x")


async def test_what_may_not_stand_in_a_url_is_encoded(site: Site) -> None:
    found = await site.location("/v1/route?path=/live/l%C3%A4uft%20%23.m3u8&zone=pune")
    assert found == "http://pune:80/live/l%C3%A4uft%20%23.m3u8"


async def test_nobody_is_sent_where_nobody_serves(site: Site) -> None:
    site.change("pune", Status.SUSPECT)
    assert await site.location("/v1/route?path=/x&zone=pune") == "http://delhi:80/x"
    site.change("delhi", Status.UNREACHABLE)
    status, text, headers = await site.ask("/v1/route?path=/x&zone=pune")
    assert (status, text) == (503, "no node takes viewers at the moment\n")
    assert headers["Access-Control-Expose-Headers"] == "Edge-Route, Retry-After"
    assert site.face.routes.unroutable == 1


async def test_those_who_are_refused_are_told_different_times(site: Site) -> None:
    for name in ("pune", "delhi"):
        site.change(name, Status.SUSPECT)
    told = {(await site.ask("/v1/route?path=/x"))[2]["Retry-After"] for _ in range(60)}
    assert told == {"1", "2", "3", "4", "5"}


async def test_a_program_gets_json(site: Site) -> None:
    for question, fields in (("&format=json", {}), ("", {"Accept": "application/json"})):
        status, text, headers = await site.ask(
            f"/v1/route?path=/live/main.m3u8&zone=pune&t=1{question}", **fields
        )
        found = orjson.loads(text)
        assert (status, headers["Content-Type"]) == (200, "application/json")
        assert headers["Cache-Control"] == "no-store"
        expires = datetime.fromisoformat(found.pop("expires").replace("Z", "+00:00"))
        assert 5 < (expires - datetime.now(expires.tzinfo)).total_seconds() <= 10
        assert found == {
            "node": "pune",
            "url": "http://pune:80/live/main.m3u8?t=1",
            "reason": "zone pune; choice 1 by hash, load " + found["reason"].rpartition("load ")[2],
            "ttl_s": 10,
        }
    for name in ("pune", "delhi"):
        site.change(name, Status.SUSPECT)
    status, text, headers = await site.ask("/v1/route?path=/x&format=json")
    told = {"reason": "no node takes viewers at the moment", "retry_after_s": int(headers["Retry-After"])}
    assert (status, orjson.loads(text)) == (503, told)


async def test_head_looks_and_sends_nobody(site: Site) -> None:
    status, text, headers = await site.ask("/v1/route?path=/live/main.m3u8&zone=pune", "HEAD")
    assert (status, text, headers["Location"]) == (302, "", "http://pune:80/live/main.m3u8")
    assert site.face.routes.redirects == {}


async def test_a_browser_that_asks_first_is_told_yes(site: Site) -> None:
    for path in ("/v1/route?path=/x", "/v1/route/live/7.m4s"):
        status, _, headers = await site.ask(path, "OPTIONS", Access_Control_Request_Headers="cmcd-session")
        assert status == 204
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert "CMCD-Session" in headers["Access-Control-Allow-Headers"]


async def test_a_viewer_who_says_where_he_is_stays_there(site: Site) -> None:
    reasons = []
    for name in ("pune", "delhi"):
        _, _, headers = await site.ask(f"/v1/route?path=/live/main.m3u8&node={name}")
        assert headers["Location"] == f"http://{name}:80/live/main.m3u8"
        reasons.append(headers["Edge-Route"].endswith(", where the viewer is"))
    assert sorted(reasons) == [False, True]  # one of them is where the hash would send him anyway


async def test_a_change_reaches_viewers_within_one_view(site: Site) -> None:
    await site.location("/v1/route?path=/x&zone=pune")
    tables = site.face.routes.router.tables
    site.cluster["pune"] = node("pune", "pune", Status.SUSPECT)

    for _ in range(10_000):
        if (await site.ask("/v1/route?path=/x&zone=pune", "HEAD"))[2]["Location"] == "http://delhi:80/x":
            break
    else:
        pytest.fail("the change never came")
    assert site.face.routes.router.tables == tables + 1


async def test_one_who_was_sent_on_by_a_node_that_drains_is_not_sent_on_again(site: Site) -> None:
    """Two nodes that drain, and have not heard it of each other, would else send him to and fro."""
    site.face.draining = True
    own = {"Host": "pune:80"}
    site.change("pune", Status.SUSPECT)  # as others would hold it; here it says that it takes nobody
    moved = URL(await site.location("/live/7.m4s?t=1", **own), encoded=True)
    assert (moved.host, moved.raw_path, moved.query["t"]) == ("delhi", "/live/7.m4s", "1")
    status, _, headers = await site.ask(f"/live/7.m4s?{moved.raw_query_string}", **own)
    assert status != 302
    assert "Location" not in headers
    later = URL(
        await site.location(f"/live/7.m4s?{MOVED}={int(time.time()) - MOVED_S}&t=1", **own), encoded=True
    )
    assert sorted(later.query) == [MOVED, "t"], (
        "an address that a player kept does not hold him at the next drain"
    )


@pytest.mark.parametrize(
    "site",
    [RoutingConfig(trusted_proxies=("127.0.0.0/8",), zone_header="X-Zone", isp_header="X-Isp")],
    indirect=True,
)
async def test_a_trusted_proxy_says_where_the_viewer_is(site: Site) -> None:
    assert await site.location("/v1/route?path=/x", X_Zone="delhi") == "http://delhi:80/x"
    assert await site.location("/v1/route?path=/x&zone=pune", X_Zone="delhi") == "http://pune:80/x"
    assert (await site.location("/v1/route/live/7.m4s", X_Zone="delhi")).startswith("http://delhi:80/")


@pytest.mark.parametrize("site", [RoutingConfig(zone_header="X-Zone")], indirect=True)
async def test_others_are_not_believed(site: Site) -> None:
    for name in ("delhi", "pune"):
        headers = (await site.ask("/v1/route?path=/x", X_Zone=name))[2]
        assert "no zone asked for" in headers["Edge-Route"]
