"""The origins, asked with patience and restraint: timeouts, bounded bodies, retries under a budget, no loops.

Which origin is asked is decided in `edge.decide.origins`. Where one fails, another is asked for the same fill.
"""

import asyncio
import random
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from yarl import URL

from edge.cache.budget import Budget
from edge.cache.growing import GrowingBody
from edge.cache.receiving import (
    NOT_TAKEN,
    RETRIED,
    UpstreamError,
    UpstreamResponse,
    is_amiss,
    named_errors,
    received,
)
from edge.cache.settings import CacheSettings
from edge.config.origins import OriginServer
from edge.decide.origins import Origins, OriginState

_TRIES = 3  # requests to origins for one fill
_RETRY_PAUSE_S = 0.05
_RETRY_BURST = 10.0
_NAMES_S = 60  # a slow DNS must not hold up fills


class Fills(Protocol):
    """Where fills come from."""

    async def start(self) -> None:
        """Open what is needed."""

    async def close(self) -> None:
        """Close it."""

    async def fetch(self, target: str, conditions: Mapping[str, str], loop: str = "") -> UpstreamResponse:
        """Ask for a raw path and query; UpstreamError where nobody gave it."""

    def asked(self, target: str) -> str:
        """The node that is being asked for `target` at this moment; "" where that is none, or the origin."""


@dataclass(slots=True)
class PeerTls:
    """How other nodes prove who they are, where their address is https://; may be changed at any time."""

    context: ssl.SSLContext | bool = True  # True: the system's authorities
    name: str | None = None  # in their certificates; None: the host of their address


_SYSTEM = PeerTls()


