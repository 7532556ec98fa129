"""Quality on one node: hears what players say, tells its sums to the others, and holds the caps that all agree on.

Players speak with every request; at most `SAMPLES_PER_S` of them are read, evenly, whatever the traffic.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiohttp import web

from edge.cache.cmcd import FIELDS, RAW_MAX, Cmcd, in_query, of_query, parse
from edge.config import QualityConfig
from edge.decide.quality import CapPolicy, Caps, Place, Seen
from edge.gossip import GossipNode
from edge.model import ConfigError, GossipEvent
from edge.shell.gate import Gate
from edge.state.quality import QualityMeter, Sample

log = logging.getLogger(__name__)

EVERY_S = 1.0
SAMPLES_PER_S = 200
_MEDIA = frozenset(("v", "av", "m", "i", ""))  # kinds of object that tell of the picture; "": not told


class Where(NamedTuple):
    """Where a viewer is, as far as quality is told apart."""

    zone: str = ""
    isp: str = ""


class Strides:
    """Takes every n-th of many, so that about `per_s` are taken a second; n follows the second before."""

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s
        self._second = 0
        self._seen = 0
        self.stride = 1

    def takes(self, now: float) -> bool:
        """Whether the next one is to be taken."""
        if (second := int(now)) != self._second:
            self.stride = max(1, -(-self._seen // self._per_s))
            self._second, self._seen = second, 0
        self._seen += 1
        return self._seen % self.stride == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityParts:
    """What of the node quality works with."""

    node: GossipNode
    gate: Gate
    own: Where  # of this node
    told: Callable[[GossipEvent], None]  # hears of each cap


class QualityRunner:
    """Quality of one node.

    Args:
        parts: the node's.
        config: thresholds and ladder.

    Raises:
        ConfigError: the thresholds or the ladder contradict themselves.
    """

    def __init__(self, parts: QualityParts, config: QualityConfig) -> None:
        _check(config)
        self._parts = parts
        self._config = config
        policy = CapPolicy(
            ladder_kbps=config.ladder_kbps,
            stalls_high=config.stalls_high,
            stalls_low=config.stalls_low,
            hold_s=config.hold_s,
        )
        self.caps = Caps(policy)
        self.meter = QualityMeter(config.sessions_min)
        self._strides = Strides(SAMPLES_PER_S)
        self.changes = 0  # of caps

    def heard(self, request: web.BaseRequest, where: Callable[[web.BaseRequest], Where]) -> None:
        """A viewer's request was answered that says something of the player; it is counted."""
        now = time.monotonic()
        if not (self._config.enabled and self._strides.takes(now)):
            return
        raw, headers = in_query(request.rel_url.raw_query_string), request.headers
        told = of_query(raw) if raw else parse(_joined([headers.get(one, "") for one in FIELDS]))
        self._count(told, where(request), now)

    def heard_line(self, query: str, fields: tuple[str, ...], where: Where) -> None:
        """The same for a line of a log; `fields` are as `edge.cache.cmcd.FIELDS`, empty where not there."""
        now = time.monotonic()
        if self._config.enabled and (query or any(fields)) and self._strides.takes(now):
            self._count(of_query(query) if query else parse(_joined(fields)), where, now)

    def cap_kbps(self, where: Where) -> int | None:
        """The cap for a viewer at a place, kilobits a second; None: any bitrate."""
        return self.caps.cap(*where)

    async def run(self) -> None:
        """Look once a second until cancelled."""
        while True:
            self.look(time.monotonic())
            await asyncio.sleep(EVERY_S)

    def look(self, now: float) -> None:
        """Propose caps for the places of this node's viewers, tell of them, and hold what all agree on."""
        if not self._config.enabled:
            return
        parts, caps = self._parts, self.caps
        parts.node.set_quality(caps.proposed(self.meter.told(now), parts.node.view(), now), now)
        for place, kbps, reason in caps.settle(parts.node.view(), now):
            self.changes += 1
            spot = f"zone {place[0] or '-'}" + (f", isp {place[1]}" if place[1] else "")
            what = "bitrate is free again" if kbps is None else f"bitrate capped at {kbps} kb/s"
            parts.told(GossipEvent("quality", parts.node.member.name, f"{spot}: {what}: {reason}", now))
        parts.gate.quality_kbps = caps.cap(parts.own.zone, "")

    def status(self) -> dict[str, Any]:
        """All places, for people and pages."""
        places = [self._place(place, found) for place, found in self.caps.seen.items()]
        return {"self": self._parts.node.member.name, "places": places, "samples": self.meter.samples}

    def _place(self, place: Place, found: Seen) -> dict[str, Any]:
        agreed, standing = self.caps.agreed.get(place), self.caps.standing.get(place)
        return {
            "zone": place[0],
            "isp": place[1],
            "sessions": found.sessions,
            "kbps": round(found.kbps),
            "reach_kbps": round(found.reach_kbps),
            "stalls": round(found.stalls, 4),
            "cap_kbps": agreed.kbps if agreed else None,
            "votes": agreed.votes if agreed else 0,
            "nodes": agreed.nodes if agreed else 0,
            "proposed_kbps": (standing.cap_kbps or None) if standing else None,
            "reason": standing.reason if standing else "",
        }

    def _count(self, told: Cmcd, where: Where, now: float) -> None:
        if told.ot in _MEDIA and (told.br or told.mtp or told.bs or told.sid):
            self.meter.add(*where, Sample(told.sid, told.br, told.mtp, told.bs), now)


def _joined(fields: Iterable[str]) -> str:
    return ",".join([one for one in fields if one])[:RAW_MAX]


def _check(config: QualityConfig) -> None:
    """What bounds of single settings cannot say."""
    if list(config.ladder_kbps) != sorted(set(config.ladder_kbps)):
        raise ConfigError("quality.ladder_kbps", "is not in order", "write the lowest rung first, each once")
    if config.stalls_low >= config.stalls_high:
        raise ConfigError(
            "quality.stalls_low", "is not below quality.stalls_high", "write e.g. 0.01 and 0.03"
        )
