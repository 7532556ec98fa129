"""What waits to be told, in three classes with reserved shares of each datagram.

Urgent news must not wait behind load, nor load behind a storm of membership changes (PROTOCOL.md, Dissemination). In a
class the record that was sent least goes first, then the one that came to that count last, which is the freshest.
"""

import math

from edge.wire.messages import LOADS_FRAME, QUALITY_FRAME, TOPS_FRAME

SHARES = (
    0.4,
    0.4,
    0.2,
)  # urgent, regular, bulk: of a datagram's bytes; what one leaves unused flows to the others
_QUALITY = 0.05  # of the regular share, for quality while there is any to tell
_SEPARATOR = 1  # the comma between messages
_LOOKAHEAD = 8  # records too large for the room that is left, after which the search for smaller ones ends


def send_limit(retransmit: int, members: int) -> int:
    """How often one node tells one record: λ·⌈log10(N+1)⌉ (SWIM §4.1)."""
    return retransmit * math.ceil(math.log10(members + 1))


Record = tuple[str, bytes]  # key, encoded


class Taken:
    """Records taken out for one datagram, by class and send count; put back by `Broadcasts.restore` or `sent`."""

    __slots__ = ("batches", "bytes")

    def __init__(self) -> None:
        self.batches: list[tuple[Queue, int, list[Record]]] = []
        self.bytes = 0


class Queue:
    """One class: the newest record of each key, so it is bounded by the number of keys.

    Args:
        place: of the class among them all.
        frame: what stands before and after the records of one datagram; none: each is a message of its own.
    """

    def __init__(self, place: int = 0, frame: tuple[bytes, bytes] | None = None) -> None:
        self.place = place
        self.limit = 1  # sends of one record, as of the last `put`
        self.overhead_bytes = sum(map(len, frame)) if frame else 0
        self._frame = frame
        self._sends: dict[str, int] = {}
        self._by_sends: list[dict[str, bytes]] = [{}]

    def put(self, key: str, encoded: bytes, limit: int) -> None:
        """Tell `encoded` up to `limit` times, in place of what waits under `key`."""
        sends = self._sends.get(key)
        if sends is not None:
            del self._by_sends[sends][key]
        self._by_sends[0][key] = encoded
        self._sends[key] = 0
        self.limit = limit

    def put_all(self, records: list[Record], limit: int) -> None:
        """`put` for many, the last of which is the freshest."""
        known, by_sends = self._sends.get, self._by_sends
        for key, _ in records:
            if (sends := known(key)) is not None:
                by_sends[sends].pop(key, None)
        by_sends[0].update(records)
        self._sends.update(dict.fromkeys([key for key, _ in records], 0))
        self.limit = limit

    def drop(self, key: str) -> None:
        """Tell it no more."""
        sends = self._sends.pop(key, None)
        if sends is not None:
            del self._by_sends[sends][key]

    def take(self, budget: int, taken: Taken) -> int:
        """Take out what fits `budget` bytes, the first in line first; the bytes it takes, separators included.

        Who comes next and does not fit ends it, but for a few tries at smaller ones behind.
        """
        used, skipped = 0, list[tuple[int, Record]]()
        for sends, waiting in enumerate(self._by_sends):
            batch = list[Record]()
            while waiting and len(skipped) < _LOOKAHEAD:
                record = waiting.popitem()
                size = len(record[1]) + _SEPARATOR
                if used + size <= budget:
                    used += size
                    batch.append(record)
                else:
                    skipped.append((sends, record))
            if batch:
                taken.batches.append((self, sends, batch))
        for sends, (key, encoded) in reversed(skipped):
            self._by_sends[sends][key] = encoded
        return used

    def restore(self, sends: int, batch: list[Record]) -> None:
        """Put records back that were taken."""
        self._by_sends[sends].update(reversed(batch))

    def sent(self, sends: int, batch: list[Record]) -> None:
        """Count a send of records that were taken; the last one lets them go."""
        sends += 1
        keys = [key for key, _ in batch]
        if sends >= self.limit:
            for key in keys:
                del self._sends[key]
            return
        if sends == len(self._by_sends):
            self._by_sends.append({})
        self._by_sends[sends].update(reversed(batch))
        self._sends.update(dict.fromkeys(keys, sends))

    def messages(self, encoded: list[bytes]) -> list[bytes]:
        """Records of this class as messages of a payload."""
        if not self._frame or not encoded:
            return encoded
        return [self._frame[0] + b",".join(encoded) + self._frame[1]]

    def waiting(self) -> list[tuple[str, bytes]]:
        """Key and record of all that waits, the first in line first."""
        return [one for bucket in self._by_sends for one in reversed(bucket.items())]

    def __len__(self) -> int:
        return len(self._sends)


class Broadcasts:
    """The three classes; the regular one in two queues, for quality is told much more rarely than load."""

    def __init__(self) -> None:
        self.urgent = Queue()
        self.regular = Queue(1, LOADS_FRAME)
        self.quality = Queue(2, QUALITY_FRAME)
        self.bulk = Queue(3, TOPS_FRAME)
        self.bulk_waits = False  # while a storm lasts
        self._classes = (self.urgent, self.regular, self.quality, self.bulk)

    def take(self, budget: int) -> Taken:
        """Records for one datagram; with separators and frames they take at most `budget` bytes.

        Each class has its share, and what one leaves unused flows to the others. What is taken must be given to
        `sent` or `restore` before anything else happens to the queues.
        """
        taken = Taken()
        framed = (self.regular, self.quality, self.bulk) if len(self.quality) else (self.regular, self.bulk)
        spare = room = budget - sum([one.overhead_bytes + _SEPARATOR for one in framed])
        classes = self._classes[:3] if self.bulk_waits else self._classes
        quality = _QUALITY if len(self.quality) else 0.0
        shares = (SHARES[0], SHARES[1] - quality, quality, SHARES[2])
        for queue, share in zip(classes, shares, strict=False):
            if len(queue):
                spare -= queue.take(int(room * share), taken)
        for queue in classes:
            if len(queue):
                spare -= queue.take(spare, taken)
        taken.bytes = room - spare
        return taken

    def take_urgent(self, budget: int) -> Taken:
        """Records of the urgent class alone, for datagrams that are no gossip themselves."""
        taken = Taken()
        if len(self.urgent):
            taken.bytes = self.urgent.take(budget, taken)
        return taken

    def messages(self, taken: Taken) -> list[bytes]:
        """What was taken, as messages of a payload."""
        encoded: tuple[list[bytes], ...] = ([], [], [], [])
        for queue, _, batch in taken.batches:
            encoded[queue.place].extend([one for _, one in batch])
        return [message for queue in self._classes for message in queue.messages(encoded[queue.place])]

    def restore(self, taken: Taken) -> None:
        """Put everything back: the datagram is not sent."""
        for queue, sends, batch in reversed(taken.batches):
            queue.restore(sends, batch)

    def sent(self, taken: Taken) -> None:
        """Count one send of each; the first of a class last, so that it stays ahead of its equals."""
        for queue, sends, batch in reversed(taken.batches):
            queue.sent(sends, batch)

    def __len__(self) -> int:
        return sum([len(one) for one in self._classes])
