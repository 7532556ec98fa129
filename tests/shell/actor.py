"""Parts of the admin port over a node and a cache that are alone, and a `Warden`."""

import random
import tempfile
import time
from typing import Any

from edge.cache.cache import EdgeCache
from edge.cache.settings import CacheSettings
from edge.cache.upstream import Upstream
from edge.config import AdminConfig, Config, MonsoonConfig, NodeConfig, ScheduleConfig
from edge.decide.measures import Measures
from edge.decide.popularity import Popularity
from edge.gossip import GossipNode
from edge.model import GossipEvent
from edge.shell.events import EventActor
from edge.shell.gate import Gate
from edge.shell.keykeeper import KeyKeeper
from edge.shell.kube.platform import Kubernetes
from edge.shell.lag import LagMeter
from edge.shell.monsoon import MonsoonParts, MonsoonRunner
from edge.shell.peers import Placed
from edge.shell.prewarm import Prewarmer, PrewarmParts
from edge.shell.schedule import Schedule, ScheduleParts
from edge.shell.schedule_desk import ScheduleDesk
from edge.shell.warden import Warden
from edge.state.traffic import Traffic
from gossip.test_node import Bench


def warden(token: str = "", **settings: Any) -> Warden:
    """Of an admin port with a token, or without."""
    with tempfile.NamedTemporaryFile("w", suffix=".token") as file:
        file.write(token)
        file.flush()
        return Warden(AdminConfig(token_file=file.name if token else "", **settings))


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


def prewarmer(bench: Bench, events: EventActor) -> Prewarmer:
    """Of a node that has no viewers."""
    cache = _cache()
    parts = PrewarmParts(
        view=bench.node.view,
        popularity=Popularity(bench.node.view),
        cache=cache,
        backend=cache,
        placed=Placed(bench.node.view),
        traffic=Traffic(),
        measures=Measures,
        events=events,
    )
    return Prewarmer(parts, Config(node=NodeConfig(name="pune")))


def schedule_desk(
    bench: Bench, events: EventActor, told: list[GossipEvent] | None = None, **settings: float
) -> ScheduleDesk:
    """Of a node that is alone; `told` collects what it says."""
    parts = ScheduleParts(
        view=bench.node.view,
        events=events,
        wall=time.time,
        hasten=lambda: bench.node.hasten(1.0),
        told=([] if told is None else told).append,
    )
    config = ScheduleConfig(**settings)  # type: ignore[arg-type]  # whole numbers, where it wants them
    return ScheduleDesk(Schedule(parts, config), events, bench.node.view)


def key_keeper(bench: Bench, events: EventActor) -> KeyKeeper:
    """Of a node without a keys file."""
    return KeyKeeper(bench.node, Config(node=NodeConfig(name="pune")), events, lambda _event: None)


def _cache() -> EdgeCache:
    settings = CacheSettings(origin="http://127.0.0.1:1")
    return EdgeCache("pune", settings, Upstream("pune", settings, random.Random(1)), time.monotonic)
