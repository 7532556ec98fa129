"""Tables and JSON of `edge members` and `edge view`, from a node that says fixed things."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from aiohttp import web
from click.testing import CliRunner

from edge.cli import main


def member(name: str, status: str = "alive", **other: Any) -> dict[str, Any]:
    load = {"version": 7, "streams": 120, "mbps": 61.04, "rps": 240, "capacity": 200, "ratio": 0.6}
    told: dict[str, Any] = {
        "name": name,
        "status": status,
        "zone": name,
        "isp": "jio",
        "gossip": "127.0.0.1:7700",
        "load": load | {"health": 100, "loop_lag_ms": 1, "age_s": 0.2},
        "link": {"rtt_ms": 1.25, "loss": 0.0},
    }
    return told | other


VIEW: dict[str, Any] = {
    "self": "pune",
    "cluster": "demo",
    "version": 12,
    "members": [
        member("delhi"),
        member("pune", link=None),
        member("kolkata", "unreachable", load=None, link=None, zone=""),
    ],
    "origins": [
        {
            "url": "http://a:80",
            "priority": 1,
            "weight": 2,
            "up": True,
            "reason": "",
            "requests": 90,
            "failures": 1,
            "checks": 7,
            "checks_failed": 0,
        },
        {
            "url": "http://b:80",
            "priority": 2,
            "weight": 1,
            "up": False,
            "reason": "3 fills failed in a row, last by connect",
            "requests": 4,
            "failures": 4,
            "checks": 0,
            "checks_failed": 0,
        },
    ],
    "totals": {"members": 3, "alive": 2, "streams": 240, "mbps": 122.08, "rps": 480},
    "hot": [{"path": "/live/v540/1.m4s", "rate": 12.5, "nodes": 2}],
    "events": [
        {"id": 1, "time": 0.0, "kind": "unreachable", "node": "kolkata", "text": "kolkata is unreachable"}
    ],
}


STORY: dict[str, Any] = {
    "seen": [
        {
            "id": 1,
            "time": 3.0,
            "kind": "partition",
            "node": "pune",
            "text": "partition pune-1: 2 of delhi lost",
        },
        {
            "id": 2,
            "time": 9.0,
            "kind": "healed",
            "node": "pune",
            "text": "partition pune-1 is healed [after 6 s]",
        },
    ],
    "events": [
        {
            "time": 5.0,
            "kind": "purge",
            "key": "prefix:/live/",
            "body": "hard",
            "origin": "delhi",
            "reached": ["pune"],
            "members": 3,
        }
    ],
}


@pytest.fixture(scope="module")
def admin() -> Iterator[str]:
    """An admin port that answers `VIEW`, to whoever brings the token, in a loop of its own."""
    loop, told = asyncio.new_event_loop(), asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer a long random word":
            return web.Response(status=401, text="wants Authorization: Bearer <admin token>\n")
        found = STORY if request.match_info["what"] == "events" else VIEW
        return web.Response(body=orjson.dumps(found), content_type="application/json")

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/v1/{what}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    runner = loop.run_until_complete(start())
    host, port = runner.addresses[0]
    thread = threading.Thread(target=loop.run_until_complete, args=(told.wait(),))
    thread.start()
    yield f"http://{host}:{port}"
    loop.call_soon_threadsafe(told.set)
    thread.join()
    loop.run_until_complete(runner.cleanup())
    loop.close()


@pytest.fixture
def ask(admin: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    token = tmp_path_factory.mktemp("token") / "token"
    token.write_text("a long random word\n")

    def invoke(*words: str, with_token: bool = True) -> Any:
        options = ["--admin", admin, *(["--token-file", str(token)] if with_token else [])]
        return CliRunner().invoke(main, [*words, *options])

    return invoke


def test_members_as_a_table(ask: Any) -> None:
    assert [line.split() for line in ask("members").output.splitlines()] == [
        ["NAME", "STATUS", "ZONE", "VIEWERS", "LOAD", "MBIT/S", "HEALTH", "RTT", "GOSSIP"],
        ["delhi", "alive", "delhi", "120", "60%", "61.0", "100", "1.2", "ms", "127.0.0.1:7700"],
        ["pune", "alive", "pune", "120", "60%", "61.0", "100", "-", "127.0.0.1:7700"],
        ["kolkata", "unreachable", "-", "-", "-", "-", "-", "-", "127.0.0.1:7700"],
        ["2", "of", "3", "alive,", "as", "pune", "sees", "cluster", "demo"],
    ]


def test_the_view_for_people_and_for_programs(ask: Any) -> None:
    lines = ask("view").output.splitlines()
    assert lines[0] == (
        "demo as pune sees it (version 12): 2 of 3 alive, 240 viewers, 122.1 Mb/s, 480 requests/s"
    )
    assert any(line.split() == ["/live/v540/1.m4s", "12.5", "2"] for line in lines)
    assert lines[-1].split() == ["unreachable", "kolkata", "is", "unreachable"]
    assert orjson.loads(ask("view", "--output", "json").output) == VIEW
    assert orjson.loads(ask("members", "--output", "json").output) == VIEW


def test_origins_as_a_table(ask: Any) -> None:
    heads, up, down = (line.strip().split(maxsplit=8) for line in ask("origins").output.splitlines())
    assert heads == [
        *("ORIGIN", "STATE", "PRIORITY", "WEIGHT", "REQUESTS", "FAILED", "CHECKS", "FAILED", "REASON")
    ]
    assert up == ["http://a:80", "up", "1", "2", "90", "1", "7", "0"]
    assert down[:6] == ["http://b:80", "down", "2", "1", "4", "4"]
    assert down[8] == "3 fills failed in a row, last by connect"
    assert orjson.loads(ask("origins", "--output", "json").output) == {
        "self": "pune",
        "origins": VIEW["origins"],
    }


def test_the_story_is_told_in_order(ask: Any) -> None:
    assert [line.strip().split(maxsplit=3)[1:] for line in ask("events").output.splitlines()[1:]] == [
        ["partition", "pune", "partition pune-1: 2 of delhi lost"],
        ["purge", "delhi", "prefix:/live/ hard; 1 of 3 members have acted on it"],
        ["healed", "pune", "partition pune-1 is healed [after 6 s]"],
    ]
    assert len(ask("events", "--last", "1").output.splitlines()) == 2
    [_, line] = ask("events", "--durable").output.splitlines()
    assert line.split()[1:] == ["purge", "prefix:/live/", "hard", "delhi", "1", "of", "3"]
    assert orjson.loads(ask("events", "--output", "json").output) == STORY


def test_a_node_that_wants_the_token_says_so(ask: Any) -> None:
    refused = ask("members", with_token=False)
    assert refused.exit_code == 2
    assert (
        "answered 401: wants Authorization: Bearer <admin token>; name a node's admin port" in refused.output
    )
