"""What waits to be told, in three classes with reserved shares of each datagram.

Urgent news must not wait behind load, nor load behind a storm of membership changes (PROTOCOL.md, Dissemination). In a
class the record that was sent least goes first, then the freshest.
"""

import itertools
import math

SHARES = (
    0.4,
    0.4,
    0.2,
)  # urgent, regular, bulk: of a datagram's bytes; what one leaves unused flows to the others
_SEPARATOR = 1  # the comma between messages


def send_limit(retransmit: int, members: int) -> int:
    """How often one node tells one record: λ·⌈log10(N+1)⌉ (SWIM §4.1)."""
    return retransmit * math.ceil(math.log10(members + 1))


class Entry:
    """One encoded message and how often it was sent."""

    __slots__ = ("encoded", "fresh", "key", "limit", "queue", "sends")

    def __init__(self, queue: "Queue", key: str, encoded: bytes, limit: int, fresh: int) -> None:
        self.queue = queue
        self.key = key
        self.encoded = encoded
        self.limit = limit
        self.fresh = fresh
        self.sends = 0

    def sent(self) -> None:
        """Count one send; the last one takes the entry out."""
        self.sends += 1
        if self.sends >= self.limit:
            self.queue.remove(self)


class Queue:
    """One class: the newest record of each key, so it is bounded by the number of keys."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._fresh = itertools.count()

    def put(self, key: str, encoded: bytes, limit: int) -> None:
        """Tell `encoded` up to `limit` times, in place of what waits under `key`."""
        self._entries[key] = Entry(self, key, encoded, limit, next(self._fresh))

    def drop(self, key: str) -> None:
        """Tell it no more."""
        self._entries.pop(key, None)

    def remove(self, entry: Entry) -> None:
        """Take out `entry`, unless something newer waits in its place."""
        if self._entries.get(entry.key) is entry:
            del self._entries[entry.key]

    def ranked(self) -> list[Entry]:
        """All entries, the one to send first first."""
        return sorted(self._entries.values(), key=lambda one: (one.sends, -one.fresh))

    def __len__(self) -> int:
        return len(self._entries)


class Broadcasts:
    """The three classes."""

    def __init__(self) -> None:
        self.urgent = Queue()
        self.regular = Queue()
        self.bulk = Queue()

    def pick(self, budget: int) -> list[Entry]:
        """Entries for one datagram whose encoded sizes sum to at most `budget` bytes. Nothing is counted as sent."""
        picked: list[Entry] = []
        left_over: list[list[Entry]] = []
        spare = budget
        for queue, share in zip((self.urgent, self.regular, self.bulk), SHARES, strict=True):
            fitting, rest, used = _fill(queue.ranked(), int(budget * share))
            picked += fitting
            left_over.append(rest)
            spare -= used
        for rest in left_over:
            fitting, _, used = _fill(rest, spare)
            picked += fitting
            spare -= used
        return picked

    def __len__(self) -> int:
        return len(self.urgent) + len(self.regular) + len(self.bulk)


def _fill(entries: list[Entry], budget: int) -> tuple[list[Entry], list[Entry], int]:
    fitting: list[Entry] = []
    rest: list[Entry] = []
    used = 0
    for one in entries:
        size = len(one.encoded) + _SEPARATOR
        if used + size <= budget:
            fitting.append(one)
            used += size
        else:
            rest.append(one)
    return fitting, rest, used
