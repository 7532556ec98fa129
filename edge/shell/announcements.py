"""What is announced to be watched: told as durable events, kept until it is over, and due at one time on all nodes."""

import difflib
import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from edge.cache.keys import BadTargetError, normal_path
from edge.decide.schedule import LATE_S, Announced, announced, cluster_ahead_s, read
from edge.model import ConfigError, Durable
from edge.shell.events import TTL_MAX_S, EventActor
from edge.state.view import ClusterView

log = logging.getLogger(__name__)

ANNOUNCED_MAX = 1024
_AHEAD_MAX_S = TTL_MAX_S - LATE_S
_FIELDS = ("path", "at", "zone", "cancel")
_EXAMPLE = "write e.g. /live/main.m3u8;at=2026-11-21T14:00:00Z"


class Announcements:
    """Those of one node.

    Args:
        view: the cluster.
        events: tells and hears.
        entries: of the setting `prewarm.events`.

    Raises:
        ConfigError: an entry cannot be read.
    """

    def __init__(self, view: Callable[[], ClusterView], events: EventActor, entries: tuple[str, ...]) -> None:
        self._view = view
        self._events = events
        made = [_configured(entry, f"prewarm.events[{index}]") for index, entry in enumerate(entries)]
        self._held = {one.key: one for one in made}
        self._done: dict[str, int | None] = {}  # by key: the time of what was begun
        self.dropped = 0  # for want of room
        self.on_news: Callable[[], None] = lambda: None  # called when one was heard of
        self.wall: Callable[[], float] = time.time  # this node's clock, as its peers measure it
        events.on_schedule = self._heard

    def order(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Announce a path: `path`, perhaps `at` (seconds since 1970) and `zone`; `cancel` withdraws it.

        Raises:
            ConfigError: what is wrong with the request.
            Refusal: too much is being told already.
        """
        if unknown := [key for key in asked if key not in _FIELDS]:
            raise ConfigError(
                "prewarm", f"{', '.join(unknown)}: no such field", f"known are {', '.join(_FIELDS)}"
            )
        now, zone, cancel = self._wall_ms() / 1000, asked.get("zone", ""), asked.get("cancel", False)
        path = asked.get("path", "")
        if not isinstance(path, str) or not isinstance(zone, str) or not isinstance(cancel, bool):
            raise ConfigError(
                "prewarm", "has a value of the wrong type", "path and zone are texts, cancel true or false"
            )
        at = asked.get("at", now)
        known = isinstance(at, int | float) and not isinstance(at, bool)
        if not known or not -LATE_S <= at - now <= _AHEAD_MAX_S:
            hint = f"seconds since 1970, at most {_AHEAD_MAX_S // 86_400} days ahead"
            raise ConfigError("at", f"{at!r} does not fit", hint)
        path = _normal(path, "path", "write an absolute one, e.g. /live/main.m3u8")
        made = announced(path, zone, None if cancel else int(1000 * at))
        self._check_known(zone)
        told = self._events.schedule(made.key, made.body, int(max(0, at - now)) + LATE_S)
        return told | {"path": path, "zone": zone, "at": None if cancel else at}

    def due(self) -> list[str]:
        """The paths that this node is to fetch from now on; each is told once."""
        wall_ms, view, found = self._wall_ms(), self._view(), []
        me = view.node(view.self_name)
        for key, one in list(self._held.items()):
            if one.is_over(wall_ms):
                del self._held[key]
                self._done.pop(key, None)
            elif self._waits(one) and (one.at_ms or 0) <= wall_ms:
                self._done[key] = one.at_ms
                if not one.zone or (me and me.member.zone == one.zone):
                    log.info("prewarming %s, as %s announced", one.path, one.by or "the settings")
                    found.append(one.path)
        return found

    def next_s(self) -> float | None:
        """Seconds until the next one is due; none where none is announced."""
        wall_ms = self._wall_ms()
        waits = [max(0, (one.at_ms or 0) - wall_ms) for one in self._held.values() if self._waits(one)]
        return min(waits) / 1000 if waits else None

    def told(self) -> list[dict[str, Any]]:
        """All of them, for people, the earliest first."""
        return [
            {
                "path": one.path,
                "zone": one.zone,
                "at": (one.at_ms or 0) / 1000,
                "by": one.by,
                "begun": not self._waits(one),
            }
            for one in sorted(self._held.values(), key=lambda one: (one.at_ms or 0, one.key))
        ]

    def _waits(self, one: Announced) -> bool:
        return self._done.get(one.key) != one.at_ms

    def _wall_ms(self) -> int:
        """The cluster's time: all nodes begin together, though one clock be wrong."""
        return int(1000 * (self.wall() + cluster_ahead_s(self._view())))

    def _heard(self, event: Durable) -> None:
        """A newer one takes the place of an older one of the same path and zone."""
        made = read(event)
        if made is None:
            log.warning("schedule %s by %s is not understood: %s", event.key, event.origin, event.body)
        elif made.at_ms is None:
            self._held.pop(made.key, None)
            self._done.pop(made.key, None)
        elif made.key in self._held or len(self._held) < ANNOUNCED_MAX:
            self._held[made.key] = made
            self.on_news()
        else:
            self.dropped += 1

    def _check_known(self, zone: str) -> None:
        """A zone that no member is in is a slip of the pen."""
        known = sorted({one.member.zone for one in self._view().nodes})
        if zone and zone not in known:
            near = difflib.get_close_matches(zone, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "`edge members` lists them"
            raise ConfigError("zone", f"no member is in {zone}", hint)


def _configured(entry: str, where: str) -> Announced:
    """An entry of the settings: a path, and perhaps `;at=` and a time in the form of ISO 8601."""
    path, _, option = (part.strip() for part in entry.partition(";"))
    name, _, text = option.partition("=")
    try:
        moment = datetime.fromisoformat(text) if option else datetime.now().astimezone()
    except ValueError:
        raise ConfigError(where, f"{text!r} is no time", _EXAMPLE) from None
    if (option and name != "at") or moment.tzinfo is None:
        raise ConfigError(where, f"{option!r} is no time with its zone", _EXAMPLE)
    return announced(_normal(path, where, _EXAMPLE), "", int(1000 * moment.timestamp()))


def _normal(path: str, field: str, hint: str) -> str:
    try:
        return normal_path(path)
    except BadTargetError as error:
        raise ConfigError(field, f"{path!r}: {error}", hint) from None
