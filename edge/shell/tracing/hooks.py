"""Where tracing takes hold of a node. While it is off, each part is the one that would be there without it."""

import random
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client.core import Metric

from edge.cache.backend import Purges
from edge.cache.cache import EdgeCache
from edge.cache.settings import CacheSettings
from edge.cache.upstream import Fills
from edge.config import Config, RoutingConfig
from edge.model import ConfigError
from edge.shell.public import PublicFace
from edge.shell.routes import Routes
from edge.state.view import ClusterView

if TYPE_CHECKING:
    from aiohttp import TraceConfig

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Untraced:
    """No tracing: hands on what it is given, so that it costs nothing."""

    def served(self, face: PublicFace) -> Handler:
        """What answers at the public port."""
        return face.handle

    def cache(self, name: str, settings: CacheSettings, fills: Fills) -> EdgeCache:
        """The cache of the node of this name."""
        return EdgeCache(name, settings, fills, time.monotonic)

    def fills(self, fills: Fills) -> Fills:
        """Where the cache fills from."""
        return fills

    def watches(self) -> list["TraceConfig"]:
        """What hears of each request to an origin or another node, and adds to its header."""
        return []

    def routes(self, view: Callable[[], ClusterView], config: RoutingConfig, rng: random.Random) -> Routes:
        """What answers viewers who ask where to go."""
        return Routes(view, config, rng)

    def purges(self, backend: Purges) -> Purges:
        """What purges act on."""
        return backend

    def metrics(self) -> Iterator[Metric]:
        """What it counts."""
        yield from ()

    async def close(self) -> None:
        """Send what waits, for a short while."""


def tracing_of(config: Config) -> Untraced:
    """What the settings want.

    Raises:
        ConfigError: tracing is wanted, and what it needs is not installed.
    """
    if not config.tracing.enabled:
        return Untraced()
    try:
        from edge.shell.tracing.traced import Traced  # noqa: PLC0415  # an extra, which may not be installed
    except ModuleNotFoundError as error:
        lacking = (error.name or "").partition(".")[0]
        hint = "pip install 'edge-coordinator[tracing]', or set it to false"
        raise ConfigError("tracing.enabled", f"is true, but {lacking} is not installed", hint) from None
    return Traced(config)
