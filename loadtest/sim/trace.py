"""Prints what happens in a run: faults, events of the nodes, and every datagram with what it says."""

from collections.abc import Callable

from edge.model import Address
from edge.wire.compress import shipped
from edge.wire.frame import Opener
from edge.wire.keys import KeyRing
from edge.wire.messages import decode, encode
from loadtest.sim.world import CLUSTER


class Tracer:
    """Lines with virtual time on the standard output.

    Args:
        now: virtual time, seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._opener = Opener(KeyRing.insecure(CLUSTER), CLUSTER, shipped())

    def note(self, text: str) -> None:
        """Print one line."""
        print(f"{self._now():10.4f} {text}")

    def sent(self, source: Address, target: Address, data: bytes) -> None:
        """Print one datagram, its messages as on the wire."""
        said = b" ".join(encode(one) for one in decode(self._opener.open(data))).decode()
        self.note(f"{source.host} → {target.host} {len(data)} B {said}")
