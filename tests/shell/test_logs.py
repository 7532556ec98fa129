import logging
from collections.abc import Iterator

import orjson
import pytest
from aiohttp.http_exceptions import BadHttpMessage

from edge.config import LogConfig
from edge.shell.logs import set_up


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before[0], before[1]


def test_a_line_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(LogConfig(level="info"))
    logging.getLogger("edge").debug("too fine")
    logging.getLogger("edge").warning("%s is unreachable", "pune")
    assert capsys.readouterr().err.endswith("WARNING edge: pune is unreachable\n")


def test_an_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(LogConfig(format="json"))
    logging.getLogger("edge").info("pune joined", extra={"kind": "joined", "node": "pune"})
    try:
        raise ValueError("a bug")
    except ValueError:
        logging.getLogger("edge").exception("failed\nin two lines")
    first, second = map(orjson.loads, capsys.readouterr().err.splitlines())
    assert first["time"].endswith("+00:00")
    assert {**first, "time": ""} == {
        "time": "",
        "level": "info",
        "logger": "edge",
        "message": "pune joined",
        "kind": "joined",
        "node": "pune",
    }
    assert "ValueError: a bug" in second["exception"]


def test_what_is_no_http_and_no_text_floods_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(LogConfig(level="debug", format="json"))
    server = logging.getLogger("aiohttp.server")
    server.error("Error handling request", exc_info=BadHttpMessage("no HTTP"))
    server.error("Error handling request", exc_info=ValueError("a bug"))
    logging.getLogger("edge").debug("GET /%s: 400", b"\xff".decode(errors="surrogateescape"))
    found = [orjson.loads(line)["message"] for line in capsys.readouterr().err.splitlines()]
    assert found == ["Error handling request", "GET /\\udcff: 400"]
