"""An `EventActor` and a `MonsoonRunner` over a node and a cache that are alone."""

import random
import time

from edge.cache.cache import EdgeCache
from edge.cache.settings import CacheSettings
from edge.cache.upstream import Upstream
from edge.config import MonsoonConfig
from edge.gossip import GossipNode
from edge.model import GossipEvent
from edge.shell.events import EventActor
from edge.shell.gate import Gate
from edge.shell.kube.platform import Kubernetes
from edge.shell.lag import LagMeter
from edge.shell.monsoon import MonsoonParts, MonsoonRunner
from edge.shell.peers import Placed
from edge.state.traffic import Traffic
from gossip.test_node import Bench


def event_actor(bench: Bench | None = None) -> EventActor:
    """With nobody to tell."""
    return actor_of((bench or Bench()).node)


def actor_of(node: GossipNode) -> EventActor:
    """Over a cache of its own."""
    return EventActor(node, _cache(), time.monotonic, lambda: None)


def monsoon_runner(
    bench: Bench,
    events: EventActor,
    told: list[GossipEvent] | None = None,
    kubernetes: Kubernetes | None = None,
) -> MonsoonRunner:
    """Of a node that has no viewers; `told` collects its transitions."""
    cache = _cache()
    parts = MonsoonParts(
        node=bench.node,
        cache=cache,
        gate=Gate("pune", 100, cache, Traffic()),
        placed=Placed(bench.node.view),
        lag=LagMeter(),
        events=events,
        told=([] if told is None else told).append,
        kubernetes=kubernetes,
    )
    return MonsoonRunner(parts, MonsoonConfig())


def _cache() -> EdgeCache:
    settings = CacheSettings(origin="http://127.0.0.1:1")
    return EdgeCache("pune", settings, Upstream("pune", settings, random.Random(1)), time.monotonic)
