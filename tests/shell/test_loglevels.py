"""Log levels at run time, at the admin port of real nodes; and what is never logged."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import ClientSession
from click.testing import CliRunner

from cache.pretend_origin import SEGMENT
from edge.app import Node
from edge.cli import main
from edge.config import LogConfig
from edge.shell.logs import set_up
from running import Running
from waiting import until

TOKEN = "a long random word of an operator"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
EDGE = logging.getLogger("edge")


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before[0], before[1]
    EDGE.setLevel(logging.NOTSET)


@pytest.fixture
async def node(running: Running, tmp_path: Path) -> Node:
    (tmp_path / "token").write_text(TOKEN)
    set_up(LogConfig(format="json"))
    return await running.start("pune", admin__token_file=str(tmp_path / "token"))


async def post(http: ClientSession, node: Node, body: object, **headers: str) -> tuple[int, Any]:
    url = f"{node.member.admin}/v1/log"
    async with http.post(url, json=body, headers=headers or BEARER) as answer:
        text = await answer.text()
        return answer.status, orjson.loads(text) if answer.status == 200 else text


async def status(http: ClientSession, node: Node) -> Any:
    async with http.get(f"{node.member.admin}/v1/log", headers=BEARER) as answer:
        return await answer.json()


async def test_a_level_is_set_and_goes_back_by_itself(node: Node, http: ClientSession) -> None:
    assert await status(http, node) == {
        "self": "pune",
        "configured": "info",
        "format": "json",
        "changed": [],
    }
    code, told = await post(http, node, {"level": "debug", "for_s": 1})
    assert (code, [(one["logger"], one["level"]) for one in told["changed"]]) == (200, [("edge", "debug")])
    assert EDGE.level == logging.DEBUG
    await until(lambda: EDGE.level == logging.NOTSET)
    assert (await status(http, node))["changed"] == []


async def test_a_later_word_counts_and_null_ends_it(node: Node, http: ClientSession) -> None:
    root = logging.getLogger()
    await post(http, node, {"level": "debug", "logger": "root"})
    _, told = await post(http, node, {"level": "error", "logger": "root"})
    assert root.level == logging.ERROR
    assert (told["configured"], len(told["changed"])) == ("info", 1)
    _, told = await post(http, node, {"level": None, "logger": "root"})
    assert (told["changed"], root.level) == ([], logging.INFO)
    await post(http, node, {"level": "debug", "logger": "root"})
    await post(http, node, {"level": "debug"})
    _, told = await post(http, node, {"level": None})
    assert (told["changed"], root.level, EDGE.level) == ([], logging.INFO, logging.NOTSET)


async def test_a_node_that_ends_puts_levels_back(node: Node, http: ClientSession, running: Running) -> None:
    await post(http, node, {"level": "debug"})
    await running.stop("pune")
    assert EDGE.level == logging.NOTSET


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([], "body: is no JSON object"),
        ({}, "level: None does not fit; write debug, info"),
        ({"level": "loud"}, "level: 'loud' does not fit"),
        ({"level": []}, "level: [] does not fit"),
        (
            {"level": "debug", "logger": "edge.shel"},
            "logger: there is no edge.shel; did you mean edge.shell?",
        ),
        ({"level": "debug", "logger": 7}, "logger: there is no 7; edge is all of this program"),
        (
            {"level": "debug", "for_s": 86_401},
            "for_s: 86401 does not fit; write whole seconds from 1 to 86400",
        ),
        ({"level": "debug", "for_s": True}, "for_s: True does not fit"),
        ({"level": "debug", "hours": 1}, "log: hours: no such field; known are level, logger, for_s"),
    ],
)
async def test_what_is_wrong_is_told(node: Node, http: ClientSession, body: object, words: str) -> None:
    code, text = await post(http, node, body)
    assert (code, text[: len(words)]) == (400, words)
    assert EDGE.level == logging.NOTSET


async def test_it_wants_the_token(node: Node, http: ClientSession) -> None:
    assert (await post(http, node, {"level": "debug"}, Authorization="Bearer wrong"))[0] == 401
    assert EDGE.level == logging.NOTSET


async def test_the_command_line(node: Node, tmp_path: Path) -> None:
    def said(*words: str) -> Any:
        where = ["--admin", node.member.admin, "--token-file", str(tmp_path / "token")]
        return CliRunner().invoke(main, ["log-level", *words, *where])

    told = (await asyncio.to_thread(said, "debug", "--for", "10m")).output.splitlines()
    assert told[0] == "pune logs at info, as json"
    assert told[1].startswith("edge logs at debug until ")
    told = (await asyncio.to_thread(said)).output.splitlines()
    assert len(told) == 2
    found = orjson.loads((await asyncio.to_thread(said, "configured", "--output", "json")).output)
    assert found["changed"] == []
    mistake = await asyncio.to_thread(said, "--for", "10m")
    assert (mistake.exit_code, mistake.output) == (
        2,
        "edge: log-level: has no level to set; write e.g. edge log-level debug --for 10m\n",
    )


@pytest.mark.parametrize("form", ["console", "json"])
async def test_no_secret_is_logged_however_much_is(
    running: Running, http: ClientSession, tmp_path: Path, form: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    key = "c2VjcmV0LWtleS1vZi0zMi1ieXRlcy1leGFjdGx5LSE="
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "keys").write_text(f"{key}\n")
    set_up(LogConfig(level="debug", format=form))
    files = {"admin__token_file": str(tmp_path / "token"), "gossip__keys_file": str(tmp_path / "keys")}
    pune = await running.start("pune", **files)
    await running.start("delhi", **files)
    await post(http, pune, {"level": "debug", "logger": "root"})
    for url, headers in (
        (
            f"{pune.member.public}{SEGMENT}?URISigningPackage=a.signed.token",
            {"Cookie": "URISigningPackage=a.b.c"},
        ),
        (f"{pune.member.admin}/v1/view?token={TOKEN.rsplit(maxsplit=1)[-1]}", BEARER),
        (f"{pune.member.admin}/v1/view", {"Authorization": "Bearer a wrong guess"}),
    ):
        async with http.get(url, headers=headers) as answer:
            await answer.read()
    logged = capfd.readouterr().err
    for said in (f"GET {SEGMENT}: 200", f"filled {SEGMENT}: 200", "GET /v1/view: 200", "GET /v1/view: 401"):
        assert said in logged
    for secret in (TOKEN, "operator", key, "signed", "a.b.c", "wrong guess"):
        assert secret not in logged
    lines = [line for line in logged.splitlines() if "GET" in line]
    assert all((line[0] == "{") is (form == "json") for line in lines)
