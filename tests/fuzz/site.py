"""A running node with its origin, and the bytes that go to its ports and come back."""

import asyncio
import functools
import logging
import tempfile
from pathlib import Path

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from edge.app import Node
from edge.shell.signing.container import everything_below
from edge.shell.signing.keys import Key
from edge.shell.signing.token import made
from fuzz.media import MEDIA, MULTI
from running import Running

WORD = "a long random word"
PATIENCE_S = 20.0  # by the clock: another process may have the processor
_SECRET = b"k" * 32
_JWK = {"kty": "oct", "k": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s"}
SIGNED = made(
    {"cdniuc": everything_below("http://a/signed/"), "exp": 4e9}, Key("", "HS256", _SECRET, _SECRET)
)


class _Errors(logging.Handler):
    """Whatever is logged as an error is a bug: aiohttp turns what a handler raises into one."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError):  # of what is no HTTP, and is answered by 400
            self.found.append(record)


async def _origin(request: web.BaseRequest) -> web.Response:
    if request.path.endswith(".m3u8"):
        body = MULTI if request.path == "/live/main.m3u8" else MEDIA
        return web.Response(body=body, content_type="application/vnd.apple.mpegurl")
    if request.path.endswith(".m4s"):
        return web.Response(body=bytes(1000), headers={"ETag": '"a"', "Cache-Control": "max-age=3600"})
    return web.Response(status=404)


class Site:
    """A node, its origin, and the loop in which both run while an input is tried.

    Args:
        guarded: the admin port wants a token, the public one too below /signed/.
    """

    def __init__(self, *, guarded: bool) -> None:
        self._loop = asyncio.new_event_loop()
        self._errors = _Errors()
        logging.getLogger().addHandler(self._errors)
        self._folder = tempfile.TemporaryDirectory(prefix="fuzz-")
        self._running: Running
        self._node: Node = self._loop.run_until_complete(self._start(guarded))

    async def _start(self, guarded: bool) -> Node:
        runner = web.ServerRunner(web.Server(_origin, access_log=None))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        settings = {"steering__enabled": "true", "node__capacity": "1000000"}
        settings |= {
            "admin__writes_per_s": "10000",
            "admin__writes_burst": "100000",
        }  # so that none is refused
        self._running = Running(f"http://127.0.0.1:{runner.addresses[0][1]}")
        return await self._running.start("pune", **settings, **(self._guards() if guarded else {}))

    def _guards(self) -> dict[str, str]:
        folder = Path(self._folder.name)
        keys, token, places = folder / "keys", folder / "token", folder / "places"
        keys.write_bytes(msgspec.json.encode({"keys": [_JWK]}))
        token.write_text(WORD)
        places.write_text("10.0.0.0/8 pune jio west\n")
        return {
            "admin__token_file": str(token),
            "signing__keys_file": str(keys),
            "signing__required_prefixes": "/signed/",
            "signing__authority": "http://a",
            "routing__places_file": str(places),
            "routing__trusted_proxies": "127.0.0.0/8",
            "routing__address_header": "Forwarded",
            "routing__zone_header": "X-Zone",
        }

    def ask(self, sent: bytes, *, admin: bool) -> bytes:
        """What comes back until the connection ends.

        Raises:
            AssertionError: something was logged as an error, which aiohttp does of what a handler raises.
            TimeoutError: nothing comes back.
        """
        url = self._node.member.admin if admin else self._node.member.public
        exchange = _exchange(int(url.rpartition(":")[2]), sent)
        came = self._loop.run_until_complete(asyncio.wait_for(exchange, PATIENCE_S))
        if self._errors.found:
            record = self._errors.found.pop()
            self._errors.found.clear()
            cause = record.exc_info[1] if record.exc_info else None
            raise AssertionError(record.getMessage()) from cause
        for task in self._running.tasks.values():
            assert not task.done(), "the node has ended"
        return came


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
def site(*, guarded: bool) -> Site:
    """One node of each kind for all inputs of a process."""
    return Site(guarded=guarded)
