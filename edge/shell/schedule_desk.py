"""What an operator asks of the schedule: to add an event, to remove one, and whether there is room for all."""

import difflib
from collections.abc import Callable
from typing import Any

from edge.cache.keys import BadTargetError, normal_path
from edge.decide import demand
from edge.decide.demand import Verdict
from edge.decide.schedule import LATE_S, cluster_ahead_s
from edge.decide.scheduled import DURATION_S, GROWTH_OF_PEAK, Scheduled, scheduled
from edge.model import ConfigError
from edge.shell.events import TTL_MAX_S, EventActor
from edge.shell.schedule import SCHEDULED_MAX, Schedule
from edge.state.view import ClusterView

_FIELDS = ("name", "at", "expected_peak", "growth_per_minute", "duration_s", "paths", "zones")
_EXAMPLE = '{"name": "final", "at": 1795282193, "expected_peak": 25000000, "paths": ["/live/main.m3u8"]}'


class ScheduleDesk:
    """Takes orders, and tells.

    Args:
        schedule: of this node.
        events: tells the others.
        view: the cluster as this node holds it.
    """

    def __init__(self, schedule: Schedule, events: EventActor, view: Callable[[], ClusterView]) -> None:
        self.schedule = schedule
        self._events = events
        self._view = view

    def add(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Schedule an event, or change it.

        Raises:
            ConfigError: what is wrong with the request.
            Refusal: too much is being told already.
        """
        made = _asked(asked)
        self._check_zones(made)
        now_s = self.schedule.wall_ms() / 1000
        ends_s = made.ends_ms / 1000
        if ends_s <= now_s:
            raise ConfigError("at", "is so long ago that it is over", "write when it begins, e.g. +2h")
        ttl_s = int(ends_s - now_s) + LATE_S
        if ttl_s > TTL_MAX_S:
            days = (TTL_MAX_S - LATE_S) / 86_400
            raise ConfigError("at", "is too far ahead", f"an event ends within {days:.2f} days from now")
        names = [one.name for one in self.schedule.events]
        if made.name not in names and self.schedule.full:
            raise ConfigError("name", f"there are {SCHEDULED_MAX} events", "remove one that is not needed")
        told = self._events.schedule(made.key, made.body, ttl_s)
        return told | self._told(made) | self._verdicts(made)

    def remove(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Withdraw an event by its name.

        Raises:
            ConfigError: there is none of this name.
            Refusal: too much is being told already.
        """
        name, names = str(asked.get("name", "")), [one.name for one in self.schedule.events]
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else "`edge schedule list` lists them"
            raise ConfigError("name", f"no event is called {name!r}", hint)
        made = Scheduled(name, None)
        return self._events.schedule(made.key, made.body, LATE_S) | {"name": name, "at": None}

    def status(self) -> dict[str, Any]:
        """What is scheduled, and whether there is room for it, for people."""
        view, room = self._view(), self.schedule.room()
        reached = {one["key"]: one["reached"] for one in self._events.all()}
        return {
            "self": view.self_name,
            "clock_ahead_s": round(cluster_ahead_s(view), 4),
            "nodes": room.nodes,
            "capacity": room.streams,
            "safe_capacity": room.safe,
            "safe_load": self.schedule.config.safe_load,
            "scale_up_minutes": self.schedule.config.scale_up_minutes,
            "events": [
                self._told(one) | self._verdicts(one) | {"reached": reached.get(one.key, [])}
                for one in self.schedule.events
            ],
        }

    def _told(self, event: Scheduled) -> dict[str, Any]:
        wall_ms = self.schedule.wall_ms()
        return {
            "name": event.name,
            "at": (event.at_ms or 0) / 1000,
            "in_s": round(event.seconds_until(wall_ms), 3),
            "phase": event.phase(wall_ms, self.schedule.lead_s).value,
            "expected_peak": event.peak,
            "growth_per_minute": event.growth_per_minute,
            "duration_s": event.duration_s,
            "paths": list(event.paths),
            "by": event.by or self._view().self_name,
        }

    def _verdicts(self, event: Scheduled) -> dict[str, Any]:
        """Whether there is room for an event and all that are on at a time with it."""
        room, config = self.schedule.room(), self.schedule.config
        beside = [
            one
            for one in self.schedule.events
            if one.name != event.name
            and (one.at_ms or 0) < event.ends_ms
            and (event.at_ms or 0) < one.ends_ms
        ]
        together = [event, *beside]
        whole = demand.verdict(sum(self.schedule.needed(one) for one in together), room, config.safe_load)
        zones = demand.by_zone(together, room, config.scale_up_minutes, config.safe_load)
        return {
            "needed": self.schedule.needed(event),
            "beside": [one.name for one in beside],
            "verdict": _as_json(whole),
            "zones": {
                zone: _as_json(one) | {"share": round(demand.shares(event, room).get(zone, 0.0), 4)}
                for zone, one in zones.items()
                if event.zones
            },
        }

    def _check_zones(self, made: Scheduled) -> None:
        """A zone that no member is in is a slip of the pen."""
        known = sorted({one.member.zone for one in self._view().nodes if one.member.zone})
        for zone in made.zones:
            if zone not in known:
                near = difflib.get_close_matches(zone, known, n=1)
                hint = f"did you mean {near[0]}?" if near else "`edge members` lists them"
                raise ConfigError("zones", f"no member is in {zone}", hint)


def _asked(asked: dict[str, Any]) -> Scheduled:
    """The fields of a request.

    Raises:
        ConfigError: one cannot be used.
    """
    if unknown := [key for key in asked if key not in _FIELDS]:
        raise ConfigError("event", f"{', '.join(unknown)}: no such field", f"write e.g. {_EXAMPLE}")
    at, peak = _number(asked, "at", None), _number(asked, "expected_peak", None)
    growth = _number(asked, "growth_per_minute", GROWTH_OF_PEAK * peak)
    paths, zones = asked.get("paths", []), asked.get("zones", {})
    name = asked.get("name", "")
    if not isinstance(paths, list) or not isinstance(zones, dict) or not isinstance(name, str):
        problem = "name is a text, paths are a list, zones an object"
        raise ConfigError("event", problem, f"write e.g. {_EXAMPLE}")
    shares = {str(zone): _number(zones, zone, None) for zone in zones}
    made = Scheduled(
        name=name,
        at_ms=int(1000 * at),
        peak=int(peak),
        growth_per_minute=int(growth),
        duration_s=int(_number(asked, "duration_s", DURATION_S)),
        paths=tuple(_normal(path) for path in paths),
        zones=shares,
    )
    return scheduled(made)


def _number(asked: dict[str, Any], name: str, default: float | None) -> float:
    found = asked.get(name, default)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < 2**53:
        raise ConfigError(name, f"{found!r} is no number", f"write e.g. {_EXAMPLE}")
    return found


def _normal(path: Any) -> str:
    try:
        if not isinstance(path, str):
            raise BadTargetError(400, "a path is a text")
        return normal_path(path)
    except BadTargetError as error:
        raise ConfigError(
            "paths", f"{path!r}: {error}", "write absolute ones, e.g. /live/main.m3u8"
        ) from None


def _as_json(verdict: Verdict) -> dict[str, Any]:
    return {
        "needed": verdict.needed,
        "safe": verdict.safe,
        "short": verdict.short,
        "add_nodes": verdict.add,
        "text": verdict.text,
    }
