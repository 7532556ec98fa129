"""The script that looks after nginx in the chart's pod: `helm/edge/files/nginx.sh`."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from cache.pretend_origin import SEGMENT, PretendOrigin
from edge.cli.settings import settings
from edge.nginx.render import render
from needs import needs
from nginx.site import SCRIPT, Site
from running import Running

pytestmark = needs("nginx")
LEAVE_S = 1.0


@pytest.fixture
async def looked_after(
    origin: PretendOrigin, http: aiohttp.ClientSession, tmp_path: Path
) -> AsyncIterator[Site]:
    made = Site(tmp_path / "shared", origin.url, http)
    await made.start_nginx(
        by_script=True, LEAVE_AFTER_S=str(LEAVE_S), LOOK_EVERY_S="0.1", LOG_MAX_BYTES="4000"
    )
    yield made
    await made.stop_nginx()


def process(site: Site) -> asyncio.subprocess.Process:
    assert site.nginx
    return site.nginx


def master(site: Site) -> int:
    return int((site.folder / "nginx.pid").read_text())


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGQUIT])
async def test_told_to_end_it_serves_on_while_the_node_drains(
    looked_after: Site, running: Running, how: signal.Signals
) -> None:
    await looked_after.start_node(running)
    await looked_after.get(SEGMENT)
    began = time.monotonic()
    process(looked_after).send_signal(how)
    while time.monotonic() < began + LEAVE_S - 0.2:
        assert (await looked_after.get(SEGMENT)).cache.startswith("hit")
        await asyncio.sleep(0.02)
    assert await asyncio.wait_for(process(looked_after).wait(), 5) == 0
    assert time.monotonic() - began >= LEAVE_S


async def test_answers_under_way_are_ended_but_not_waited_for_forever(
    looked_after: Site, running: Running, origin: PretendOrigin
) -> None:
    """A viewer that takes nothing, of more than buffers hold."""
    origin.serve("/big.m4s", bytes(30_000_000), {"Cache-Control": "max-age=300"})
    await looked_after.start_node(running)
    host, port = looked_after.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    writer.write(b"GET /big.m4s HTTP/1.1\r\nHost: x\r\n\r\n")
    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    began = time.monotonic()
    process(looked_after).terminate()
    assert await asyncio.wait_for(process(looked_after).wait(), 10) == 0
    assert LEAVE_S + 1 < time.monotonic() - began < LEAVE_S + 4
    writer.close()


async def test_it_ends_with_nginx(looked_after: Site) -> None:
    """So that the kubelet starts the container again."""
    os.kill(master(looked_after), signal.SIGKILL)
    assert await asyncio.wait_for(process(looked_after).wait(), 5) == 128 + signal.SIGKILL


async def test_a_configuration_that_nginx_cannot_use_ends_it(tmp_path: Path) -> None:
    conf = tmp_path / "nginx.conf"
    conf.write_text("nonsense;\n")
    done = await asyncio.create_subprocess_exec("/bin/sh", str(SCRIPT), str(conf), str(tmp_path / "shared"))
    assert await asyncio.wait_for(done.wait(), 5) == 1


async def test_a_changed_configuration_is_read(looked_after: Site, running: Running) -> None:
    await looked_after.start_node(running)
    await looked_after.get(SEGMENT)
    before = master(looked_after)
    text = render(settings(None, {**looked_after.settings, "node__name": "delhi"}))
    looked_after.folder.with_suffix(".conf").write_text(text)
    async with asyncio.timeout(5):
        while not (await looked_after.get(SEGMENT)).headers["Cache-Status"].startswith('"delhi"; hit'):
            await asyncio.sleep(0.02)
    assert master(looked_after) == before


async def test_the_log_is_bounded_where_no_node_cuts_it(looked_after: Site, running: Running) -> None:
    log = looked_after.folder / "access.log"
    await looked_after.start_node(running)
    await looked_after.get(SEGMENT)
    await running.crash("pune")
    sizes = [0, 0]
    async with asyncio.timeout(10):
        while sizes[-1] >= sizes[-2]:
            await looked_after.get(SEGMENT)
            sizes.append(log.stat().st_size)
    assert sizes[-2] > 3000, "it was not cut before"


def test_a_shell_without_extensions_understands_it() -> None:
    subprocess.run(["/bin/sh", "-n", str(SCRIPT)], check=True, timeout=10)
