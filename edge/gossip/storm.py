"""Storm guard: what one sender, or all of them together, may ask of this node's processor.

Token buckets decide; above them membership, probes and durable events still pass, and of load and popularity one
message in ten. Of a sender that floods no more is read than its bucket and a debt of some seconds allow: its datagrams
are dropped before they cost anything. Only what was opened counts against a sender, so nobody without the key can have
another one's datagrams dropped. While the node as a whole is above its bound it also asks less of others: half the
fan-out, and no bulk.
"""

from collections import OrderedDict

from edge.model import Address
from edge.wire.errors import DecodeError, Drop

SENDER_PER_S = 50.0
ALL_PER_S = 1000.0
ALL_PER_MEMBER_S = 1.0  # a large cluster's urgent news comes from many
OWN_PER_S = 80.0  # what one sender has to say in all; in a small cluster few receivers share it
BURST_S = 2.0
SENDERS_MAX = 4096
SAMPLE = 0.1
CALM_S = 30.0  # how long bulk pauses
FLOOD_S = 4.0  # worth of datagrams beyond its bucket: a sender that is so far above it floods
# Junk that only one with the key can send counts against its sender, too.
AUTHENTIC = (Drop.INFLATE, Drop.DECODE)
OVER_S = 5.0  # without one that was dropped unread, after which a flood is over


class Bucket:
    """A token bucket that holds `BURST_S` worth of tokens."""

    __slots__ = ("_at", "_rate", "_tokens", "debt")

    def __init__(self, now: float, rate: float) -> None:
        self._at = now
        self._tokens = rate * BURST_S
        self.debt = 0.0  # what was asked for and not there; forgiven as fast as tokens come
        self._rate = rate

    def take(self, now: float, rate: float) -> bool:
        """Take a token; False if there is none."""
        passed = max(0.0, now - self._at) * rate
        self._tokens = min(rate * BURST_S, self._tokens + passed)
        self.debt = max(0.0, self.debt - passed)
        self._at, self._rate = now, rate
        if self._tokens < 1:
            self.debt += 1
            return False
        self._tokens -= 1
        return True

    def flooded(self, now: float) -> bool:
        """Whether far more was asked for than there was."""
        return self.debt - (now - self._at) * self._rate > self._rate * FLOOD_S


class StormGuard:
    """Admits datagrams."""

    def __init__(self, now: float) -> None:
        self._senders: OrderedDict[Address, Bucket] = OrderedDict()
        self._all = Bucket(now, ALL_PER_S)
        self._until = float("-inf")
        self._floods: dict[Address, float] = {}  # when the last datagram was dropped
        self._begun: list[Address] = []
        self.limited = 0  # datagrams of which only part was taken in

    def unread(self, sender: Address, now: float) -> None:
        """A datagram came and is not opened yet.

        Raises:
            DecodeError: its sender floods; the datagram is not worth opening.
        """
        bucket = self._senders.get(sender)
        if bucket is None or not bucket.debt or not bucket.flooded(now):
            return
        if sender not in self._floods:
            self._begun.append(sender)
        self._floods[sender] = now
        raise DecodeError(Drop.FLOOD)

    def turns(self, now: float) -> list[tuple[Address, bool]]:
        """Senders that have begun to flood (True), or ended it (False), since this was asked last."""
        begun, self._begun = self._begun, []
        over = [one for one, at in self._floods.items() if now - at > OVER_S]
        for one in over:
            del self._floods[one]
        return [(one, True) for one in begun] + [(one, False) for one in over]

    def admit(self, sender: Address, members: int, now: float) -> bool:
        """Whether a datagram is to be taken in whole."""
        rate = max(SENDER_PER_S, 4 * OWN_PER_S / max(1, members - 1))
        bucket = self._senders.get(sender)
        if bucket is None:
            bucket = self._senders[sender] = Bucket(now, rate)
            if len(self._senders) > SENDERS_MAX:
                self._senders.popitem(last=False)
        whole = bucket.take(now, rate)
        if not self._all.take(now, ALL_PER_S + ALL_PER_MEMBER_S * members):
            self._until = now + CALM_S
            whole = False
        self.limited += not whole
        return whole

    def storm(self, now: float) -> bool:
        """Whether this node as a whole was above its bound within the last `CALM_S`."""
        return now < self._until
