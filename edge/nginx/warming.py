"""What a live playlist names last is in nginx before the playlist goes out, so that the first viewer of it hits.

Without this all who play live would ask for a new segment at once, and all of them would come to the node.
"""

import asyncio

import aiohttp
from yarl import URL

from edge.nginx.copies import Copies

WAIT_S = 0.2  # a playlist is not held longer
_WARM_S = 5.0  # one segment
_CONNECTIONS_MAX = 32
_WARMING_MAX = 256  # beyond, viewers have to be the first
_PIECE_BYTES = 256 * 1024


class Warmer:
    """Asks nginx as a viewer would.

    Args:
        url: of nginx on this machine, http(s)://host:port; its certificate, which names another host, is not looked at.
        agent: the User-Agent field by which the log's reader knows that this is nobody.
        copies: what nginx holds.
    """

    def __init__(self, url: str, agent: str, copies: Copies) -> None:
        self._url = url
        self.agent = agent
        self._copies = copies
        self._session: aiohttp.ClientSession | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.warmed = 0
        self.failed = 0

    def start(self) -> None:
        """Open the connection pool."""
        connector = aiohttp.TCPConnector(limit=_CONNECTIONS_MAX, ssl=False)
        timeout = aiohttp.ClientTimeout(total=_WARM_S)
        self._session = aiohttp.ClientSession(
            self._url, connector=connector, timeout=timeout, headers={"User-Agent": self.agent}
        )

    async def close(self) -> None:
        """Ask for nothing more."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        if self._session:
            await self._session.close()

    async def warm(self, path: str) -> None:
        """Have nginx fetch a raw path, unless it has it; wait a little for that."""
        task = self._tasks.get(path)
        if task is None:
            if self._session is None or self._copies.holds_path(path) or len(self._tasks) >= _WARMING_MAX:
                return
            task = self._tasks[path] = asyncio.create_task(self._fetch(self._session, path))
            task.add_done_callback(lambda _: self._tasks.pop(path))
        await asyncio.wait((task,), timeout=WAIT_S)

    async def _fetch(self, session: aiohttp.ClientSession, path: str) -> None:
        try:
            async with session.get(URL(path, encoded=True)) as answer:
                async for _ in answer.content.iter_chunked(_PIECE_BYTES):
                    pass
                self.warmed += answer.status == 200
                self.failed += answer.status != 200
        except (aiohttp.ClientError, TimeoutError):
            self.failed += 1
