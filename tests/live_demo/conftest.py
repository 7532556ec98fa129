from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from live_demo.cluster import Cluster


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    timeout = aiohttp.ClientTimeout(total=5)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        made = Cluster(tmp_path, http)
        yield made
        made.end()
