"""The connections of the admin port: at most so many, and none that keeps its place without asking anything.

A head must come whole within `HEAD_S` of its first byte, the TLS handshake within as long of the connection; who reads
an answer so slowly that it stands still for `STALLED_S` is cut off. Where all places are taken, the connection makes
room that has had no request under way for longest. So neither slow senders nor many of them keep others out.
"""

import asyncio
import logging
import socket
import ssl
from collections import OrderedDict
from collections.abc import Callable
from typing import cast

log = logging.getLogger(__name__)

HEAD_S = 5.0
IDLE_S = 30.0  # between requests
LINGER_S = 2.0  # an unread body is read away so long, so that the answer is not lost
STALLED_S = 20.0
_PAUSE_S = 0.1  # where the system has no more descriptors

Count = Callable[[str, str], None]  # hears why a connection of an address was ended


class Doors:
    """Takes connections.

    Args:
        most: connections at a time.
        tls: what the next connection speaks; None: no TLS.
        count: hears of those that were ended.
    """

    def __init__(self, most: int, tls: Callable[[], ssl.SSLContext | None], count: Count) -> None:
        self._most, self._tls, self.count = most, tls, count
        self._waiting: OrderedDict[_Door, None] = OrderedDict()  # those without a request, by how long
        self._busy: dict[_Door, None] = {}
        self._by_transport: dict[asyncio.BaseTransport, _Door] = {}
        self.accepted = 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._busy)

    async def run(self, sock: socket.socket, made: Callable[[], asyncio.Protocol]) -> None:
        """Take connections until cancelled; then the socket is closed, and handshakes that are under way end.

        Args:
            sock: listens.
            made: makes what speaks HTTP on one.
        """
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    taken, address = await loop.sock_accept(sock)
                except OSError as error:  # its peer is gone already, or there are too many files
                    log.warning("the admin port takes no connection: %s", error)
                    await asyncio.sleep(_PAUSE_S)
                    continue
                self._take(taken, str(address[0]), made)
        finally:
            sock.close()
            for door in list(self._waiting):
                if door.opening:
                    door.opening.cancel()

    def begun(self, transport: asyncio.BaseTransport | None) -> None:
        """A request has come whole on a connection."""
        if transport and (door := self._by_transport.get(transport)):
            door.ask(asking=True)
            self._waiting.pop(door, None)
            self._busy[door] = None

    def ended(self, transport: asyncio.BaseTransport | None) -> None:
        """It is answered."""
        if transport and (door := self._by_transport.get(transport)):
            door.ask(asking=False)
            self._busy.pop(door, None)
            self._waiting[door] = None

    def opened(self, door: "_Door", transport: asyncio.BaseTransport) -> None:
        """A connection speaks HTTP from now on."""
        self._by_transport[transport] = door

    def closed(self, door: "_Door", transport: asyncio.BaseTransport | None) -> None:
        """A connection is over."""
        self._waiting.pop(door, None)
        self._busy.pop(door, None)
        if transport:
            self._by_transport.pop(transport, None)

    def _take(self, taken: socket.socket, address: str, made: Callable[[], asyncio.Protocol]) -> None:
        self.accepted += 1
        if len(self) >= self._most and not self._make_room():
            self.count("connections", address)
            taken.close()
            return
        door = _Door(self, made(), address)
        self._waiting[door] = None
        door.opening = task = asyncio.create_task(self._open(door, taken))
        task.add_done_callback(lambda done: self._has_opened(door, taken, done))

    async def _open(self, door: "_Door", taken: socket.socket) -> None:
        loop, tls = asyncio.get_running_loop(), self._tls()
        await loop.connect_accepted_socket(
            lambda: door, taken, ssl=tls, ssl_handshake_timeout=HEAD_S if tls else None
        )

    def _has_opened(self, door: "_Door", taken: socket.socket, task: asyncio.Task[None]) -> None:
        """Or not; a task that is cancelled may not even have begun."""
        door.opening = None
        error = None if task.cancelled() else task.exception()
        if task.cancelled() or error:
            if error:
                log.debug("%s: no TLS: %s", door.address, error)
                self.count("handshake", door.address)
            self.closed(door, None)
            taken.close()

    def _make_room(self) -> bool:
        """End the connection that has asked nothing for longest; False where all are asking."""
        door = next(iter(self._waiting), None)
        if door is None:
            return False
        del self._waiting[door]
        door.end("connections")
        return True


class _Door(asyncio.Protocol):
    """One connection: hands everything on to what speaks HTTP, and watches how long it takes."""

    def __init__(self, doors: Doors, http: asyncio.Protocol, address: str) -> None:
        self._doors, self._http, self.address = doors, http, address
        self._transport: asyncio.Transport | None = None
        self._head: asyncio.TimerHandle | None = None  # runs while a head is under way
        self._stall: asyncio.TimerHandle | None = None  # runs while an answer stands still
        self._asking = False
        self.opening: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._doors.opened(self, transport)
        self._expect_head()
        self._http.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if not self._asking and self._head is None:
            self._expect_head()
        self._http.data_received(data)

    def eof_received(self) -> bool | None:
        return self._http.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._head, self._stall):
            if timer:
                timer.cancel()
        self._doors.closed(self, self._transport)
        self._transport = None
        self._http.connection_lost(exc)

    def pause_writing(self) -> None:
        self._stall = asyncio.get_running_loop().call_later(STALLED_S, self.end, "stalled")
        self._http.pause_writing()

    def resume_writing(self) -> None:
        if self._stall:
            self._stall.cancel()
        self._http.resume_writing()

    def ask(self, *, asking: bool) -> None:
        """A request is under way from now on, or is no more."""
        self._asking = asking
        if self._head:
            self._head.cancel()
            self._head = None

    def end(self, reason: str) -> None:
        """Cut it off."""
        self._doors.count(reason, self.address)
        if self.opening:
            self.opening.cancel()
        if self._transport:
            self._transport.abort()

    def _expect_head(self) -> None:
        self._head = asyncio.get_running_loop().call_later(HEAD_S, self.end, "slow")
