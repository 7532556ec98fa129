"""Shards of viewers: who is in which, and the order of nodes that each has been given."""

import hashlib
import random
import re
import time
from collections.abc import Callable
from urllib.parse import unquote

from aiohttp import web

from edge.decide.shards import Shard
from edge.decide.steering import Steering, SteeringPolicy, SteeringTable
from edge.state.view import ClusterView

QUERY = "edge-shard"  # in the address of a live MPD, so that its viewer stays in his shard
WATCHED_S = 5.0  # after it was asked for: longer than anybody keeps the answer
SHARDS_MAX = 16_384
_TABLE_EVERY_S = 0.05
_NUMBER = re.compile(rf"(?:^|&){QUERY}=(\d{{1,3}})(?=&|$)")
_SESSION = re.compile(r'(?:^|,)sid="([^"]{1,64})"')


class _Held:
    """The order of a shard, what it was made from, and when it was last asked for."""

    __slots__ = ("asked_at", "made_of", "steering")

    def __init__(self, steering: Steering, made_of: SteeringTable, asked_at: float) -> None:
        self.steering = steering
        self.made_of = made_of
        self.asked_at = asked_at


class Shards:
    """Orders of all shards that are asked for.

    Args:
        view: the cluster as this node holds it at the moment.
        policy: how to spread viewers.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        view: Callable[[], ClusterView],
        policy: SteeringPolicy,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.policy = policy
        self.changes = 0  # of an order that somebody has been given
        self.forgotten = 0  # orders that had to leave for others
        self._view = view
        self._clock = clock
        self._held: dict[Shard, _Held] = {}  # the one that was asked for last stands last
        self._table = SteeringTable(view(), policy)
        self._made_at = clock()
        self._changed = False  # since the last look

    def __len__(self) -> int:
        return len(self._held)

    @property
    def table(self) -> SteeringTable:
        """Of the view: at most one new each `_TABLE_EVERY_S`, and none while nothing changes."""
        now = self._clock()
        if now >= self._made_at + _TABLE_EVERY_S:
            self._made_at = now
            self._renew()
        return self._table

    def order(self, shard: Shard) -> Steering | None:
        """The order for a shard at this moment, which somebody asks for; None where no node lives."""
        now, table, held = self._clock(), self.table, self._held.pop(shard, None)
        if held and held.made_of is table:
            held.asked_at = now
            self._held[shard] = held
            return held.steering
        steering = table.steer(shard, held.steering if held else None)
        if steering is None:
            return None
        if held and held.steering.nodes != steering.nodes:
            self.changes += 1
            self._changed = True
        if len(self._held) >= SHARDS_MAX:
            del self._held[next(iter(self._held))]
            self.forgotten += 1
        self._held[shard] = _Held(steering, table, now)
        return steering

    def look(self) -> bool:
        """Whether any order has changed since the last look."""
        now = self._made_at = self._clock()
        changed, self._changed = int(self._changed), False
        if not self._renew():
            return changed > 0
        for shard, held in reversed(list(self._held.items())):
            if now >= held.asked_at + WATCHED_S:
                break
            steering = self._table.steer(shard, held.steering)
            if steering is None or steering.nodes != held.steering.nodes:
                changed += 1
                self.changes += 1
            if steering is None:
                del self._held[shard]
            else:
                held.steering, held.made_of = steering, self._table
        return changed > 0

    def _renew(self) -> bool:
        view = self._view()
        if view is self._table.view:
            return False
        self._table = SteeringTable(view, self.policy)
        return True


def number_of(request: web.BaseRequest, shards: int, rng: random.Random) -> int:
    """The shard of whoever asks: the one he names, else by his session id (CTA-5004), else any.

    An address is no help: behind one may sit half a city.

    Args:
        request: a viewer's.
        shards: how many there are.
        rng: chooses.
    """
    query = request.rel_url.raw_query_string
    if (named := _NUMBER.search(query)) and int(named[1]) < shards:
        return int(named[1])
    told = request.headers.get("CMCD-Session", "")
    if "CMCD=" in query:
        told = unquote(query.partition("CMCD=")[2].partition("&")[0])
    if session := _SESSION.search(told.replace(", ", ",")):
        digest = hashlib.blake2b(session[1].encode(errors="surrogateescape"), digest_size=8).digest()
        return int.from_bytes(digest, "big") % shards
    return rng.randrange(shards)
