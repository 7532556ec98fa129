"""An origin whose bodies flow as a test lets them, and a plain client that sees every byte of an answer."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Self

from aiohttp import web

from cache.pretend_origin import SEGMENT
from edge.cache.cache import EdgeCache
from edge.cache.web import cache_handler


class Tap:
    """A handler of `PretendOrigin`: every request gets the header at once, and the body as it is let out.

    Args:
        size: announced; None: chunked.
        fields: of the header.
    """

    def __init__(self, size: int | None, fields: Mapping[str, str] | None = None) -> None:
        self._fields = dict(fields or {})
        if size is not None:
            self._fields["Content-Length"] = str(size)
        self._flow: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._cut = False

    def let(self, piece: bytes) -> None:
        """Some more of the body."""
        self._flow.put_nowait(piece)

    def end(self) -> None:
        """That was all of it."""
        self._flow.put_nowait(None)

    def cut(self) -> None:
        """Close the connection in mid-body."""
        self._cut = True
        self.end()

    async def __call__(self, asked: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=self._fields)
        await response.prepare(asked)
        while (piece := await self._flow.get()) is not None:
            await response.write(piece)
        if self._cut:
            assert asked.transport
            asked.transport.close()
        return response


class Client:
    """One request on a connection of its own, read only as far as a test wants."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def ask(cls, port: int, start: str = f"GET {SEGMENT} HTTP/1.1") -> Self:
        """Send a request; `start` is its first line."""
        made = cls(*await asyncio.open_connection("127.0.0.1", port))
        lines = [start, "Host: edge"]
        made._writer.write("\r\n".join([*lines, "", ""]).encode())
        return made

    async def head(self) -> str:
        """The header."""
        async with asyncio.timeout(5):
            return (await self._reader.readuntil(b"\r\n\r\n")).decode()

    async def take(self, size: int) -> bytes:
        """So many bytes of the body, chunks and all."""
        async with asyncio.timeout(5):
            return await self._reader.readexactly(size)

    async def rest(self) -> bytes:
        """All until the connection ends."""
        async with asyncio.timeout(5):
            return await self._reader.read()

    async def leave(self) -> None:
        """Close the connection."""
        self._writer.transport.abort()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


@asynccontextmanager
async def served(cache: EdgeCache) -> AsyncIterator[int]:
    """A cache on a port."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", cache_handler(cache))
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
