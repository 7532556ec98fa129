"""What was ordered at the admin port, by whom: a log line each, and the last ones for `GET /v1/audit`.

Of an order only those fields are told that its route lists: another may hold what is nobody's business.
"""

import logging
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

log = logging.getLogger("edge.audit")

KEPT = 1024
_TEXT_MAX = 200
_EVENT = ("kind", "key", "time", "origin")  # by which a durable event is known


class Order(NamedTuple):
    """One order, and what came of it."""

    who: str
    role: str
    address: str
    method: str
    path: str
    what: dict[str, Any]
    status: int
    event: dict[str, Any]  # that was made of it; empty for none


class Audit:
    """The orders of one node, oldest first."""

    def __init__(self) -> None:
        self._kept: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.count = 0  # orders so far

    def add(self, order: Order) -> None:
        """Log it and keep it."""
        told = order._asdict() | {"time": round(time.time(), 3)}
        self.count += 1
        self._kept.append(told)
        detail = orjson.dumps(order.what).decode() if order.what else ""
        log.info(
            "%s (%s, %s): %s %s %s: %d",
            *(order.who, order.role, order.address, order.method, order.path, detail, order.status),
            extra={"audit": told},
        )

    def entries(self) -> list[dict[str, Any]]:
        """The last ones."""
        return list(self._kept)


def told_of(asked: object, fields: tuple[str, ...]) -> dict[str, Any]:
    """What of a request may be told; long texts are cut, and what is no plain value is left out."""
    if not isinstance(asked, Mapping):
        return {}
    found = {name: asked[name] for name in fields if name in asked}
    plain = {name: one for name, one in found.items() if isinstance(one, str | int | float | bool | None)}
    return {name: one[:_TEXT_MAX] if isinstance(one, str) else one for name, one in plain.items()}


def event_of(body: object) -> dict[str, Any]:
    """The event that an answer tells of; nothing, where it tells of none."""
    if not isinstance(body, bytes):
        return {}
    told = orjson.loads(body)
    return {name: told[name] for name in _EVENT} if all(name in told for name in _EVENT) else {}
