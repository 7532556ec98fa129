"""The one place that makes datagrams: direct messages first, then as much news as fits the byte budget."""

from edge.gossip.broadcast import Broadcasts, Taken
from edge.gossip.counters import Counters
from edge.model import Address
from edge.wire.frame import DATAGRAM_MAX_BYTES, OVERHEAD_BYTES, Sealer
from edge.wire.messages import join

BODY_MAX_BYTES = DATAGRAM_MAX_BYTES - OVERHEAD_BYTES
MESSAGE_MAX_BYTES = BODY_MAX_BYTES - 2  # alone in its brackets it fits even uncompressed
_RATIO_GAIN = 1 / 8
_RATIO_MIN = 0.1
_MARGIN = 0.97  # a block that turns out too large costs a second compression
_SHRINK = 0.9


class Outbox:
    """Collects what is to be sent; `flush` packs it, once, under the budget."""

    def __init__(self, sealer: Sealer, broadcasts: Broadcasts, counters: Counters) -> None:
        self._sealer = sealer
        self._broadcasts = broadcasts
        self._counters = counters
        self._direct: dict[Address, list[bytes]] = {}
        self._gossip: dict[Address, None] = {}  # peers whose datagram takes news of all classes
        self._ratio = 1.0  # compressed over plain size, as the last full datagrams had it

    def send(self, address: Address, *messages: bytes) -> None:
        """Queue encoded messages for one peer; urgent news rides along where there is room."""
        queued = self._direct.setdefault(address, [])
        for one in messages:
            if len(one) <= MESSAGE_MAX_BYTES:
                queued.append(one)
            else:
                self._counters.oversize += 1

    def gossip(self, address: Address, *messages: bytes) -> None:
        """Queue messages for one peer, and news of every class with them."""
        self.send(address, *messages)
        self._gossip[address] = None

    def flush(self) -> list[tuple[bytes, Address]]:
        """Everything queued, as sealed datagrams."""
        if not self._direct:
            return []
        datagrams = []
        for address, messages in self._direct.items():
            start = 0
            while start < len(messages):
                frame, taken = self._pack(messages, start, address)
                start += taken
                datagrams.append((frame, address))
        self._direct, self._gossip = {}, {}
        return datagrams

    def _pack(self, messages: list[bytes], start: int, address: Address) -> tuple[bytes, int]:
        """One frame with some of `messages` from `start` on; and how many of them."""
        gossip = address in self._gossip
        budget = int(BODY_MAX_BYTES * _MARGIN / self._ratio)
        broadcasts = self._broadcasts
        while True:
            end, used = start + 1, len(messages[start])
            while end < len(messages) and used + 1 + len(messages[end]) <= budget:
                used += 1 + len(messages[end])
                end += 1
            take = broadcasts.take if gossip else broadcasts.take_urgent
            news = take(budget - used - 2) if end == len(messages) else Taken()
            direct = messages[
                start:end
            ]  # what is forwarded at once rides on this as news too: told once is enough
            payload = join(direct + [one for one in broadcasts.messages(news) if one not in direct])
            frame = self._sealer.seal(payload, address)
            if len(frame) <= DATAGRAM_MAX_BYTES:
                break
            broadcasts.restore(news)
            budget = int(min(budget, len(payload)) * _SHRINK)
        self._learn(len(frame) - OVERHEAD_BYTES, len(payload))
        broadcasts.sent(news)
        self._counters.datagrams_sent += 1
        self._counters.bytes_sent += len(frame)
        self._counters.payload_bytes_sent += len(payload)
        return frame, end - start

    def _learn(self, body: int, payload: int) -> None:
        if payload >= BODY_MAX_BYTES // 2:  # small payloads compress unlike the full ones we must predict
            self._ratio += (max(_RATIO_MIN, body / payload) - self._ratio) * _RATIO_GAIN
