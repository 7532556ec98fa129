"""Slow, many and oversized: what real sockets can do to the admin port of a real node, and what they cannot."""

import asyncio
import resource
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from certificates import Authority
from edge.app import Node
from edge.shell import admin, doors
from running import Running
from waiting import until

SLOW = 500
HEAD = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
ORDER = b"POST /v1/purge HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture(autouse=True)
def files() -> None:
    """Room for both ends of many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4096:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))


@pytest.fixture
async def opened() -> AsyncIterator[list[asyncio.StreamWriter]]:
    """Connections that end with the test."""
    made: list[asyncio.StreamWriter] = []
    yield made
    for writer in made:
        writer.transport.abort()
    await asyncio.sleep(0)


async def connect(node: Node, opened: list[asyncio.StreamWriter], sent: bytes = b"") -> Stream:
    where = urlsplit(node.member.admin)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    opened.append(writer)
    writer.write(sent)
    return reader, writer


async def rest(reader: asyncio.StreamReader) -> bytes:
    """What else comes until the end, however that comes."""
    with suppress(ConnectionError):
        return await asyncio.wait_for(reader.read(), 10)
    return b""


async def asked(node: Node, http: aiohttp.ClientSession, path: str) -> float:
    """Seconds that an answer took, on a connection of its own."""
    begun = time.monotonic()
    async with http.get(node.member.admin + path, headers={"Connection": "close"}) as answer:
        assert answer.status == 200
        await answer.read()
    return time.monotonic() - begun


def refused(node: Node, reason: str) -> int:
    return node._admin.warden.counters.refused[reason]


async def drip(writer: asyncio.StreamWriter) -> None:
    """One byte after another, for ever."""
    with suppress(ConnectionError):
        while True:
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.1)


def test_who_sends_slowly_is_ended_within_10_s() -> None:
    assert max(doors.HEAD_S, admin.BODY_S) + doors.LINGER_S < 10


async def test_a_head_that_comes_byte_by_byte_is_ended(
    running: Running, opened: list[asyncio.StreamWriter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "HEAD_S", 0.5)
    node = await running.start("pune")
    for sent in (b"GET /", HEAD, HEAD + b"X-Slow: "):
        reader, writer = await connect(node, opened, sent)
        begun, dripping = time.monotonic(), asyncio.create_task(drip(writer))
        assert b" 200 " not in await rest(reader)
        assert 0.3 < time.monotonic() - begun < 3
        dripping.cancel()
    assert refused(node, "slow") == 3


async def test_a_second_head_has_no_more_time_than_the_first(
    running: Running, opened: list[asyncio.StreamWriter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "HEAD_S", 0.5)
    node = await running.start("pune")
    reader, writer = await connect(node, opened, HEAD + b"\r\n")
    assert (await reader.readuntil(b"ok\n")).startswith(b"HTTP/1.1 200")
    await asyncio.sleep(0.7)  # idle is no sin
    writer.write(HEAD + b"\r\n")
    assert (await reader.readuntil(b"ok\n")).startswith(b"HTTP/1.1 200")
    writer.write(b"GET")
    assert await rest(reader) == b""


async def test_a_body_that_comes_byte_by_byte_is_refused(
    running: Running, opened: list[asyncio.StreamWriter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "BODY_S", 0.3)
    monkeypatch.setattr("edge.shell.adminport.LINGER_S", 0.2)
    node = await running.start("pune")
    reader, writer = await connect(node, opened, ORDER + b"Content-Length: 1000\r\n\r\n{")
    dripping = asyncio.create_task(drip(writer))
    assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 408 ")
    await rest(reader)  # and that is all: the connection ends
    dripping.cancel()


@pytest.mark.parametrize("most", [16, 512])
async def test_many_slow_connections_keep_nobody_out(
    running: Running, http: aiohttp.ClientSession, opened: list[asyncio.StreamWriter], most: int
) -> None:
    """Where there are fewer places than they take, those that ask nothing make room."""
    node = await running.start("pune", admin__connections_max=str(most))
    slow = await asyncio.gather(*(connect(node, opened, HEAD) for _ in range(SLOW)))
    dripping = asyncio.gather(*(drip(writer) for _, writer in slow))
    took = [await asked(node, http, path) for path in ("/healthz", "/metrics", "/readyz") * 5]
    dripping.cancel()
    with suppress(asyncio.CancelledError):
        await dripping
    assert max(took) < 1
    assert len(node._admin.doors) <= most
    assert (refused(node, "connections") > 0) == (most < SLOW)
    async with http.get(f"{node.member.admin}/v1/stream") as stream:  # one that asks keeps its place
        await asyncio.gather(*(connect(node, opened) for _ in range(2 * 16)))
        await asyncio.wait_for(stream.content.readuntil(b"\n\n"), 2)
        await asyncio.wait_for(stream.content.readuntil(b"\n\n"), 2)


async def test_where_all_places_are_asking_the_next_one_is_refused(
    running: Running, http: aiohttp.ClientSession, opened: list[asyncio.StreamWriter]
) -> None:
    node = await running.start("pune", admin__connections_max="16")
    stream = HEAD.replace(b"/healthz", b"/v1/stream") + b"\r\n"
    readers = [await connect(node, opened, stream) for _ in range(16)]
    await asyncio.gather(*(reader.readuntil(b"event: view") for reader, _ in readers))
    reader, _ = await connect(node, opened, HEAD + b"\r\n")
    assert await rest(reader) == b""
    opened[0].transport.abort()
    await until(lambda: len(node._admin.doors) < 16)
    assert await asked(node, http, "/healthz") < 1


async def test_who_reads_no_answer_is_cut_off(
    running: Running, opened: list[asyncio.StreamWriter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "STALLED_S", 0.3)
    node = await running.start("pune")
    ask = HEAD.replace(b"/healthz", b"/metrics") + b"\r\n"
    _, writer = await connect(node, opened, 1000 * ask)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await until(lambda: refused(node, "stalled") == 1)
    await until(lambda: len(node._admin.doors) == 0)


async def test_handshakes_that_do_not_go_on_are_ended_and_keep_nobody_out(
    running: Running, opened: list[asyncio.StreamWriter], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doors, "HEAD_S", 1.0)
    authority = Authority(tmp_path)
    cert, key = authority.sign("pune", "127.0.0.1")
    tls = {"admin__tls_cert_file": str(cert), "admin__tls_key_file": str(key)}
    node = await running.start("pune", admin__connections_max="32", **tls)
    silent = await asyncio.gather(*(connect(node, opened) for _ in range(100)))
    await until(lambda: node._admin.doors.accepted == 100)
    assert len(node._admin.doors) <= 32
    context = ssl.create_default_context(cafile=authority.ca_file)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as http:
        assert await asked(node, http, "/healthz") < 1
    await asyncio.gather(*(rest(reader) for reader, _ in silent))
    await until(lambda: len(node._admin.doors) == 0)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /" + 9000 * b"a" + b" HTTP/1.1\r\n\r\n", 400),
        (HEAD + b"X-Long: " + 9000 * b"a" + b"\r\n\r\n", 400),
        (HEAD + b"".join(b"X-%d: 1\r\n" % n for n in range(200)) + b"\r\n", 400),
        (HEAD + b"X-Null: \0\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),  # TLS where none is spoken
        (ORDER + b"Content-Length: 100000\r\n\r\n" + 100_000 * b"a", 413),
        (
            ORDER
            + b"Transfer-Encoding: chunked\r\n\r\n"
            + b"4000\r\n"
            + 0x4000 * b"a"
            + b"\r\n1\r\na\r\n0\r\n\r\n",
            413,
        ),
        (ORDER + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (ORDER + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00", 400),
        (ORDER + b"Content-Length: 9999\r\n\r\n" + 9999 * b"[", 400),
        (ORDER + b"Content-Length: -1\r\n\r\n", 400),
    ],
    ids=lambda value: str(value[-24:]) if isinstance(value, bytes) else str(value),
)
async def test_what_is_too_large_or_no_http_is_refused_in_one_line(
    running: Running,
    opened: list[asyncio.StreamWriter],
    caplog: pytest.LogCaptureFixture,
    sent: bytes,
    status: int,
) -> None:
    node = await running.start("pune")
    reader, _ = await connect(node, opened, sent)
    assert (await asyncio.wait_for(reader.readline(), 5)).split()[1] == b"%d" % status
    assert not [one for one in caplog.records if one.exc_info or "Traceback" in one.getMessage()]