class Upstream:
    """The origins, and the way to other servers.

    Args:
        node_name: names this cache in CDN-Loop (RFC 8586) and Via.
        settings: addresses, bounds and timeouts.
        rng: jitter of retries.
        clock: seconds, monotonic.
        peer_tls: how servers other than origins are verified.
    """

    def __init__(
        self,
        node_name: str,
        settings: CacheSettings,
        rng: random.Random,
        clock: Callable[[], float] = time.monotonic,
        peer_tls: PeerTls | None = None,
    ) -> None:
        self._settings = settings
        self._rng = rng
        self._clock = clock
        self._peer_tls = peer_tls or PeerTls()
        servers = settings.origins or (OriginServer(settings.origin.rstrip("/")),)
        self.origins = Origins(servers, settings.origin_rules, rng)
        self._name = node_name
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "edge", "Via": f"1.1 {node_name}"}
        self._retries = Budget(_RETRY_BURST, settings.retry_share)
        # An origin that dies takes with it what is under way to it; all of that may go to another.
        self._failovers = Budget(settings.connections_max * len(servers), settings.retry_share)
        self.watches: list[aiohttp.TraceConfig] = []  # hear of each request; those of the start count
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the connection pool."""
        each = self._settings.connections_max
        # One that hangs must not take the connections that others need.
        limit = each * len(self.origins.states)
        connector = aiohttp.TCPConnector(limit=limit, limit_per_host=each, ttl_dns_cache=_NAMES_S)
        self._session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            trace_configs=self.watches,
            middlewares=(_once,),
        )

    def _timeout(self, target: str) -> aiohttp.ClientTimeout:
        if is_blocking(target):
            limit_s = self._settings.blocking_timeout_s
            return aiohttp.ClientTimeout(limit_s, sock_connect=self._settings.connect_timeout_s)
        silence_s, limit_s = self._settings.read_timeout_s, self._settings.fill_timeout_s
        # Where there is another to ask, half of a fill's time is left for it.
        several = len(self.origins.states) > 1
        return aiohttp.ClientTimeout(
            total=limit_s,
            sock_connect=self._settings.connect_timeout_s,
            sock_read=min(silence_s, limit_s / 2) if several else silence_s,
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._session:
            await self._session.close()

    async def fetch(self, target: str, conditions: Mapping[str, str], loop: str = "") -> UpstreamResponse:
        """Ask an origin for `target`, and another one where that fails.

        Args:
            target: raw path and query.
            conditions: fields that make the request conditional.
            loop: the CDN-Loop field of the request that this one is made for; this cache's name is added.

        Raises:
            UpstreamError: no answer, a broken or oversized one, or a 5xx, from all that were asked.
        """
        headers = {**self._headers, **conditions, "CDN-Loop": f"{loop}, {self._name}" if loop else self._name}
        path = target.partition("?")[0]
        self._retries.grow()
        self._failovers.grow()
        tried: list[OriginState] = []
        state = self.origins.choose(path, self._clock())
        while True:
            try:
                return await self._ask_origin(state, target, headers, tried)
            except UpstreamError as error:
                if state in tried or len(tried) == _TRIES - 1:
                    raise
                tried.append(state)
                state = self.origins.choose(path, self._clock(), tried)
                if not self._may_ask(error.reason, again=state in tried):
                    raise
            if state in tried:
                await asyncio.sleep(_RETRY_PAUSE_S * self._rng.uniform(0.5, 1.5))

    def _may_ask(self, reason: str, *, again: bool) -> bool:
        """Whether what failed for `reason` may be asked for once more: of the same origin, or of another."""
        if reason == "slow":  # it was given up for another, which may have failed meanwhile
            return self._failovers.spend()
        if again:
            return reason in RETRIED and self._retries.spend()
        return reason in NOT_TAKEN or (is_amiss(reason) and self._failovers.spend())

    async def _ask_origin(
        self, state: OriginState, target: str, headers: dict[str, str], tried: Sequence[OriginState]
    ) -> UpstreamResponse:
        begun = self._clock()
        others = self.origins.others([*tried, state], begun)
        # A blocking reload waits on purpose. What is given up early must have its token for another origin then.
        hurried = others and not is_blocking(target) and self._failovers.spend()
        self.origins.asked(state, begun)
        try:
            patience_s = self._settings.failover_after_s if hurried else None
            answer = await self._ask(state.server.url, target, headers, patience_s=patience_s)
        except (UpstreamError, asyncio.CancelledError) as error:
            self._judge(state, begun, error)
            raise
        finally:
            if hurried:
                self._failovers.give_back()
        if isinstance(answer.body, GrowingBody) and answer.body.reading:
            answer.body.reading.add_done_callback(
                lambda reading: self._judge(state, begun, _error_of(reading))
            )
        else:
            self._judge(state, begun, None)
        return answer

    def _judge(self, state: OriginState, begun: float, error: BaseException | None) -> None:
        """Note how an origin did: the error by which its answer ended, if any."""
        now = self._clock()
        if isinstance(error, UpstreamError) and is_amiss(error.reason):
            self.origins.failed(state, error.reason, now)
        elif not isinstance(error, asyncio.CancelledError):
            self.origins.succeeded(state)
        elif now - begun < self._settings.fill_timeout_s / 2:
            self.origins.unknown(state)
        else:  # the fill's time is over
            self.origins.failed(state, "timeout", now)

    def asked(self, target: str) -> str:
        """Only origins are asked."""
        del target
        return ""

    async def fetch_from(
        self, server: str, target: str, fields: Mapping[str, str], loop: str
    ) -> UpstreamResponse:
        """Ask another server once, as `fetch` does the origin.

        Args:
            server: http(s)://host:port.
            target: raw path and query.
            fields: further header fields.
            loop: as for `fetch`.

        Raises:
            UpstreamError: as `fetch`.
        """
        names = f"{loop}, {self._name}" if loop else self._name
        headers = {**self._headers, **fields, "CDN-Loop": names}
        return await self._ask(server, target, headers, self._peer_tls)

    async def _ask(
        self,
        server: str,
        target: str,
        headers: dict[str, str],
        tls: PeerTls = _SYSTEM,
        patience_s: float | None = None,
    ) -> UpstreamResponse:
        assert self._session is not None, "start() first"
        url = URL(server + target, encoded=True)
        patience = asyncio.timeout(patience_s)
        name = tls.name if url.scheme == "https" else None
        begun = self._clock()
        with named_errors(patience):
            async with patience:
                response = await self._session.get(
                    url,
                    timeout=self._timeout(target),
                    headers=headers,
                    allow_redirects=False,
                    ssl=tls.context,
                    server_hostname=name,
                )
        delay_s = self._clock() - begun
        fields, body = await received(response, headers, self._settings)
        return UpstreamResponse(response.status, fields, body, delay_s=delay_s)


async def _once(request: aiohttp.ClientRequest, ask: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Ask once: aiohttp would ask again, beside the budget, where a connection breaks before an answer."""
    try:
        return await ask(request)
    except aiohttp.ClientConnectorError:  # nothing was asked yet
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientPayloadError(str(error)) from error


def _error_of(reading: asyncio.Task[None]) -> BaseException | None:
    return asyncio.CancelledError() if reading.cancelled() else reading.exception()


def is_blocking(target: str) -> bool:
    """Whether the origin may wait until what is asked for is there (RFC 8216bis §6.2.5.2)."""
    return "_HLS_msn=" in target


def fill_limit_s(target: str, settings: CacheSettings) -> float:
    """How long a fill may take: a blocking reload waits on purpose."""
    return settings.blocking_timeout_s if is_blocking(target) else settings.fill_timeout_s


def names_of_loop(field: str) -> list[str]:
    """The caches that a CDN-Loop field names, without their parameters."""
    return [each.partition(";")[0].strip() for each in field.split(",")] if field else []
