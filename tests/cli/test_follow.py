"""`edge events --follow`, of a server that says fixed things and of real nodes."""

import asyncio
import sys
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from edge.cli import follow
from edge.cli.follow import PATIENCE, Follower
from edge.model import ConfigError
from running import Running
from waiting import until


def seen(process: str, number: int, at: float = 0.0) -> bytes:
    told = {
        "id": number,
        "time": at or float(number),
        "kind": "joined",
        "node": "a",
        "text": f"{process}{number}",
    }
    return f"event: seen\nid: {process}-{number}\ndata: ".encode() + orjson.dumps(told) + b"\n\n"


def durable(key: str, at: float) -> bytes:
    told = {"kind": "user", "key": key, "body": "", "origin": "a", "time": at}
    return b"event: durable\nid: p-0\ndata: " + orjson.dumps(told) + b"\n\n"


def known(number: str) -> bytes:
    return f"event: known\nid: {number}\ndata: {{}}\n\n".encode()


class Script:
    """A node that says one list after the other, a connection each, and then is silent."""

    def __init__(self) -> None:
        self.says: list[list[bytes]] = []
        self.statuses: list[int] = []  # of the next answers, before the first of `says`
        self.asked: list[str] = []  # Last-Event-ID of each connection
        self.told: list[str] = []
        self.notes: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.headers.get("Last-Event-ID", ""))
        if self.statuses:
            return web.Response(status=self.statuses.pop(0), text="no\n")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for part in self.says.pop(0) if self.says else []:
            await response.write(b":\n\n" + part)
        if not self.says:
            await asyncio.sleep(30)
        return response

    def tell(self, name: str, told: dict[str, Any]) -> None:
        self.told.append(told["text"] if name == "seen" else told["key"])


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    monkeypatch.setattr(follow, "_BACKOFF_S", (0.01,))
    return Script()


async def follows(
    script: Script, last: int = 40, *, until_asked: int = 1, names: tuple[str, ...] = ("seen", "durable")
) -> Follower:
    app = web.Application()
    app.router.add_get("/", script.answer)
    async with TestServer(app) as server, aiohttp.ClientSession(timeout=PATIENCE) as http:
        made = Follower(str(server.make_url("/")), last, script.tell, script.notes.append, names)
        task = asyncio.create_task(made.run(http))
        try:
            await until(lambda: task.done() or (len(script.asked) >= until_asked and not script.says))
            await asyncio.sleep(0.05)  # what is said is read
            if task.done():
                task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    return made


async def test_the_end_of_the_past_in_order_and_then_what_comes(script: Script) -> None:
    script.says = [
        [seen("p", 1), seen("p", 2), durable("toss", 1.5), known("p-2"), seen("p", 3), durable("q", 9)]
    ]
    await follows(script, last=2)
    assert script.told == ["toss", "p2", "p3", "q"]


async def test_of_durable_events_alone_the_last_are_told(script: Script) -> None:
    script.says = [
        [durable("toss", 0.5), seen("p", 1), seen("p", 2), known("p-2"), seen("p", 3), durable("q", 9)]
    ]
    await follows(script, last=1, names=("durable",))
    assert script.told == ["toss", "q"]


async def test_what_is_no_such_stream_is_said(script: Script) -> None:
    script.says = [[b"data: {no JSON\n\n"]]
    with pytest.raises(ConfigError, match="gave no answer"):
        await follows(script)


async def test_after_a_break_nothing_twice_and_nothing_lost(script: Script) -> None:
    script.says = [
        [seen("p", 1), durable("toss", 1.5), known("p-1"), seen("p", 2)],
        [seen("p", 3), durable("toss", 1.5), durable("q", 2.5), known("p-3")],
        [durable("toss", 1.5), durable("q", 2.5), known("p-3"), seen("p", 4)],
    ]
    made = await follows(script, until_asked=3)
    assert script.asked == ["", "p-2", "p-3"]
    assert script.told == ["p1", "toss", "p2", "q", "p3", "p4"]
    assert made.missed == 0
    assert [note.partition(" from")[0] for note in script.notes] == ["no more events", "it answers again"] * 2


async def test_a_node_started_anew_tells_all_and_a_gap_is_said(script: Script) -> None:
    script.says = [
        [known("p-0"), seen("p", 1)],
        [seen("p", 5), known("p-5")],
        [seen("q", 1), seen("q", 2), known("q-2")],
    ]
    made = await follows(script, until_asked=3)
    assert script.told == ["p1", "p5", "q1", "q2"]
    assert made.missed == 3
    assert "3 events were missed: the node no longer has them" in script.notes


async def test_who_is_refused_at_first_or_for_good_is_told_so(script: Script) -> None:
    script.statuses, script.says = [401], [[]]
    with pytest.raises(ConfigError, match="answered 401: no"):
        await follows(script)
    async with aiohttp.ClientSession(timeout=PATIENCE) as http:
        nobody = Follower("http://127.0.0.1:1/", 40, script.tell, script.notes.append)
        with pytest.raises(ConfigError, match="gave no answer"):
            await nobody.run(http)


async def test_a_real_node_is_followed_through_its_end(running: Running) -> None:
    pune = await running.start("pune")
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "edge",
            "events",
            "--follow",
            "--output",
            "json",
            "--admin",
            pune.member.admin,
        ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    try:
        pune.events.event({"key": "toss", "body": "heads"})
        first = orjson.loads(await asyncio.wait_for(process.stdout.readline(), 15))
        assert (first["stream"], first["kind"], first["body"]) == ("durable", "user", "heads")
        await running.start("delhi")
        second = orjson.loads(await asyncio.wait_for(process.stdout.readline(), 5))
        assert (second["stream"], second["kind"], second["node"]) == ("seen", "joined", "delhi")
        await running.crash("pune")
        assert b"no more events from" in await asyncio.wait_for(process.stderr.readline(), 5)
        process.send_signal(2)
        assert await asyncio.wait_for(process.wait(), 5) == 0
    finally:
        if process.returncode is None:
            process.kill()
