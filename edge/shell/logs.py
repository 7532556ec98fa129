"""Log lines on standard error: for people, or one JSON object each."""

import logging
import sys
from datetime import UTC, datetime

import orjson
from aiohttp.http_exceptions import HttpProcessingError

from edge.config import LogConfig

_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and whatever `extra` brought."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage()
            .encode(errors="backslashreplace")
            .decode(),  # a path may be no UTF-8
            **{key: value for key, value in vars(record).items() if key not in _FIELDS},
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(entry, default=str).decode()


def worth_a_line(record: logging.LogRecord) -> bool:
    """Not what came to a port and is no HTTP: aiohttp answers 400, and would log a traceback for each."""
    error = record.exc_info[1] if record.exc_info else None
    return not (record.name == "aiohttp.server" and isinstance(error, HttpProcessingError))


def set_up(config: LogConfig) -> None:
    """Send all logging to standard error at the configured level."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(worth_a_line)
    if config.format == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=config.level.upper(), handlers=[handler], force=True)
