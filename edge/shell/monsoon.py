"""Runs monsoon mode on one node: gathers the signals, lets the machine decide, and acts on what it decides.

A transition changes what cache and admission do, rides with the own load as its level, and is told: as an event of the
node, which is a log line too, as a metric, and on Kubernetes as an Event on the pod.
"""

import asyncio
import difflib
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from edge.cache.cache import EdgeCache
from edge.cache.settings import Leniency
from edge.config import MonsoonConfig
from edge.decide.measures import Measures, measures_of
from edge.decide.monsoon import Mode, Monsoon, Transition
from edge.decide.override import Override, active, named, read
from edge.decide.signals import Local, Signals, observe, zone_levels
from edge.gossip import GossipNode
from edge.model import ConfigError, Durable, GossipEvent
from edge.shell.events import TTL_MAX_S, EventActor
from edge.shell.gate import Gate
from edge.shell.kube.events import EventType
from edge.shell.kube.platform import Kubernetes
from edge.shell.lag import LagMeter
from edge.shell.originhealth import OriginHealth
from edge.shell.peers import Placed

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
HISTORY = 256  # transitions that are remembered
FOR_S = 600  # an override lasts this long unless it is said how long
_WITHDRAWN_S = 60  # a withdrawal is told at least this long, so that all hear of it
_PATIENCE_S = 0.3  # for the origin, where something stale will do
_KUBERNETES: dict[Mode, tuple[str, EventType]] = {  # reason and type of the Event on the pod
    Mode.CLEAR: ("MonsoonClear", "Normal"),
    Mode.WATCH: ("MonsoonWatch", "Normal"),
    Mode.MONSOON: ("Monsoon", "Warning"),
    Mode.RECOVERING: ("MonsoonRecovering", "Normal"),
}
_FIELDS = ("scope", "name", "level", "for_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class MonsoonParts:
    """What is looked at and acted on."""

    node: GossipNode
    cache: EdgeCache
    gate: Gate
    placed: Placed
    lag: LagMeter
    events: EventActor
    told: Callable[[GossipEvent], None]  # hears of each transition
    kubernetes: Kubernetes | None = None


class MonsoonRunner:
    """Monsoon mode of one node.

    Args:
        parts: the node's.
        config: thresholds, dwell and measures.
    """

    def __init__(self, parts: MonsoonParts, config: MonsoonConfig) -> None:
        self._parts = parts
        self._config = config
        self._machine = Monsoon(config)
        self.gate = parts.gate
        self._origin = OriginHealth(parts.cache)
        self._overrides: dict[str, Override] = {}  # by key; bounded by the log of durable events
        self._forced: Override | None = None
        self._signals = Signals()
        self._since = time.time()
        self._history: deque[dict[str, Any]] = deque(maxlen=HISTORY)
        self.transitions = dict.fromkeys(Mode, 0)  # by the mode that they led to
        self.measures = Measures()
        parts.events.on_override = self._on_override

    @property
    def level(self) -> int:
        """Of degradation, 0–4."""
        return self._machine.state.level

    @property
    def mode(self) -> Mode:
        """How this node stands."""
        return self._machine.state.mode

    async def run(self) -> None:
        """Look about twice a second until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Gather the signals of this moment, and act on what follows."""
        parts, now, wall_ms = self._parts, time.monotonic(), _wall_ms()
        for key in [one.key for one in self._overrides.values() if not one.counts(wall_ms)]:
            del self._overrides[key]
        member = parts.node.member
        self._forced = active(self._overrides.values(), member.name, member.zone, wall_ms)
        local = Local(self._origin.failing(now), parts.lag.lag_s, self._forced, parts.node.answered(now))
        self._signals = observe(parts.node.view(), local)
        if change := self._machine.update(self._signals, now):
            self._act(change)

    def override(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Accept an override: `scope`, `name` but for the cluster, `level` (null withdraws it), perhaps `for_s`.

        Raises:
            ConfigError: what is wrong with the request.
            Refusal: too much is being told already.
        """
        level, for_s = asked.get("level"), asked.get("for_s", FOR_S)
        if unknown := [key for key in asked if key not in _FIELDS]:
            raise ConfigError(
                "monsoon", f"{', '.join(unknown)}: no such field", f"known are {', '.join(_FIELDS)}"
            )
        if "level" not in asked or not (level is None or _is_whole(level)):
            raise ConfigError(
                "level", f"{level!r} does not fit", "write 0 to 4, or null to withdraw an override"
            )
        if not _is_whole(for_s) or not 1 <= for_s <= TTL_MAX_S:
            raise ConfigError(
                "for_s", f"{for_s!r} does not fit", f"write whole seconds from 1 to {TTL_MAX_S}"
            )
        scope, name = asked.get("scope", "cluster"), asked.get("name", "")
        if not isinstance(scope, str) or not isinstance(name, str):
            raise ConfigError("scope", "or name is no text", "write e.g. zone and mumbai")
        made = named(scope, name, level, _wall_ms() + 1000 * for_s)
        self._check_known(made)
        told = self._parts.events.override(made.key, made.body, _WITHDRAWN_S if level is None else for_s)
        return told | {"about": made.about, "level": level, "until": made.until_ms / 1000}

    def status(self) -> dict[str, Any]:
        """Everything about it, for people and pages; the transitions oldest first."""
        machine, view = self._machine, self._parts.node.view()
        signals = asdict(self._signals) | {"side": self._signals.side.value}
        del signals["override"]
        return {
            "self": view.self_name,
            "mode": machine.state.mode.value,
            "level": machine.state.level,
            "since": self._since,
            "reason": machine.reason,
            "automatic": {"mode": machine.automatic.mode.value, "level": machine.automatic.level},
            "override": self._forced.key if self._forced else None,
            "signals": {name: _short(value) for name, value in signals.items()},
            "measures": asdict(self.measures),
            "zones": [asdict(one) for one in zone_levels(view)],
            "overrides": [_told(self._overrides[key]) for key in sorted(self._overrides)],
            "transitions": list(self._history),
        }

    def _act(self, change: Transition) -> None:
        parts, (mode, level) = self._parts, change.after
        self._since = time.time()
        self.measures = parts.gate.measures = measures = measures_of(level, self._config)
        parts.node.backup.wide = measures.backup_channel
        parts.placed.outside = measures.cross_zone_fills
        parts.cache.leniency = Leniency(
            ttl_factor=measures.ttl_factor,
            popular_factor=measures.popular_factor,
            stale_s=measures.stale_s,
            patience_s=_PATIENCE_S if measures.stale_s else Leniency().patience_s,
        )
        self.transitions[mode] += 1
        self._history.append(
            {
                "id": sum(self.transitions.values()),
                "time": self._since,
                "from": change.before.mode.value,
                "to": mode.value,
                "level_before": change.before.level,
                "level": level,
                "reason": change.reason,
            }
        )
        parts.told(GossipEvent("monsoon", parts.node.member.name, change.text, change.at))
        if parts.kubernetes:
            reason, kind = _KUBERNETES[mode]
            parts.kubernetes.write(reason, change.text, kind)

    def _on_override(self, event: Durable) -> None:
        """A newer word of an operator on the same key takes the place of the older one, and counts at once."""
        made = read(event)
        if made is None:
            log.warning("override %s by %s is not understood: %s", event.key, event.origin, event.body)
            return
        self._overrides[made.key] = made
        self.look()

    def _check_known(self, made: Override) -> None:
        """A name that no member bears is a slip of the pen."""
        members = [one.member for one in self._parts.node.view().nodes]
        known = {one.name if made.scope == "node" else one.zone for one in members}
        if made.scope == "cluster" or made.name in known:
            return
        near = difflib.get_close_matches(made.name, sorted(known), n=1)
        hint = f"did you mean {near[0]}?" if near else "`edge members` lists them"
        raise ConfigError(
            "name", f"no member is {'called' if made.scope == 'node' else 'in'} {made.name}", hint
        )


def _told(one: Override) -> dict[str, Any]:
    return {
        "key": one.key,
        "about": one.about,
        "level": one.level,
        "until": one.until_ms / 1000,
        "by": one.by,
    }


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _short(value: object) -> object:
    return round(value, 4) if isinstance(value, float) else value


def _wall_ms() -> int:
    return int(time.time() * 1000)
