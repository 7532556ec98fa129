import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from edge.shell import admin
from edge.shell.admin import AdminFace, AdminSources
from edge.shell.bulk import BulkFace
from edge.shell.routes import Routes
from gossip.test_node import Bench
from shell.actor import event_actor, key_keeper, monsoon_runner, prewarmer, schedule_desk, warden

TOKEN = "a long random word"
PAGE = "http://127.0.0.1:9999"


class Site:
    """An admin port and a client."""

    def __init__(self, token: str = "", **settings: Any) -> None:
        self.view: dict[str, Any] = {
            "self": "pune",
            "cluster": "demo",
            "version": 1,
            "members": [{"name": "pune"}],
            "events": [{"id": 1, "time": 1.0, "kind": "joined", "node": "delhi", "text": "delhi joined"}],
        }
        self.not_ready = ""
        bench = Bench()
        self.events = event_actor(bench)
        sources = AdminSources(
            lambda: self.view,
            lambda: b"edge_members 1\n",
            lambda: self.not_ready,
            self.events,
            BulkFace(Bench().node, time.monotonic).handle,
            monsoon_runner(bench, self.events),
            prewarmer(bench, self.events),
            Routes(bench.node.view),
            schedule_desk(bench, self.events),
            key_keeper(bench, self.events),
        )
        self.warden = warden(token, **settings)
        self.face = AdminFace(sources, self.warden, (PAGE,))
        self.server = TestServer(self.face.app(), host="127.0.0.1")
        self.client = ClientSession()

    async def post(self, path: str, body: object, **fields: str) -> tuple[int, Any]:
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        headers.setdefault("Content-Type", "application/json")
        async with self.client.post(self.server.make_url(path), data=data, headers=headers) as response:
            text = await response.text()
            return response.status, orjson.loads(text) if response.status == 202 else text

    async def get(self, path: str, **fields: str) -> tuple[int, str, Any]:
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        async with self.client.get(self.server.make_url(path), headers=headers) as response:
            return response.status, await response.text(), response.headers


@pytest.fixture
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    made = Site(getattr(request, "param", ""))
    async with made.server, made.client:
        yield made


with_token = pytest.mark.parametrize("site", [TOKEN], indirect=True)


async def test_health_and_readiness(site: Site) -> None:
    assert (await site.get("/healthz"))[:2] == (200, "ok\n")
    assert (await site.get("/readyz"))[:2] == (200, "ready\n")
    site.not_ready = "draining"
    assert (await site.get("/readyz"))[:2] == (503, "draining\n")
    assert (await site.get("/healthz"))[0] == 200


async def test_members_view_and_metrics(site: Site) -> None:
    members = orjson.loads((await site.get("/v1/members"))[1])
    assert members == {"self": "pune", "cluster": "demo", "members": [{"name": "pune"}]}
    assert orjson.loads((await site.get("/v1/view"))[1]) == site.view
    status, text, headers = await site.get("/metrics")
    assert (status, text) == (200, "edge_members 1\n")
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")


@with_token
async def test_v1_wants_the_token_and_probes_do_not(site: Site) -> None:
    assert (await site.get("/healthz"))[0] == 200
    assert (await site.get("/metrics"))[0] == 200
    for given in ("", "Bearer ", "Bearer wrong", TOKEN[:-1]):
        status, text, headers = await site.get("/v1/view", Authorization=given)
        assert status == 401
        assert headers["WWW-Authenticate"] == "Bearer"
        assert TOKEN not in text
    assert (await site.get("/v1/view", Authorization=f"Bearer {TOKEN}", Host="edge.example"))[0] == 200


async def test_without_a_token_a_foreign_name_is_refused(site: Site) -> None:
    """DNS rebinding: a page of evil.example whose name suddenly means 127.0.0.1."""
    assert (await site.get("/v1/view", Host="evil.example"))[:2] == (
        403,
        "host evil.example: ask by IP address or as localhost\n",
    )
    for host in ("localhost:7701", "127.0.0.1", "[::1]:7701"):
        assert (await site.get("/v1/view", Host=host))[0] == 200


async def test_only_pages_of_the_cluster_may_read_it_from_elsewhere(site: Site) -> None:
    assert (await site.get("/v1/view", Origin=PAGE))[2]["Access-Control-Allow-Origin"] == PAGE
    assert "Access-Control-Allow-Origin" not in (await site.get("/v1/view", Origin="http://evil.example"))[2]


async def test_the_page_and_its_parts_are_served_hardened(site: Site) -> None:
    status, text, headers = await site.get("/")
    assert status == 200
    assert "<title>edge" in text
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert (await site.get("/page/page.js"))[0] == 200
    assert (await site.get("/page/%2e%2e/admin.py"))[0] == 404


async def test_the_stream_tells_every_change_and_ends_with_the_node(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "STREAM_EVERY_S", 0.01)
    async with site.client.get(site.server.make_url("/v1/stream")) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        lines = [await response.content.readline() for _ in range(3)]
        assert lines[0] == b"event: view\n"
        assert orjson.loads(lines[1].removeprefix(b"data: "))["version"] == 1
        site.view = site.view | {"version": 2}
        while b'"version":2' not in await response.content.readline():
            pass
        site.face.close()
        assert b"event" in await response.content.read() or response.content.at_eof()


async def test_the_number_of_streams_is_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "STREAMS_MAX", 1)
    async with site.client.get(site.server.make_url("/v1/stream")) as first:
        await first.content.readline()
        status, _, headers = await site.get("/v1/stream")
        assert (status, headers["Retry-After"]) == (503, "5")
        site.face.close()


