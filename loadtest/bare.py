"""`python -m loadtest.bare`: the least that aiohttp can do, to compare with; prints its URL and serves until killed.

Every path whose last part is a number answers so many bytes, and caches may keep them for an hour; `/redirect` is a
fixed 302.
"""

import asyncio

import uvloop
from aiohttp import web

_HEADERS = {"Content-Type": "video/mp4", "Cache-Control": "max-age=3600"}
_SIZE_MAX = 4 * 1024 * 1024


async def serve() -> None:
    """Until killed."""
    bodies: dict[int, bytes] = {}

    async def answer(request: web.Request) -> web.Response:
        size = int(request.path.rpartition("/")[2].partition(".")[0])
        body = bodies.get(size)
        if body is None:
            body = bodies[size] = bytes(min(size, _SIZE_MAX))
        return web.Response(body=body, headers=_HEADERS)

    async def redirect(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://10.0.0.1:7780/live/main.m3u8"})

    app = web.Application()
    app.router.add_get("/redirect", redirect)
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    print(f"http://{host}:{port}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
