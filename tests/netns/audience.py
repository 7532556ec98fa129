"""Simulated viewers on a host; every request of theirs is told as a JSON line, and every second their own totals.

Started as `audience.py ZONE VIEWERS SEED ZONE=URL…`, with a public URL of each node. Ends with its standard input.
"""

import asyncio
import os
import random
import sys
import time
from types import SimpleNamespace

import aiohttp
import orjson
from yarl import URL

from edge.demo.viewers import Viewer, ViewerCounts, ViewerSettings, World

TOTALS_EVERY_S = 1.0
_ARRIVE_S = 4.0
_TIMEOUT = aiohttp.ClientTimeout(total=6, sock_connect=1)  # those of the demo's viewers
_HEADERS = ("Cache-Status", "Cache-Control", "Age", "Last-Modified")


def put(told: dict[str, object]) -> None:
    """Write a line."""
    sys.stdout.write(f"{orjson.dumps(told).decode()}\n")
    sys.stdout.flush()


def tracer(viewer: int) -> aiohttp.TraceConfig:
    """Tells of each request of one viewer, when its answer begins or it has failed."""

    async def begun(_: aiohttp.ClientSession, context: SimpleNamespace, asked: object) -> None:
        context.at = time.time()

    async def answered(
        _: aiohttp.ClientSession, context: SimpleNamespace, end: aiohttp.TraceRequestEndParams
    ) -> None:
        held = {name: end.response.headers.get(name, "") for name in _HEADERS}
        tell(context.at, end.url, end.response.status, "", held)

    async def failed(
        _: aiohttp.ClientSession, context: SimpleNamespace, end: aiohttp.TraceRequestExceptionParams
    ) -> None:
        if not isinstance(end.exception, asyncio.CancelledError):  # the viewer's own session is over
            tell(context.at, end.url, 0, type(end.exception).__name__, {})

    def tell(at: float, url: URL, status: int, error: str, headers: dict[str, str]) -> None:
        told: dict[str, object] = {
            "at": at,
            "took_s": time.time() - at,
            "viewer": viewer,
            "address": url.host,
            "path": url.path,
        }
        told |= {"status": status, "error": error, "headers": headers}
        put(told)

    tracing = aiohttp.TraceConfig()
    tracing.on_request_start.append(begun)
    tracing.on_request_end.append(answered)
    tracing.on_request_exception.append(failed)
    return tracing


async def watch(zone: str, number: int, settings: ViewerSettings, counts: ViewerCounts) -> None:
    """Let one viewer watch for ever."""
    rng = random.Random(f"{settings.seed}:{number}")
    await asyncio.sleep(rng.uniform(0, settings.arrive_s))
    async with aiohttp.ClientSession(timeout=_TIMEOUT, trace_configs=[tracer(number)]) as http:
        await Viewer(zone, World(settings, http, counts), rng).live()


async def total(counts: ViewerCounts) -> None:
    """Tell what the viewers count themselves."""
    while True:
        await asyncio.sleep(TOTALS_EVERY_S)
        put({"at": time.time(), "totals": counts})


async def main(zone: str, viewers: int, seed: int, nodes: list[str]) -> None:
    """Watch until standard input ends; a viewer that ends before is a fault."""
    pairs = tuple((where, url) for where, _, url in (node.partition("=") for node in nodes))
    settings = ViewerSettings(nodes=pairs, viewers=viewers, seed=seed, arrive_s=_ARRIVE_S)
    counts = ViewerCounts()
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(watch(zone, number, settings, counts)) for number in range(viewers)]
        running.append(tasks.create_task(total(counts)))
        await asyncio.to_thread(os.read, sys.stdin.fileno(), 1)
        for one in running:
            one.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