async def test_an_event_is_accepted_told_and_listed(site: Site) -> None:
    status, told = await site.post("/v1/purge", {"prefix": "/live/v240/", "soft": True, "ttl_s": 60})
    assert status == 202
    assert (told["kind"], told["key"], told["body"]) == ("purge", "prefix:/live/v240/", "soft")
    assert (told["reached"], told["members"]) == (["1"], 1)
    assert (await site.post("/v1/events", {"key": "toss", "body": "heads"}))[0] == 202
    found = orjson.loads((await site.get("/v1/events"))[1])
    assert [one["key"] for one in found["events"]] == ["prefix:/live/v240/", "toss"]
    assert [one["text"] for one in found["seen"]] == ["delhi joined"]


async def test_a_minority_refuses_what_asks_for_a_majority(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await site.post("/v1/purge", {"url": "/a", "majority": True}))[0] == 202
    monkeypatch.setattr(site.events, "minority", lambda: "this side of a cut is no majority")
    for path, body in (
        ("/v1/purge", {"url": "/a"}),
        ("/v1/events", {"key": "toss"}),
        ("/v1/monsoon", {"level": 2}),
    ):
        assert await site.post(path, body | {"majority": True}) == (
            409,
            "this side of a cut is no majority\n",
        )
        assert (await site.post(path, body | {"majority": False}))[0] == 202


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/v1/purge", b"{", "no JSON"),
        ("/v1/purge", [], "body: is no JSON object"),
        ("/v1/purge", {}, "purge: names 0 of url, prefix, tag; write e.g."),
        ("/v1/purge", {"url": "/a", "tag": "b"}, "purge: names 2 of"),
        ("/v1/purge", {"url": "/a", "sotf": True}, "purge: sotf: no such field"),
        ("/v1/purge", {"url": "/a", "soft": "yes"}, "purge: has a value of the wrong type"),
        ("/v1/purge", {"url": "live"}, "purge.url: "),
        ("/v1/purge", {"tag": "a b"}, "purge.tag: "),
        ("/v1/purge", {"url": "/" + 600 * "x"}, "purge: has 605 characters; at most 512 are told"),
        ("/v1/purge", {"url": "/a", "ttl_s": 0}, "ttl_s: 0 does not fit; write whole seconds from 1 to"),
        ("/v1/events", {"body": "x"}, "event: needs a key"),
        ("/v1/events", {"key": "x", "ttl": 1}, "event: ttl: no such field; known are"),
        ("/v1/events", {"key": "x", "majority": "yes"}, "majority: 'yes' does not fit; write true or false"),
        ("/v1/monsoon", {"scope": 1, "level": 1}, "scope: or name is no text"),
        ("/v1/prewarm", {"path": 1}, "prewarm: has a value of the wrong type"),
        ("/v1/prewarm", {"path": "/a", "cancel": "no"}, "prewarm: has a value of the wrong type"),
        ("/v1/schedule", {"name": 1, "at": 1, "expected_peak": 1}, "event: name is a text, paths are a list"),
        (
            "/v1/schedule",
            {"name": "a", "at": 1, "expected_peak": 1, "paths": [1]},
            "paths: 1: a path is a text",
        ),
    ],
)
async def test_what_is_wrong_with_an_event_is_told(site: Site, path: str, body: object, words: str) -> None:
    status, text = await site.post(path, body)
    assert status == 400
    assert text.startswith(words)


async def test_a_foreign_page_cannot_purge(site: Site) -> None:
    """A form or a simple request of another page has no JSON type, and asks nobody before."""
    assert (await site.post("/v1/purge", {"url": "/a"}, Content_Type="text/plain"))[0] == 415
    assert (await site.post("/v1/purge", {"url": "/a"}, Host="evil.example"))[0] == 403


async def test_a_full_log_says_to_come_again(site: Site) -> None:
    for number in range(1024):
        site.events.purge({"url": f"/{number}"})
    status, text = await site.post("/v1/purge", {"url": "/more"})
    assert status == 503
    assert "wait until some are over" in text


@with_token
async def test_events_want_the_token_too(site: Site) -> None:
    assert (await site.post("/v1/purge", {"url": "/a"}))[0] == 401
    assert (await site.post("/v1/purge", {"url": "/a"}, Authorization=f"Bearer {TOKEN}"))[0] == 202


@with_token
async def test_a_page_of_another_node_may_ask_before_it_sends_a_token(site: Site) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for origin, status in ((PAGE, 204), ("http://evil.example", 401)):
        url = site.server.make_url("/v1/purge")
        async with site.client.options(url, headers=asks | {"Origin": origin}) as answer:
            assert answer.status == status
            allowed = answer.headers.get("Access-Control-Allow-Headers", "")
            assert ("Authorization" in allowed) == (answer.headers.get("Access-Control-Allow-Origin") == PAGE)
            assert ("Authorization" in allowed) == (status == 204)


async def test_the_stream_of_views_is_compressed_where_that_is_wanted(site: Site) -> None:
    for coding, found in (("gzip", "gzip"), ("identity", None)):
        headers = {"Accept-Encoding": coding}
        async with site.client.get(site.server.make_url("/v1/stream"), headers=headers) as response:
            assert response.headers.get("Content-Encoding") == found
            assert await response.content.readline() == b"event: view\n"
