import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from edge.demo.viewers import ViewerSettings, by_zone, run_viewers
from edge.model import ConfigError
from edge.origin import media
from edge.origin.server import Origin
from waiting import until

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PretendNode:
    """The real stream from a node that can be told to send its viewers to another one, as a node that leaves does."""

    def __init__(self) -> None:
        self.url = ""
        self.leaves_for: PretendNode | None = None
        self.asked: list[str] = []
        app = Origin(media.load()).app()
        app.middlewares.append(self._first)
        self._runner = web.AppRunner(app)

    async def start(self) -> None:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    @web.middleware
    async def _first(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == "/v1/route":
            return web.Response(status=302, headers={"Location": self.url + request.query["path"]})
        self.asked.append(request.path)
        if self.leaves_for:
            headers = {"Location": self.leaves_for.url + request.raw_path, "Connection": "close"}
            return web.Response(status=302, headers=headers)
        return await handler(request)


@pytest.fixture
async def nodes() -> AsyncIterator[list[PretendNode]]:
    made = [PretendNode(), PretendNode()]
    for one in made:
        await one.start()
    yield made
    for one in made:
        await one.stop()


async def test_a_viewer_stays_where_a_leaving_node_sent_it(nodes: list[PretendNode]) -> None:
    goes, stays = nodes
    stop = asyncio.Event()
    settings = ViewerSettings(nodes=(("pune", goes.url),), viewers=3, arrive_s=0)
    watching = asyncio.create_task(run_viewers(settings, stop, lambda _: None))
    await until(lambda: any(path.endswith(".m4s") for path in goes.asked), 10)
    goes.leaves_for = stays
    await until(lambda: sum(path.endswith("playlist.m3u8") for path in stays.asked) >= 6, 10)  # 3 of 2 tracks
    await goes.stop()
    stays.asked.clear()
    await until(lambda: sum(path.endswith(".m4s") for path in stays.asked) >= 6, 10)
    stop.set()
    counts = await asyncio.wait_for(watching, 5)
    assert not counts.failures
    assert counts.rerouted == 0
    assert counts.sessions == 3


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.floats(0.01, 10), min_size=1), st.integers(0, 500))
def test_everybody_gets_a_zone_as_near_to_the_shares_as_whole_people_allow(
    shares: dict[str, float], viewers: int
) -> None:
    counts = Counter(by_zone(shares, viewers))
    assert counts.total() == viewers
    total = sum(shares.values())
    assert all(abs(counts[zone] - viewers * share / total) < 1 for zone, share in shares.items())


def test_shares_of_nothing_are_a_mistake() -> None:
    with pytest.raises(ConfigError, match="--share: no zone of a node has a share above 0"):
        by_zone({"pune": 0.0}, 10)
