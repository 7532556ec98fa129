"""An `EventActor` over a node and a cache that are alone."""

import random
import time

from edge.cache.cache import EdgeCache
from edge.cache.settings import CacheSettings
from edge.cache.upstream import Upstream
from edge.shell.events import EventActor
from gossip.test_node import Bench


def event_actor(bench: Bench | None = None) -> EventActor:
    """With nobody to tell."""
    settings = CacheSettings(origin="http://127.0.0.1:1")
    cache = EdgeCache("pune", settings, Upstream("pune", settings, random.Random(1)), time.monotonic)
    return EventActor((bench or Bench()).node, cache, time.monotonic, lambda: None)
