"""Joins the cache with where it fills from: origins, other nodes, and how these are verified."""

import random
import time
from dataclasses import dataclass

from edge.cache.cache import EdgeCache
from edge.cache.peers import PeerFills
from edge.cache.settings import CacheSettings
from edge.cache.upstream import PeerTls, Upstream
from edge.config import Config
from edge.config.origins import origin_servers
from edge.decide.origins import Origins
from edge.shell.peers import Peers, Placed
from edge.shell.tracing.hooks import Untraced


@dataclass(frozen=True, slots=True)
class Filling:
    """The cache of a node, and its origins."""

    cache: EdgeCache
    origins: Origins


@dataclass(frozen=True, slots=True)
class Ways:
    """How fills find their way."""

    peers: Peers  # makes requests known to other nodes
    placed: Placed  # whom to ask for what
    peer_tls: PeerTls  # how other nodes are verified
    tracing: Untraced  # follows them


def filling(config: Config, rng: random.Random, ways: Ways) -> Filling:
    """The cache as the settings want it.

    Args:
        config: the node's settings.
        rng: jitter.
        ways: to the other nodes.
    """
    settings = CacheSettings(
        origin=config.cache.origin,
        origins=origin_servers(config.cache.origin, config.cache.origins),
        origin_rules=config.origin,
        memory_bytes=config.cache.memory_bytes,
        object_max_bytes=config.cache.object_max_bytes,
        fill_timeout_s=config.cache.fill_timeout_s,
        hold_max_s=config.cache.hold_max_s,
        holds_max=config.cache.holds_max,
        disk_path=config.cache.disk_path,
        disk_max_bytes=config.cache.disk_max_bytes,
        disk_objects_max=config.cache.disk_objects_max,
    )
    name = config.node.name
    upstream = Upstream(name, settings, rng, time.monotonic, ways.peer_tls)
    tracing, upstream.watches = ways.tracing, ways.tracing.watches()
    if not config.cache.peer_fill:
        return Filling(tracing.cache(name, settings, tracing.fills(upstream)), upstream.origins)
    fills = PeerFills(upstream, settings, ways.placed, ways.peers.stamp)
    cache = tracing.cache(name, settings, tracing.fills(fills))
    fills.attach(cache, time.monotonic)
    return Filling(cache, upstream.origins)
