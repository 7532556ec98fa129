"""`python -m loadtest.router NODES LOADS_A_SECOND`: the public port of one node of a cluster; prints its URL.

The node is the production one and is told real frames; its cache has no origin.
"""

import asyncio
import random
import sys
import time

import uvloop
from aiohttp import web

from edge.cache.cache import EdgeCache
from edge.cache.settings import CacheSettings
from edge.cache.upstream import Upstream
from edge.shell.public import PublicFace
from edge.shell.routes import Routes
from edge.state.traffic import Traffic
from loadtest.fed import Fed

_FEED_EVERY_S = 0.01


async def serve(nodes: int, per_s: float) -> None:
    """Until killed."""
    fed = Fed(nodes, per_s, time.monotonic())
    settings = CacheSettings(origin="http://127.0.0.1:1")
    upstream = Upstream("bench", settings, random.Random(1))
    cache = EdgeCache("bench", settings, upstream, time.monotonic)
    face = PublicFace(cache, Traffic(), Routes(fed.node.view))
    runner = web.ServerRunner(web.Server(face.handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    print(f"http://{host}:{port}", flush=True)
    while True:
        fed.feed(time.monotonic())
        await asyncio.sleep(_FEED_EVERY_S)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(serve(int(sys.argv[1]), float(sys.argv[2])))
