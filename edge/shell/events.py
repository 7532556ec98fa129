"""Durable events in the process: made from an operator's request, acted on by the cache and by users' handlers."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from edge.cache.backend import Purges
from edge.cache.purge import KINDS, Purge
from edge.decide.scheduled import PREFIX as SCHEDULED
from edge.gossip import GossipNode
from edge.model import PATH_MAX_BYTES, ConfigError, Durable, EventKind
from edge.wire.keyorders import PREFIX as KEYS
from edge.wire.keyorders import Order

log = logging.getLogger(__name__)

PURGE_TTL_S = 86_400  # a cache empties a disk that was away for nearly as long
EVENT_TTL_S = 3600
RECORD_S = 2.0  # then an answer comes in any case; who has acted on the event is told by `reached`
TTL_MAX_S = 7 * 86_400
HANDLERS_MAX = 64
ORIGINS_MAX = 64
OTHERS = "others"
_SOFT, _HARD = "soft", "hard"

Handler = Callable[[Durable], None]
Now = Callable[[], float]


class EventActor:
    """Acts on durable events, and makes them.

    Args:
        node: the gossip core.
        cache: what purges act on.
        now: the core's monotonic clock.
        flush: sends what waits to be sent.
    """

    def __init__(self, node: GossipNode, cache: Purges, now: Now, flush: Callable[[], None]) -> None:
        self._node = node
        self._cache = cache
        self._now = now
        self._flush = flush
        self._handlers: list[tuple[str, Handler]] = []
        self.on_keys: Handler = lambda _event: None  # told of each order about keys
        self.on_override: Handler = lambda _event: None  # told of each override
        self.on_schedule: Handler = lambda _event: None  # told of each announcement
        self.on_scheduled: Handler = lambda _event: None  # told of each event that is scheduled
        self.failures = 0  # handlers that raised
        self.origins: Counter[str] = Counter()  # events acted on by the node that accepted them

    def on(self, prefix: str, handler: Handler) -> None:
        """Call `handler` with each user event whose key begins with `prefix`, once in each process and version.

        Raises:
            ConfigError: there are `HANDLERS_MAX` already.
        """
        if len(self._handlers) >= HANDLERS_MAX:
            raise ConfigError(
                "handlers", f"there are {HANDLERS_MAX}", "serve several prefixes by one handler"
            )
        self._handlers.append((prefix, handler))

    def act(self) -> None:
        """Act on everything that waits, and acknowledge it; a purge once no restart can undo it."""
        while event := self._node.next_durable():
            self._count(event.origin)
            if event.kind is EventKind.PURGE:
                self._purge(event)
                if not self._cache.recorded:
                    self._cache.when_recorded(partial(self._confirm_late, event))
                    continue
            elif event.kind is EventKind.USER:
                self._call(event)
            elif event.kind is EventKind.OVERRIDE:
                (self.on_keys if _hidden(event) else self.on_override)(event)
            elif event.kind is EventKind.SCHEDULE:
                (self.on_scheduled if event.key.startswith(SCHEDULED) else self.on_schedule)(event)
            self._node.confirm_durable(event, self._now())

    def purge(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Accept a purge: one of url, prefix and tag, and `soft`, and perhaps `ttl_s`.

        Raises:
            ConfigError: what is wrong with the request.
            Refusal: too much is being told already.
        """
        named = [kind for kind in KINDS if kind in asked]
        unknown = [key for key in asked if key not in (*KINDS, _SOFT, "ttl_s")]
        if len(named) != 1 or unknown:
            problem = (
                f"{', '.join(unknown)}: no such field"
                if unknown
                else f"names {len(named)} of url, prefix, tag"
            )
            raise ConfigError("purge", problem, 'write e.g. {"url": "/live/v240/7.m4s", "soft": false}')
        soft = asked.get(_SOFT, False)
        if not isinstance(asked[named[0]], str) or not isinstance(soft, bool):
            raise ConfigError(
                "purge", "has a value of the wrong type", "a text for what, true or false for soft"
            )
        order = Purge(named[0], asked[named[0]], soft)
        body = _SOFT if order.soft else _HARD
        return self._create(EventKind.PURGE, f"{order.what}:{order.value}", body, _ttl(asked, PURGE_TTL_S))

    def event(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Accept a user's event: `key`, `body` and perhaps `ttl_s`.

        Raises:
            ConfigError: what is wrong with the request.
            Refusal: too much is being told already, or it is too large.
        """
        key, body = asked.get("key"), asked.get("body", "")
        if unknown := [name for name in asked if name not in ("key", "body", "ttl_s")]:
            raise ConfigError(
                "event", f"{', '.join(unknown)}: no such field", "known are key, body, ttl_s and majority"
            )
        if not isinstance(key, str) or not isinstance(body, str) or not key:
            raise ConfigError("event", "needs a key", 'write e.g. {"key": "toss", "body": "heads"}')
        return self._create(EventKind.USER, key, body, _ttl(asked, EVENT_TTL_S))

    def override(self, key: str, body: str, ttl_s: int) -> dict[str, Any]:
        """Accept an operator's override; `edge.decide.override` says what is in it.

        Raises:
            Refusal: too much is being told already.
        """
        return self._create(EventKind.OVERRIDE, key, body, ttl_s)

    def keys(self, order: Order) -> dict[str, Any]:
        """Accept an order about the keys of the cluster.

        Raises:
            Refusal: too much is being told already.
        """
        return self._create(EventKind.OVERRIDE, order.name, order.body, TTL_MAX_S)

    def schedule(self, key: str, body: str, ttl_s: int) -> dict[str, Any]:
        """Accept an announcement; `edge.decide.schedule` says what is in it.

        Raises:
            ConfigError: the key is too long.
            Refusal: too much is being told already.
        """
        return self._create(EventKind.SCHEDULE, key, body, ttl_s)

    def minority(self) -> str:
        """Why this node cannot speak for the larger part of the cluster; empty where it can."""
        cut = self._node.view().partition
        if cut is None or cut.majority:
            return ""
        reached = f"{len(cut.island)} of {len(cut.island) + len(cut.lost)} members are reached"
        if not cut.settled:
            return f"a cut has just begun, and {reached} so far: ask again in some seconds"
        return f"this side of a cut is no majority, {reached}: ask a node of the other side"

    async def recorded(self) -> None:
        """Wait until no restart can undo the purges so far; a slow disk is not waited for longer than `RECORD_S`."""
        done = asyncio.Event()
        self._cache.when_recorded(done.set)
        with suppress(TimeoutError):
            async with asyncio.timeout(RECORD_S):
                await done.wait()

    def all(self) -> list[dict[str, Any]]:
        """The events that count now, oldest first, each with who is known to have acted on it."""
        return [self._told(event) for event in self._node.durables()]

    def news(self, known: frozenset[Durable]) -> tuple[list[dict[str, Any]], frozenset[Durable]]:
        """The events that count now but are not `known`, oldest first, as `all` tells them; and all that count."""
        held = self._node.durables()
        return [self._told(event) for event in held if event not in known], frozenset(held)

    @property
    def node_name(self) -> str:
        """Whose this is."""
        return self._node.member.name

    def _create(self, kind: EventKind, key: str, body: str, ttl_s: int) -> dict[str, Any]:
        if len(key) > PATH_MAX_BYTES:
            raise ConfigError(
                kind.name.lower(), f"has {len(key)} characters", f"at most {PATH_MAX_BYTES} are told"
            )
        event = self._node.create_event(kind, key, body, ttl_s, self._now())
        self.act()
        self._flush()
        return self._told(event)

    def _told(self, event: Durable) -> dict[str, Any]:
        reached, audience = self._node.reached(event), self._node.audience()
        return {
            "kind": event.kind.name.lower(),
            "key": event.key,
            "body": "" if _hidden(event) else event.body,  # sealed, and all the same nobody's to see
            "origin": event.origin,
            "time": (event.at >> 16) / 1000,
            "ttl_s": event.ttl_s,
            "reached": sorted(reached),
            "members": len(audience),
            "missing": sorted(set(audience).difference(reached)),
            "acted_ms": {name: round(1000 * s) for name, s in sorted(self._node.acted_s(event).items())},
        }

    def _count(self, origin: str) -> None:
        """So that a node through which many come is found; those of more than `ORIGINS_MAX` are counted together."""
        known = origin in self.origins or len(self.origins) < ORIGINS_MAX
        self.origins[origin if known else OTHERS] += 1

    def _confirm_late(self, event: Durable) -> None:
        self._node.confirm_durable(event, self._now())
        self._flush()

    def _purge(self, event: Durable) -> None:
        what, _, value = event.key.partition(":")
        try:
            order = Purge(what, value, event.body == _SOFT)  # type: ignore[arg-type]  # checked there
        except ConfigError as error:  # of another version of this program: nothing here to purge by it
            log.warning("purge %s by %s is not understood: %s", event.key, event.origin, error)
            return
        issued_s = time.time() - (event.at >> 16) / 1000
        hit = self._cache.purge(order, f"{event.origin} {event.at}", issued_s)
        log.info("purged %s (%s), %d objects, as %s asked", event.key, event.body, hit, event.origin)

    def _call(self, event: Durable) -> None:
        for prefix, handler in self._handlers:
            if event.key.startswith(prefix):
                try:
                    handler(event)
                except Exception:  # a user's code must not take the node down
                    self.failures += 1
                    log.exception("the handler of %s failed on %s", prefix, event.key)


def _hidden(event: Durable) -> bool:
    return event.kind is EventKind.OVERRIDE and event.key.startswith(KEYS)


def _ttl(asked: dict[str, Any], default: int) -> int:
    ttl_s = asked.get("ttl_s", default)
    if not isinstance(ttl_s, int) or isinstance(ttl_s, bool) or not 1 <= ttl_s <= TTL_MAX_S:
        raise ConfigError("ttl_s", f"{ttl_s!r} does not fit", f"write whole seconds from 1 to {TTL_MAX_S}")
    return ttl_s
