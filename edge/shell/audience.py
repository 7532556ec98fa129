"""What a node does about its audience as a whole: how much of it fits, who is let in, and what it may watch."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from msgspec.structs import replace

from edge.cache.cache import EdgeCache
from edge.cache.web import viewer_of
from edge.config import Config
from edge.decide.routing import Place, Router
from edge.decide.safeload import Limits, SafeLoad, safe_load
from edge.gossip import GossipNode
from edge.model import GossipEvent, Load
from edge.shell.gate import Gate
from edge.shell.locate import Locator
from edge.shell.quality import QualityParts, QualityRunner, Where
from edge.shell.sessions import SessionParts, Sessions
from edge.state.traffic import Traffic


@dataclass(frozen=True, slots=True)
class AudienceParts:
    """The node's parts."""

    node: GossipNode
    cache: EdgeCache
    traffic: Traffic
    gate: Gate
    locator: Locator  # knows where viewers are
    router: Router
    told: Callable[[GossipEvent], None]


class Audience:
    """Safe load, sessions and quality of one node.

    Args:
        parts: the node's.
        config: its settings.
        rng: spreads those who are refused over time.

    Raises:
        ConfigError: settings that contradict each other.
    """

    def __init__(self, parts: AudienceParts, config: Config, rng: random.Random) -> None:
        own = self._own = Where(config.node.zone, config.node.isp)
        self._gate, self._traffic = parts.gate, parts.traffic
        self._limits = Limits(
            streams=config.node.capacity, kbps=config.admission.kbps, lag_s=config.admission.lag_s
        )
        self.safe = SafeLoad(config.node.capacity, "streams")
        self._locator = parts.locator
        self.viewer_of: Callable[[web.BaseRequest], str] = viewer_of  # who asks
        quality = QualityParts(node=parts.node, gate=parts.gate, own=own, told=parts.told)
        self.quality = QualityRunner(quality, config.quality)
        sessions = SessionParts(
            gate=parts.gate,
            traffic=parts.traffic,
            router=parts.router,
            content=parts.cache.content,
            viewer_of=self.viewer,
            place_of=self.place,
            cap_kbps=self.quality.cap_kbps,
        )
        self.sessions = Sessions(sessions, config.admission, rng)
        parts.gate.is_known = self.sessions.ladders.knows

    def viewer(self, request: web.BaseRequest) -> str:
        """Who made a request."""
        return self.viewer_of(request)

    def place(self, request: web.BaseRequest) -> Where:
        """Where the viewer is who made a request; where this node is, as far as that is not known."""
        return self._at(self._locator.place(request))

    def _at(self, place: Place) -> Where:
        return Where(place.zone or self._own.zone, place.isp or self._own.isp)

    def fitted(self, load: Load, lag_s: float) -> Load:
        """The own load with the capacity that is safe at this moment, by which this node admits from now on."""
        self.safe = safe_load(load, lag_s, self._limits)
        self._gate.capacity = self.safe.capacity
        return replace(load, capacity=self.safe.capacity)

    def status(self) -> dict[str, Any]:
        """Quality by place, and this node's room, for people and pages."""
        room = {
            "viewers": self._traffic.watching(time.monotonic()),
            "capacity": self.safe.capacity,
            "binding": self.safe.binding,
            "refused": dict(self.sessions.refused),
            "sent_on": self.sessions.sent_on,
        }
        return self.quality.status() | {"room": room}

    def heard(self, request: web.BaseRequest) -> None:
        """A viewer's request was answered that says something of the player."""
        self.quality.heard(request, self.place)

    def heard_line(self, query: str, fields: tuple[str, ...], address: str) -> None:
        """nginx answered a viewer, as a line of its log says."""
        self.quality.heard_line(query, fields, self._at(self._locator.at(address)))
