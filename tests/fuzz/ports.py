"""The public and the admin port of a running node: bytes on a real connection, and what comes back."""

import asyncio
import functools
import logging
import re
import tempfile
from pathlib import Path
from urllib.parse import unquote_to_bytes

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from edge.app import Node
from edge.shell.signing.container import everything_below
from edge.shell.signing.keys import new_key, read_keys
from edge.shell.signing.token import made
from fuzz.media import MEDIA, MULTI
from fuzz.target import Target, law
from fuzz.texts import SAID
from running import Running

WORD = "a long random word"
PATIENCE_S = 5.0
_OWN = re.compile(rb"(?i)\s*(content-length|transfer-encoding|connection|expect|upgrade)\s*:")
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
_LAST = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
_ENDLESS = b"/stream"


class _Errors(logging.Handler):
    """Whatever is logged as an error is a bug: aiohttp turns what a handler raises into one."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not (
            record.exc_info and isinstance(record.exc_info[1], HttpProcessingError)
        ):  # no HTTP: answered by 400
            self.found.append(record)


async def _origin(request: web.BaseRequest) -> web.Response:
    if request.path.endswith(".m3u8"):
        body = MULTI if request.path == "/live/main.m3u8" else MEDIA
        return web.Response(body=body, content_type="application/vnd.apple.mpegurl")
    if request.path.endswith(".m4s"):
        return web.Response(body=bytes(1000), headers={"ETag": '"a"', "Cache-Control": "max-age=3600"})
    return web.Response(status=404)


class Site:
    """A node, its origin, and the loop in which both run while an input is tried."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.errors = _Errors()
        root = logging.getLogger()
        root.addHandler(self.errors)
        self._folder = tempfile.TemporaryDirectory(prefix="fuzz-")
        self.token = ""
        self.node: Node = self.loop.run_until_complete(self._start(Path(self._folder.name)))

    async def _start(self, folder: Path) -> Node:
        runner = web.ServerRunner(web.Server(_origin, access_log=None))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        jwk = new_key("HS256")
        keys, token, places = folder / "keys", folder / "token", folder / "places"
        keys.write_bytes(msgspec.json.encode({"keys": [jwk]}))
        token.write_text(WORD)
        places.write_text("10.0.0.0/8 pune jio west\n")
        claims = {"cdniuc": everything_below("http://a/signed/"), "exp": 4e9}
        self.token = made(claims, read_keys(str(keys))[0])
        running = Running(f"http://127.0.0.1:{port}")
        settings = {
            "admin__token_file": str(token),
            "signing__keys_file": str(keys),
            "signing__required_prefixes": "/signed/",
            "signing__authority": "http://a",
            "routing__places_file": str(places),
            "routing__trusted_proxies": "127.0.0.0/8",
            "routing__address_header": "Forwarded",
            "routing__zone_header": "X-Zone",
            "steering__enabled": "true",
            "node__capacity": "1000000",
        }
        return await running.start("pune", **settings)

    def ask(self, admin: bool, sent: bytes) -> bytes:
        """What comes back until the connection ends."""
        member = self.node.member
        url = member.admin if admin else member.public
        port = int(url.rpartition(":")[2])
        found = self.loop.run_until_complete(asyncio.wait_for(_exchange(port, sent), PATIENCE_S))
        if self.errors.found:
            record = self.errors.found.pop()
            self.errors.found.clear()
            cause = record.exc_info[1] if record.exc_info else None
            raise AssertionError(record.getMessage()) from cause
        return found


