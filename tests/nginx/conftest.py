"""An origin, and nginx in front of a node in this process."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from cache.pretend_origin import MEDIA_PLAYLIST, PLAYLIST, SEGMENT, PretendOrigin
from nginx.site import Site

MEDIA = {"Content-Type": "video/mp4", "Cache-Control": "max-age=3600", "Surrogate-Key": "final v240"}


@pytest.fixture
async def origin() -> AsyncIterator[PretendOrigin]:
    pretend = PretendOrigin()
    await pretend.start()
    pretend.serve(SEGMENT, b"media", MEDIA)
    pretend.serve(PLAYLIST, MEDIA_PLAYLIST, {"Content-Type": "application/vnd.apple.mpegurl"})
    yield pretend
    await pretend.stop()


@pytest.fixture
async def site(origin: PretendOrigin, http: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(tmp_path / "shared", origin.url, http)
    await made.start_nginx()
    yield made
    await made.stop_nginx()
