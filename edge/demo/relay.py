"""The demo's network: a relay of gossip between the cities, which can be cut and made lossy.

Each node has a door: the UDP port that it advertises. It listens on another port, which only the relay knows. What one
node sends to another's door is handed to that one from the sender's own door, so that to both the other is its door, as
without a relay. The nodes know nothing of it. HTTP between them does not come by here.

A dead process refuses datagrams, and nodes learn from that. So the door of a node that refuses is closed: then it
refuses too. It opens with the node's next word, or after `REOPEN_S`.
"""

import asyncio
import random
import selectors
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edge.demo.faults import Faults
from edge.demo.ports import HOST
from edge.demo.watch import Place
from edge.model import Address, ConfigError
from edge.shell.sockets import bind, refused_addresses
from edge.wire.frame import DATAGRAM_MAX_BYTES

REOPEN_S = 1.0
_AT_ONCE = 64  # datagrams of one door before the next one gets its turn


@dataclass(slots=True)
class RelayCounts:
    """What became of the datagrams."""

    passed: int = 0
    cut: int = 0
    lost: int = 0
    strange: int = 0  # from nobody's port
    unsent: int = 0  # which the system did not take


@dataclass(slots=True, eq=False)
class _Door:
    place: Place
    sock: socket.socket | None = None  # none while it is closed
    opening: asyncio.TimerHandle | None = field(default=None, repr=False)


class Relay:
    """Relays gossip between places.

    Args:
        places: the nodes, their doors at `ports.gossip`, they themselves at `ports.inner`.
        faults: those of this moment; asked for each datagram.
        rng: decides which datagram is lost.
    """

    def __init__(self, places: Sequence[Place], faults: Callable[[], Faults], rng: random.Random) -> None:
        self.counts = RelayCounts()
        self._faults = faults
        self._rng = rng
        self._by_inner = {place.ports.inner: _Door(place) for place in places}
        self._selector = selectors.EpollSelector()
        self._loop: asyncio.AbstractEventLoop | None = None  # while it runs

    def start(self) -> None:
        """Open all doors, in the running loop.

        Raises:
            ConfigError: a port is in use.
        """
        self._loop = asyncio.get_running_loop()
        for door in self._by_inner.values():
            self._open(door)
        self._loop.add_reader(self._selector.fileno(), self._on_readable)

    def close(self) -> None:
        """Close all doors for good."""
        if self._loop is None:
            return
        self._loop.remove_reader(self._selector.fileno())
        for door in self._by_inner.values():
            self._shut(door)
        self._loop = None
        self._selector.close()

    def _on_readable(self) -> None:
        for key, _ in self._selector.select(0):
            door: _Door = key.data
            for _ in range(_AT_ONCE):
                if door.sock is None:
                    break
                try:
                    data, source = door.sock.recvfrom(DATAGRAM_MAX_BYTES + 1)
                except BlockingIOError:
                    break
                except OSError:  # a refusal; the queue says whose
                    continue
                self._pass_on(data, Address(*source[:2]), door)
            if door.sock:
                self._on_refused(refused_addresses(door.sock))

    def _pass_on(self, data: bytes, source: Address, to: _Door) -> None:
        sender = self._by_inner.get(source.port) if source.host == HOST else None
        if sender is None:
            self.counts.strange += 1
            return
        faults, (a, b) = self._faults(), (sender.place.city, to.place.city)
        if not faults.reaches(a, b):
            self.counts.cut += 1
        elif self._rng.random() < faults.loss(a, b):
            self.counts.lost += 1
        else:
            self._send(data, sender, to)

    def _send(self, data: bytes, sender: _Door, to: _Door) -> None:
        if sender.sock is None:  # it speaks, so it lives
            self._reopen(sender)
        for _ in range(2):
            try:
                if sender.sock:
                    sender.sock.sendto(data, (HOST, to.place.ports.inner))
                    self.counts.passed += 1
                    return
            except ConnectionRefusedError:  # an earlier datagram's refusal; telling it has cleared it
                continue
            except OSError:
                break
        self.counts.unsent += 1

    def _on_refused(self, refused: Sequence[Address]) -> None:
        for address in refused:
            door = self._by_inner.get(address.port)
            if door and door.sock and self._loop:
                self._shut(door)
                door.opening = self._loop.call_later(REOPEN_S, self._reopen, door)

    def _open(self, door: _Door) -> None:
        address = Address(HOST, door.place.ports.gossip)
        door.sock = bind(address, f"gossip port of {door.place.name}", socket.SOCK_DGRAM)
        self._selector.register(door.sock, selectors.EVENT_READ, door)

    def _reopen(self, door: _Door) -> None:
        if door.opening:
            door.opening.cancel()
        door.opening = None
        if door.sock or self._loop is None:
            return
        try:
            self._open(door)
        except ConfigError:  # somebody else has the port at this moment
            door.opening = self._loop.call_later(REOPEN_S, self._reopen, door)

    def _shut(self, door: _Door) -> None:
        if door.opening:
            door.opening.cancel()
            door.opening = None
        if door.sock:
            self._selector.unregister(door.sock)
            door.sock.close()
            door.sock = None
