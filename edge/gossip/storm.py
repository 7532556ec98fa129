"""Storm guard: what one sender, or all of them together, may ask of this node's processor.

Token buckets decide; above them membership, probes and durable events still pass, and of load and popularity one
message in ten. While the node as a whole is above its bound it also asks less of others: half the fan-out, and no bulk.
"""

from collections import OrderedDict

from edge.model import Address

SENDER_PER_S = 50.0
ALL_PER_S = 1000.0
ALL_PER_MEMBER_S = 1.0  # a large cluster's urgent news comes from many
OWN_PER_S = 80.0  # what one sender has to say in all; in a small cluster few receivers share it
BURST_S = 2.0
SENDERS_MAX = 4096
SAMPLE = 0.1
CALM_S = 30.0  # how long bulk pauses


class Bucket:
    """A token bucket that holds `BURST_S` worth of tokens."""

    __slots__ = ("_at", "_tokens")

    def __init__(self, now: float, rate: float) -> None:
        self._at = now
        self._tokens = rate * BURST_S

    def take(self, now: float, rate: float) -> bool:
        """Take a token; False if there is none."""
        self._tokens = min(rate * BURST_S, self._tokens + max(0.0, now - self._at) * rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class StormGuard:
    """Admits datagrams."""

    def __init__(self, now: float) -> None:
        self._senders: OrderedDict[Address, Bucket] = OrderedDict()
        self._all = Bucket(now, ALL_PER_S)
        self._until = float("-inf")
        self.limited = 0  # datagrams of which only part was taken in

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
