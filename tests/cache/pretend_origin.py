"""A real HTTP origin on a free port that counts, fails, stalls and lies as a test wants it."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from multidict import CIMultiDict

from edge.cache.cache import EdgeCache
from edge.cache.objects import CacheRequest, CacheResponse
from edge.cache.settings import CacheSettings
from edge.cache.upstream import Upstream

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SEGMENT = "/live/v240/7.m4s"
PLAYLIST = "/live/v240/playlist.m3u8"
MEDIA_PLAYLIST = b"#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n7.m4s\n"


class Clock:
    """Time that only a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.wall_ahead = time.time() - self.now

    def __call__(self) -> float:
        return self.now

    def wall(self) -> float:
        """Seconds since 1970, of the same moment."""
        return self.now + self.wall_ahead


class PretendOrigin:
    """Handlers by path; everything else is answered by `otherwise`, which is 404."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.seen: list[web.Request] = []
        self.url = ""
        self.otherwise: Handler = _unknown
        self._handlers: dict[str, Handler] = {}
        self._runner: web.AppRunner | None = None
        self._port = 0
        self._arrived = asyncio.Condition()

    def on(self, path: str, handler: Handler) -> None:
        """Answer `path` by `handler`."""
        self._handlers[path] = handler

    def serve(
        self, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, status: int = 200
    ) -> None:
        """Answer `path` with this, and with 304 where its ETag is asked about."""
        given = dict(headers or {})

        async def handler(request: web.Request) -> web.Response:
            if "ETag" in given and request.headers.get("If-None-Match") == given["ETag"]:
                return web.Response(status=304, headers=given)
            return web.Response(status=status, body=body, headers=given)

        self.on(path, handler)

    def hold(
        self, path: str, body: bytes = b"held", headers: Mapping[str, str] | None = None, status: int = 200
    ) -> asyncio.Event:
        """Answer `path` only once the returned event is set."""
        release = asyncio.Event()

        async def handler(_: web.Request) -> web.Response:
            await release.wait()
            return web.Response(status=status, body=body, headers=headers)

        self.on(path, handler)
        return release

    async def arrivals(self, path: str, count: int = 1) -> None:
        """Wait until `path` has been asked for `count` times."""
        async with asyncio.timeout(5), self._arrived:
            await self._arrived.wait_for(lambda: self.counts[path] >= count)

    async def start(self) -> None:
        """Listen; the second time on the same port."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        """Refuse connections."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        async with self._arrived:
            self.counts[request.path] += 1
            self.seen.append(request)
            self._arrived.notify_all()
        return await self._handlers.get(request.path, self.otherwise)(request)


async def _unknown(_: web.Request) -> web.Response:
    return web.Response(status=404, text="no such thing\n")


@asynccontextmanager
async def edge_cache(origin: PretendOrigin, clock: Clock, **limits: float | str) -> AsyncIterator[EdgeCache]:
    """A started cache named `pune` before `origin`; `limits` are fields of CacheSettings."""
    settings = CacheSettings(origin=origin.url, **limits)  # type: ignore[arg-type]
    upstream = Upstream("pune", settings, random.Random(7), clock)
    cache = EdgeCache("pune", settings, upstream, clock, clock.wall)
    await cache.start()
    try:
        yield cache
    finally:
        await cache.close()


def request(path: str = SEGMENT, query: str = "", method: str = "GET", **fields: str) -> CacheRequest:
    """A viewer's request; `If_None_Match="x"` gives that field."""
    return CacheRequest(
        method, path, query, CIMultiDict({name.replace("_", "-"): value for name, value in fields.items()})
    )


async def ask(cache: EdgeCache, path: str = SEGMENT, query: str = "", **fields: str) -> CacheResponse:
    """GET."""
    return await cache.handle(request(path, query, **fields))


def body_of(answer: CacheResponse) -> bytes:
    """The body, which is in memory."""
    assert isinstance(answer.body, bytes | memoryview)
    return bytes(answer.body)
