"""The same tests for each backend."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from cache.pretend_origin import PretendOrigin
from conformance.subject import Subject
from needs import needs
from nginx.site import Site
from running import Running
from waiting import until

BACKENDS = ("embedded", pytest.param("nginx", marks=needs("nginx")))


@pytest.fixture(params=BACKENDS)
async def subject(
    request: pytest.FixtureRequest,
    origin: PretendOrigin,
    running: Running,
    http: aiohttp.ClientSession,
    tmp_path: Path,
) -> AsyncIterator[Subject]:
    """A backend over `origin`, as `edge run` has it."""
    async with begun(request.param, Site(tmp_path / "shared", origin.url, http), running, http) as made:
        yield made


@asynccontextmanager
async def begun(
    backend: str, site: Site, running: Running, http: aiohttp.ClientSession, **settings: str
) -> AsyncIterator[Subject]:
    """A node of a backend.

    Args:
        backend: one of `BACKENDS`.
        site: where nginx is to be, if that is it.
        running: starts the node.
        http: of the viewers.
        settings: of the embedded one's.
    """
    if backend == "embedded":
        node = await running.start("pune", **settings)
        yield Subject(backend, node.member.public, node, http)
        return
    await site.start_nginx()
    node = await site.start_node(running)
    await until(lambda: not node.backend.trouble)
    yield Subject(backend, site.url, node, http)
    await site.stop_nginx()
