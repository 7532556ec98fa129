"""The origin, asked with patience and restraint: timeouts, bounded bodies, one retry under a budget, no loops."""

import asyncio
import random
from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from edge.cache.settings import CacheSettings

_RETRY_PAUSE_S = 0.05
_RETRY_BURST = 10.0
_CHUNK_BYTES = 64 * 1024


class UpstreamError(Exception):
    """The origin gave no usable answer; `reason` is one of a few words that a counter is kept for."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """The origin's answer."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes


class Upstream:
    """One origin.

    Args:
        node_name: names this cache in CDN-Loop (RFC 8586).
        settings: address, bounds and timeouts.
        rng: jitter of retries.
    """

    def __init__(self, node_name: str, settings: CacheSettings, rng: random.Random) -> None:
        self._settings = settings
        self._rng = rng
        self._origin = settings.origin.rstrip("/")
        self._headers = {"CDN-Loop": node_name, "User-Agent": "edge", "Accept-Encoding": "identity"}
        self._budget = _RETRY_BURST
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the connection pool."""
        timeout = aiohttp.ClientTimeout(
            total=self._settings.fill_timeout_s,
            sock_connect=self._settings.connect_timeout_s,
            sock_read=self._settings.read_timeout_s,
        )
        connector = aiohttp.TCPConnector(limit=self._settings.connections_max)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False)

    async def close(self) -> None:
        """Close all connections."""
        if self._session:
            await self._session.close()

    async def fetch(self, target: str, headers: dict[str, str]) -> UpstreamResponse:
        """Ask for `target` (raw path and query).

        Raises:
            UpstreamError: no answer, a broken or oversized one, or a 5xx, also after the retry.
        """
        self._budget = min(_RETRY_BURST, self._budget + self._settings.retry_share)
        try:
            return await self._fetch_once(target, headers)
        except UpstreamError as error:
            if error.reason in ("too_large", "timeout") or self._budget < 1:
                raise
        self._budget -= 1
        await asyncio.sleep(_RETRY_PAUSE_S * self._rng.uniform(0.5, 1.5))
        return await self._fetch_once(target, headers)

    async def _fetch_once(self, target: str, headers: dict[str, str]) -> UpstreamResponse:
        assert self._session is not None, "start() first"
        url = URL(self._origin + target, encoded=True)
        try:
            async with self._session.get(
                url, headers=self._headers | headers, allow_redirects=False
            ) as response:
                if response.status >= 500:
                    raise UpstreamError(f"status_{response.status}")
                return UpstreamResponse(response.status, response.headers, await self._body(response))
        except TimeoutError:
            raise UpstreamError("timeout") from None
        except aiohttp.ClientConnectorError:
            raise UpstreamError("connect") from None
        except aiohttp.ClientError:
            raise UpstreamError("broken") from None

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        limit = self._settings.object_max_bytes
        if (response.content_length or 0) > limit:
            raise UpstreamError("too_large")
        chunks, size = [], 0
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            size += len(chunk)
            if size > limit:
                raise UpstreamError("too_large")
            chunks.append(chunk)
        return b"".join(chunks)
