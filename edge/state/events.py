"""Durable events: purges, schedules, overrides and users' own, the newest of each key, until their time is over.

A last-writer-wins map under hybrid clocks (Kulkarni et al. 2014): `merge` commutes, associates and is idempotent, so
events may come in any order, twice, and by any way. A digest of the map rides with the members' one, and what differs
is exchanged; so an event that was accepted anywhere reaches every node that ever comes back.
"""

import hashlib
from typing import NamedTuple

from edge.model import Durable, EventKind

TICK_BITS = 16
AHEAD_MAX_MS = 60_000  # an event dated further ahead is of a clock that nobody can trust
DIGEST_BYTES = 8
LASTING = (EventKind.PURGE, EventKind.OVERRIDE)  # never go before their time


class HybridClock:
    """Wall time in milliseconds, shifted by `TICK_BITS`, made to rise over every event seen."""

    def __init__(self) -> None:
        self._last = 0

    def next(self, wall_ms: int) -> int:
        """The date of a new event."""
        self._last = max(self._last + 1, wall_ms << TICK_BITS)
        return self._last

    def saw(self, at: int) -> None:
        """An event of that date came in."""
        self._last = max(self._last, at)


class Held(NamedTuple):
    """An event as it is held."""

    event: Durable
    digest: int


def digest_of(event: Durable) -> int:
    """Eight bytes that name an event among all."""
    text = f"{int(event.kind)}\0{event.key}\0{event.at}\0{event.origin}\0{event.body}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).digest(), "big")


def bucket_of(event: Durable, buckets: int) -> int:
    """Which part of the map an event's key falls into."""
    digest = hashlib.blake2b(f"{int(event.kind)}\0{event.key}".encode(), digest_size=2).digest()
    return digest[0] % buckets


class EventLog:
    """The newest event of each kind and key.

    Args:
        events_max: bound. A full log keeps the greatest by kind and date, so that full logs of all nodes come to
            hold the same; purges and overrides never go before their time.
        buckets: parts of its digest.
    """

    def __init__(self, events_max: int, buckets: int) -> None:
        self._events_max = events_max
        self._buckets = buckets
        self._held: dict[tuple[EventKind, str], Held] = {}
        self._by_digest: dict[int, tuple[EventKind, str]] = {}
        self._digests = [0] * buckets
        self._parts: list[dict[int, Durable]] = [{} for _ in range(buckets)]
        self._gone: list[Held] = []
        self.digest = 0  # of all events; XOR
        self.refused = 0  # for want of room
        self.let_go = 0  # before their time, for others

    @property
    def full(self) -> bool:
        """Whether an event under a new key would need another one's room."""
        return len(self._held) >= self._events_max

    def merge(self, event: Durable, wall_ms: int) -> bool:
        """Take `event` in if it is newer than what is held of its key, in time, and there is room."""
        key = (event.kind, event.key)
        held = self._held.get(key)
        if held is not None and event.rank <= held.event.rank:
            return False
        if event.at >> TICK_BITS > wall_ms + AHEAD_MAX_MS:
            return False
        if event.expires_ms <= wall_ms:
            if held is not None:  # it is over here, but what it took the place of does not outlive it
                self._drop(key)
            return False
        if held is None and self.full and not self._make_room(event):
            self.refused += 1
            return False
        if held is not None:
            self._drop(key)
        fresh = Held(event, digest_of(event))
        self._held[key] = fresh
        self._by_digest[fresh.digest] = key
        self._parts[self._toggle(fresh)][fresh.digest] = event
        return True

    def expire(self, wall_ms: int) -> list[Durable]:
        """Drop what is over; what that was."""
        over = [one.event for one in self._held.values() if one.event.expires_ms <= wall_ms]
        for event in over:
            self._drop((event.kind, event.key))
        return over

    def get(self, kind: EventKind, key: str) -> Durable | None:
        """What is held of a key."""
        held = self._held.get((kind, key))
        return held.event if held else None

    def find(self, digest: int) -> Durable | None:
        """The event of that digest."""
        key = self._by_digest.get(digest)
        return self._held[key].event if key else None

    def events(self) -> list[Durable]:
        """All of them, oldest first."""
        return sorted(
            (one.event for one in self._held.values()), key=lambda event: (*event.rank, event.kind, event.key)
        )

    def bucket(self, index: int) -> dict[int, Durable]:
        """Events of one part, by digest, in the order of their coming."""
        return self._parts[index]

    def take_gone(self) -> list[Held]:
        """The events that have left since this was asked last: superseded, over, or let go."""
        gone, self._gone = self._gone, []
        return gone

    @property
    def digests(self) -> list[int]:
        """Of each part; XOR of its events' digests."""
        return self._digests

    def __len__(self) -> int:
        return len(self._held)

    def _drop(self, key: tuple[EventKind, str]) -> None:
        held = self._held.pop(key)
        del self._by_digest[held.digest]
        self._gone.append(held)
        del self._parts[self._toggle(held)][held.digest]

    def _toggle(self, held: Held) -> int:
        """XOR an event into the digests, or out of them; which part it is in."""
        index = bucket_of(held.event, self._buckets)
        self.digest ^= held.digest
        self._digests[index] ^= held.digest
        return index

    def _make_room(self, event: Durable) -> bool:
        """Let the least of what may go make room, if `event` is worth more."""
        least = min((one.event for one in self._held.values()), key=_worth)
        if least.kind in LASTING or _worth(least) > _worth(event):
            return False
        self._drop((least.kind, least.key))
        self.let_go += 1
        return True


def _worth(event: Durable) -> tuple[int, tuple[int, str, str], str]:
    """A total order of events: users' own first to go, then schedules, older ones first."""
    weight = 0 if event.kind is EventKind.USER else 1 if event.kind is EventKind.SCHEDULE else 2
    return (weight, event.rank, event.key)