async def _exchange(port: int, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        return await reader.read(-1)
    except ConnectionError:  # the answer was that the connection ends
        return b""
    finally:
        writer.close()


@functools.cache
def site() -> Site:
    """One node for all inputs of a process."""
    return Site()


def _request(data: bytes) -> bytes:
    """A request of a line, fields and, after an empty line, a body; its length is ours, else we would wait for more."""
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    kept = [line for line in lines if not _OWN.match(line)]
    return b"\r\n".join([first, *kept, b"Content-Length: %d" % len(body), b"", body]) + _LAST


def _asked(data: bytes, *, admin: bool) -> None:
    if _ENDLESS in unquote_to_bytes(data.partition(b"\n")[0]):
        return
    came = site().ask(admin, _request(data))
    statuses = [int(one) for one in _STATUS.findall(came)]
    law(500 not in statuses, "an answer that nobody meant")


def public(data: bytes) -> None:
    """A request to the public port."""
    _asked(data, admin=False)


def admin(data: bytes) -> None:
    """A request to the admin port."""
    _asked(data, admin=True)


_PLACES = ("purge", "events", "monsoon", "prewarm", "log", "schedule")


def orders(data: bytes) -> None:
    """A JSON body of an operator, who has the token; the first byte says for which order."""
    where = _PLACES[data[0] % len(_PLACES)] if data else _PLACES[0]
    head = f"POST /v1/{where} HTTP/1.1\nHost: 127.0.0.1\nAuthorization: Bearer {WORD}\nContent-Type: application/json"
    _asked(head.encode() + b"\n\n" + data[1:], admin=True)


def _viewers() -> list[bytes]:
    agent = b"\nHost: a\nUser-Agent: x"
    return [
        b"GET /live/main.m3u8?CMCD=" + SAID.replace(b'"', b"%22") + b" HTTP/1.1" + agent,
        b'GET /live/v240/7.m4s HTTP/1.1\nHost: a\nRange: bytes=0-99\nIf-Range: "a"',
        b'GET /live/v240/8.m4s HTTP/1.1\nHost: a\nCMCD-Session: sid="a"\nCMCD-Request: bl=10,su',
        b'GET /live/v240/7.m4s HTTP/1.1\nHost: a\nIf-None-Match: "a"\nAccept-Encoding: gzip, br;q=0',
        b"GET /v1/route?path=/live/main.m3u8&zone=pune&format=json HTTP/1.1\nHost: a\nAccept: application/json",
        b'GET /v1/route/live/7.m4s HTTP/1.1\nHost: a\nForwarded: for="[2001:db8::1]:80", for=10.0.0.1\nX-Zone: pune',
        b'HEAD /v1/steering/hls/pune/0?_HLS_pathway="a" HTTP/1.1\nHost: a\nX-Forwarded-For: 1.2.3.4, 10.0.0.1',
        b"GET /signed/7.m4s?URISigningPackage=e30.e30.e30 HTTP/1.1\nHost: a\nCookie: URISigningPackage=a.b.c; x=y",
        b"PURGE /live/* HTTP/1.1\nHost: a\nAuthorization: Bearer "
        + WORD.encode()
        + b"\nFastly-Soft-Purge: 1",
        b"PURGE /live/7.m4s HTTP/1.1\nHost: a\nAuthorization: Bearer wrong",
        b"OPTIONS /live/7.m4s HTTP/1.1\nHost: a\nOrigin: http://b\nAccess-Control-Request-Method: GET",
        b"GET /live/7.m4s HTTP/1.1\nHost: a\nEdge-Peer: pune; 1795000000; 00\nCDN-Loop: a, b",
        b"POST /live/7.m4s HTTP/1.1\nHost: a\n\nbody",
        b"GET /v1/route?path=/a.m3u8 HTTP/1.1\nHost: a\xff\nUser-Agent: \xff\nX-Zone: \xff\nForwarded: for=\xff",
        b"GET /live/main.m3u8?a=\xff HTTP/1.1\nHost: a\nReferer: \xff",
        b'GET /live/main.m3u8 HTTP/1.1\nHost: a\nCMCD-Session: sid="\xff"\nCMCD-Status: \xff\nAccept-Encoding: \xff',
        b"GET /live/v240/7.m4s HTTP/1.1\nHost: a\nRange: \xff\nIf-None-Match: \xff\nIf-Range: \xff",
        b"GET /signed/7.m4s HTTP/1.1\nHost: \xff\nCookie: URISigningPackage=\xff",
    ]


def _operators() -> list[bytes]:
    end = b" HTTP/1.1\nHost: 127.0.0.1\nAuthorization: Bearer " + WORD.encode()
    paths = (
        b"/v1/members",
        b"/v1/view",
        b"/v1/events",
        b"/v1/route?path=/a.m3u8&address=10.0.0.1",
        b"/v1/monsoon",
    )
    more = (
        b"/v1/prewarm",
        b"/v1/quality",
        b"/v1/log",
        b"/v1/schedule",
        b"/v1/sync",
        b"/page/page.js",
        b"/",
        b"/metrics",
    )
    return [
        *(b"GET " + path + end for path in (*paths, *more)),
        b"GET /v1/sync HTTP/1.1\nHost: localhost\nAuthorization: Gossip " + b"QUFB" * 20,
        b"DELETE /v1/schedule/final?majority" + end,
        b"POST /v1/purge" + end + b'\nContent-Type: application/json; charset=utf-8\n\n{"url":"/live/7.m4s"}',
        b"GET /page/../index.html"
        + end
        + b"\nOrigin: http://b\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
    ]


def _orders() -> list[bytes]:
    return [
        b'\x00{"prefix":"/live/","soft":true,"ttl_s":60,"majority":true}',
        b'\x00{"tag":"match-7"}',
        b'\x01{"key":"toss","body":"heads","ttl_s":5}',
        b'\x02{"scope":"cluster","name":"","level":null,"for_s":60}',
        b'\x03{"path":"/live/main.m3u8","zone":"pune","at":1795000000.5,"cancel":false}',
        b'\x04{"level":"info","logger":"edge.cache","for_s":1}',
        b'\x05{"name":"final","at":1795000000,"expected_peak":25000000,"growth_per_minute":5,"duration_s":60,'
        b'"paths":["/live/main.m3u8"],"zones":{"pune":0.5}}',
    ]


_WORDS = (
    b"%ff",
    b"%00",
    b"%2e%2e/",
    b"\xed\xa0\x80",
    b"Host: ",
    b"Range: bytes=",
    b"Authorization: ",
    b"Cookie: ",
)
_PROXIES = b"GET /v1/route?path=/a.m3u8 HTTP/1.1\nHost: a\n"

TARGETS = (
    Target(
        "public",
        public,
        _viewers,
        8000,
        share=0.012,
        words=_WORDS,
        heads=(
            b"GET /",
            _PROXIES + b'Forwarded: for="',
            _PROXIES + b"Forwarded: for=",
            _PROXIES + b"Cookie: ",
            _PROXIES + b"Authorization: ",
        ),
    ),
    Target(
        "admin",
        admin,
        _operators,
        8000,
        share=0.012,
        words=_WORDS,
        heads=(b"GET /", b"GET / HTTP/1.1\nHost: "),
    ),
    Target("orders", orders, _orders, 16_000, share=0.012, heads=(b"\x00", b'\x05{"name":"')),
)
