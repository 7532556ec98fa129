import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from netns.cities import PORTS, Cities
from netns.network import Network
from netns.places import CROWDS, HOSTS, ORIGIN

WHOLE_S = 120.0  # twelve interpreters start side by side, perhaps beside something else


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cities]:
    """Sixteen hosts with ways between all of them, and a node on each of twelve."""
    network = Network((*HOSTS, ORIGIN, *CROWDS), PORTS)
    made = Cities(tmp_path_factory.mktemp("cities"), network)
    try:
        asyncio.run(network.up())
        made.start(*HOSTS)
        yield made
    finally:
        made.end()
        network.close()


@pytest.fixture
async def cities(world: Cities) -> AsyncIterator[Cities]:
    """The nodes, all of which see each other; what a test breaks is mended for the next."""
    world.start(*(one for one in HOSTS if one not in world.running))
    await world.agree(WHOLE_S)
    world.since = time.time()
    yield world
    world.network.clear()
