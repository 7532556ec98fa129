"""Levels of this process's loggers, changed while it runs, and always only for a while."""

import asyncio
import difflib
import logging
import time
from dataclasses import dataclass
from typing import Any

from edge.model import ConfigError
from edge.shell.logs import JsonFormatter

log = logging.getLogger(__name__)

LEVELS = ("debug", "info", "warning", "error")
OWN = "edge"  # above all loggers of this program; libraries' have names of their own
ROOT = "root"  # above all
FOR_S = 900
FOR_MAX_S = 86_400
_FIELDS = ("level", "logger", "for_s")


@dataclass(slots=True)
class _Change:
    level: str
    until: float  # seconds since 1970
    before: int  # level of the logger itself, 0: that of the one above
    timer: asyncio.TimerHandle


class LogLevels:
    """Changes levels, and puts back what was configured when the time is over."""

    def __init__(self) -> None:
        self._changes: dict[str, _Change] = {}  # by logger; only such as exist, so they are bounded

    def status(self) -> dict[str, Any]:
        """What is configured, and what is changed for how long."""
        root = logging.getLogger()
        changed = self._changes.get(ROOT)
        as_json = any(isinstance(one.formatter, JsonFormatter) for one in root.handlers)
        return {
            "configured": _name(changed.before if changed else root.level),
            "format": "json" if as_json else "console",
            "changed": [
                {"logger": name, "level": one.level, "until": one.until}
                for name, one in sorted(self._changes.items())
            ],
        }

    def change(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Set a `level` of a `logger` `for_s` seconds.

        Where the level is null, what is configured counts again at once: for all, if no logger is named.

        Raises:
            ConfigError: what is wrong with the request.
        """
        if unknown := [key for key in asked if key not in _FIELDS]:
            raise ConfigError(
                "log", f"{', '.join(unknown)}: no such field", f"known are {', '.join(_FIELDS)}"
            )
        level, for_s = asked.get("level"), asked.get("for_s", FOR_S)
        if "level" not in asked or not (level is None or level in LEVELS):
            raise ConfigError(
                "level",
                f"{level!r} does not fit",
                f"write {', '.join(LEVELS)}, or null for what is configured",
            )
        if not isinstance(for_s, int) or isinstance(for_s, bool) or not 1 <= for_s <= FOR_MAX_S:
            raise ConfigError(
                "for_s", f"{for_s!r} does not fit", f"write whole seconds from 1 to {FOR_MAX_S}"
            )
        name = _known(asked.get("logger", OWN))
        if level is not None:
            self._set(name, level, for_s)
        elif "logger" in asked:
            self._put_back(name)
        else:
            self.close()
        return self.status()

    def close(self) -> None:
        """Put all levels back."""
        for name in list(self._changes):
            self._put_back(name)

    def _set(self, name: str, level: str, for_s: int) -> None:
        logger, older = logging.getLogger(name), self._changes.pop(name, None)
        if older:
            older.timer.cancel()
        log.warning("%s logs at %s for %d s, as asked at the admin port", name, level, for_s)
        timer = asyncio.get_running_loop().call_later(for_s, self._put_back, name)
        before = older.before if older else logger.level
        self._changes[name] = _Change(level, time.time() + for_s, before, timer)
        logger.setLevel(level.upper())

    def _put_back(self, name: str) -> None:
        if change := self._changes.pop(name, None):
            change.timer.cancel()
            logging.getLogger(name).setLevel(change.before)
            log.warning("%s logs as configured again", name)


def _name(level: int) -> str:
    return logging.getLevelName(level).lower()


def _known(name: object) -> str:
    """A name that no logger bears is a slip of the pen; and each new one would stay for ever."""
    names = sorted({ROOT, *logging.root.manager.loggerDict})
    if isinstance(name, str) and name in names:
        return name
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.8)
    hint = f"did you mean {near[0]}?" if near else f"{OWN} is all of this program, {ROOT} libraries too"
    raise ConfigError("logger", f"there is no {name}", hint)
