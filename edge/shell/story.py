"""What this node has seen happen: the last events for pages and terminals, a log line each, and their stream."""

import logging
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import orjson

from edge.model import Durable, GossipEvent
from edge.shell.events import EventActor
from edge.shell.viewjson import SeenEvent

log = logging.getLogger("edge")

KEPT = 200


class Story:
    """The last events, oldest first.

    Args:
        process: tells this process's numbers of events from those of one before it.
    """

    def __init__(self, process: str = "") -> None:
        self.process = process or f"{time.time_ns():x}"
        self.count = 0  # events so far, and the number of the newest
        self._kept: deque[SeenEvent] = deque(maxlen=KEPT)

    def add(self, event: GossipEvent) -> None:
        """Log it and keep it."""
        log.info("%s", event.text, extra={"kind": event.kind, "node": event.node})
        self.count += 1
        self._kept.append(SeenEvent(self.count, time.time(), event.kind, event.node, event.text))

    def __iter__(self) -> Iterator[SeenEvent]:
        return iter(self._kept)


class Teller:
    """Tells one listener what it has not heard yet, as server-sent events: `seen` here, and `durable` ones.

    The id of each is that of the last one seen here; `known` comes when all of the past is told. Durable events have no
    such order: one who comes back is told them again, and knows them by kind, key, time and origin.

    Args:
        story: of this node.
        events: the durable ones.
        last_id: of the last event that the listener has; empty for none.
    """

    def __init__(self, story: Story, events: EventActor, last_id: str) -> None:
        self._story = story
        self._events = events
        process, _, number = last_id.rpartition("-")
        same = process == story.process and number.isascii() and number.isdigit()
        self._last = int(number[:18]) if same else 0
        self._held: frozenset[Durable] = frozenset()
        self._begun = False

    def news(self) -> bytes:
        """What is new since the last time; perhaps nothing."""
        found: list[tuple[str, dict[str, Any]]] = []
        if self._story.count > self._last:
            found += [("seen", one._asdict()) for one in self._story if one.id > self._last]
            self._last = self._story.count
        durable, self._held = self._events.news(self._held)
        found += [("durable", one) for one in durable]
        if not self._begun:
            found.append(("known", {"node": self._events.node_name}))
            self._begun = True
        return b"".join(self._as_sent(name, told) for name, told in found)

    def _as_sent(self, name: str, told: dict[str, Any]) -> bytes:
        number = told.get("id", self._last)
        head = f"event: {name}\nid: {self._story.process}-{number}\ndata: ".encode()
        return head + orjson.dumps(told) + b"\n\n"
