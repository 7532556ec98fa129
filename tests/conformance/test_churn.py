"""Twenty times as much as the store may hold goes through it: its files stay within the stated bound.

`make bench ROWS=serve.churn` measures the same with 10 GB and processes of their own.
"""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from cache.pretend_origin import PretendOrigin
from conformance.conftest import BACKENDS, begun
from conformance.subject import Subject
from nginx.site import Site
from running import Running

pytestmark = pytest.mark.timeout(120)
log = logging.getLogger(__name__)  # -o log_cli=true --log-level=INFO shows the figures

BOUND_BYTES = 20_000_000
BODY_BYTES = 250_000
OBJECTS = 1600
FILL_BYTES_S = 1_000_000
VIEWERS = 8
LOOKS_S = 11  # between two looks of nginx's manager, and the burst


@pytest.fixture(params=BACKENDS)
async def subject(
    request: pytest.FixtureRequest,
    origin: PretendOrigin,
    running: Running,
    http: aiohttp.ClientSession,
    tmp_path: Path,
) -> AsyncIterator[Subject]:
    body = os.urandom(BODY_BYTES)

    async def anything(_: web.Request) -> web.Response:
        return web.Response(body=body, headers={"Cache-Control": "max-age=3600"})

    origin.otherwise = anything
    nginx = {"nginx__max_bytes": str(BOUND_BYTES), "nginx__fill_bytes_s": str(FILL_BYTES_S)}
    site = Site(tmp_path / "store", origin.url, http, cache__memory_bytes=str(1 << 20), **nginx)
    own = {"cache__disk_path": str(tmp_path / "store"), "cache__disk_max_bytes": str(BOUND_BYTES)}
    async with begun(request.param, site, running, http, **own, cache__memory_bytes=str(1 << 20)) as made:
        yield made


def size_of(folder: Path) -> int:
    """Of all files of objects, half written ones included."""
    found = 0
    for top in ("cache", "objects", "tmp"):
        for where, _, names in os.walk(folder / top):
            for name in names:
                try:
                    found += (Path(where) / name).stat().st_size
                except FileNotFoundError:
                    continue
    return found


async def test_the_files_stay_within_the_bound(
    subject: Subject, origin: PretendOrigin, tmp_path: Path
) -> None:
    left = [f"/films/{number}.mp4" for number in range(OBJECTS)]
    highest = 0

    async def viewer() -> None:
        while left:
            answer = await subject.get(left.pop())
            assert (answer.status, len(answer.body)) == (200, BODY_BYTES)

    async def measure() -> None:
        nonlocal highest
        while True:
            highest = max(highest, await asyncio.to_thread(size_of, tmp_path / "store"))
            await asyncio.sleep(0.05)

    since = time.monotonic()
    measuring = asyncio.create_task(measure())
    await asyncio.gather(*(viewer() for _ in range(VIEWERS)))
    measuring.cancel()
    rate = OBJECTS / (time.monotonic() - since)
    log.info("%s: %.0f fills/s, at most %.1f MB", subject.backend, rate, highest / 1e6)
    assert origin.counts.total() == OBJECTS
    over = LOOKS_S * FILL_BYTES_S if subject.backend == "nginx" else 0
    on_its_way = VIEWERS * BODY_BYTES  # and what was written and removed while the files were counted
    assert BOUND_BYTES / 2 < highest <= BOUND_BYTES + over + on_its_way
