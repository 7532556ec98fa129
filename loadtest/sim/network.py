"""The virtual network: a rule for each datagram says whether it is lost, doubled, or late."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from edge.model import Address
from edge.wire.frame import DATAGRAM_MAX_BYTES
from loadtest.sim.clock import Clock

Deliver = Callable[[Address, Address, bytes, bool], None]
Blocked = Callable[[Address, Address], bool]


@dataclass(frozen=True, slots=True)
class Quality:
    """What happens to a datagram on its way."""

    loss: float = 0.0
    duplicate: float = 0.0
    reorder_s: float = 0.0  # further delay up to this much, for one in ten
    jitter: float = 0.2  # further share of the way's delay, up to this much


@dataclass(slots=True)
class Traffic:
    """What one sender sent."""

    datagrams: int = 0
    bytes: int = 0


class OversizeError(AssertionError):
    """A node sent more than a datagram may hold."""


class Network:
    """Carries datagrams between addresses.

    Every variate is drawn for every datagram, so that one fault less leaves the rest of a run alike.

    Args:
        clock: virtual time.
        seed: of all chance on the wire.
        delay_s: one-way delay between two addresses.
        deliver: called with source, target, bytes and whether it is a second copy.
    """

    def __init__(
        self, clock: Clock, seed: int, delay_s: Callable[[Address, Address], float], deliver: Deliver
    ) -> None:
        self._clock = clock
        self._seed = seed
        self._delay_s = delay_s
        self._deliver = deliver
        self._streams: dict[Address, random.Random] = {}
        self.quality = Quality()
        self.blocked: Blocked = lambda _source, _target: False
        self.sent: dict[Address, Traffic] = {}
        self.watch: Callable[[Address, Address, bytes], None] | None = None

    def send(self, source: Address, target: Address, data: bytes) -> None:
        """One datagram leaves `source`."""
        if len(data) > DATAGRAM_MAX_BYTES:
            raise OversizeError(f"{source} sent {len(data)} bytes")
        if (traffic := self.sent.get(source)) is None:
            traffic = self.sent[source] = Traffic()
        traffic.datagrams += 1
        traffic.bytes += len(data)
        if self.watch:
            self.watch(source, target, data)
        if (rng := self._streams.get(source)) is None:
            rng = self._streams[source] = random.Random(f"{self._seed}:wire:{source}")
        lost, doubled, late, jitter, again = (
            rng.random(),
            rng.random(),
            rng.random(),
            rng.random(),
            rng.random(),
        )
        quality = self.quality
        if lost < quality.loss or self.blocked(source, target):
            return
        delay_s = self._delay_s(source, target) * (1 + quality.jitter * jitter)
        if late < 0.1:
            delay_s += quality.reorder_s * 10 * late
        arrival = self._clock.now + delay_s
        self._clock.at(arrival, lambda: self._deliver(source, target, data, False))
        if doubled < quality.duplicate:
            self._clock.at(arrival + 0.05 * again, lambda: self._deliver(source, target, data, True))
