"""Tells the others what this node carries: its load and hottest segments, when they change."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.cache.backend import Backend
from edge.cache.cache import EdgeCache
from edge.gossip import GossipNode
from edge.shell.audience import Audience
from edge.shell.lag import LagMeter
from edge.shell.monsoon import MonsoonRunner
from edge.state.traffic import Traffic, Vitals

PUBLISH_EVERY_S = 0.1  # how often the own load is looked at; it is told when it changed


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishingParts:
    """What is told of, and who tells it."""

    node: GossipNode
    traffic: Traffic
    lag: LagMeter
    cache: EdgeCache
    backend: Backend
    monsoon: MonsoonRunner
    audience: Audience
    pump: Callable[[], None]


class Publishing:
    """Publishes one node's load.

    Args:
        parts: its sources.
        capacity: viewers that the node is made for.
    """

    def __init__(self, parts: PublishingParts, capacity: int) -> None:
        self._parts = parts
        self._capacity = capacity
        self.draining = False  # others are told to send nobody

    async def run(self) -> None:
        """Tell until cancelled."""
        while True:
            self.tell()
            await asyncio.sleep(PUBLISH_EVERY_S)

    def tell(self) -> None:
        """Tell how it is now."""
        parts, now = self._parts, time.monotonic()
        lag_s = parts.lag.lag_s
        vitals = Vitals(
            capacity=self._capacity,
            lag_s=lag_s,
            fill_failures=1.0 if parts.cache.recent_failure else 0.0,
            draining=self.draining
            or bool(parts.backend.trouble),  # others send nobody to a nginx that is away
            level=parts.monsoon.level,
        )
        load = parts.audience.fitted(parts.traffic.load(vitals, now), lag_s)
        parts.node.update_load(load, now)
        parts.node.set_popularity(parts.traffic.top(now), now)
        parts.pump()
