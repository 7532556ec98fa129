"""The IO shell of the gossip core: one UDP socket, one timer, one pump."""

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any

from edge.gossip import GossipNode
from edge.model import Address, GossipEvent
from edge.shell.sockets import refused_addresses
from edge.wire.frame import DATAGRAM_MAX_BYTES

_ERRORS_EVERY_S = 0.1
_TIMER_SLACK_S = 0.0005


class GossipTransport(asyncio.DatagramProtocol):
    """Feeds a `GossipNode` with datagrams and time, and sends what it wants sent.

    Args:
        node: the sans-IO core.
        sock: a bound UDP socket (`edge.shell.sockets.bind`).
        on_event: called with each event of the core.
    """

    def __init__(
        self, node: GossipNode, sock: socket.socket, on_event: Callable[[GossipEvent], None]
    ) -> None:
        self.node = node
        self.send_errors = 0
        self._sock = sock
        self._on_event = on_event
        self._transport: asyncio.DatagramTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._errors_timer: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Begin to receive and to tick."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, sock=self._sock)
        self._look_for_errors()
        self.pump()

    def close(self) -> None:
        """Stop; nothing is sent any more."""
        for timer in (self._timer, self._errors_timer):
            if timer:
                timer.cancel()
        if self._transport:
            self._transport.close()
            self._transport = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the socket is ours."""
        assert isinstance(transport, asyncio.DatagramTransport) or hasattr(transport, "sendto")
        self._transport = transport  # type: ignore[assignment]  # uvloop's class has no common base

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """asyncio: a datagram came in."""
        self.node.receive_datagram(data, Address(addr[0], addr[1]), time.monotonic())
        self.pump()

    def error_received(self, exc: Exception) -> None:
        """asyncio: a datagram could not be sent, or came back; the socket's queue says whose it was."""
        if not isinstance(exc, ConnectionRefusedError):
            self.send_errors += 1
        self._report_refused()

    def pump(self) -> None:
        """Send what waits, pass on events, set the timer. To be called after every change from outside."""
        if self._transport is None:
            return
        for data, address in self.node.datagrams_to_send(time.monotonic()):
            self._send(data, address)
        while event := self.node.next_event():
            self._on_event(event)
        self._set_timer()

    def _send(self, data: bytes, address: Address) -> None:
        """The one place that sends."""
        assert len(data) <= DATAGRAM_MAX_BYTES, f"datagram of {len(data)} bytes"
        assert self._transport is not None
        try:
            self._transport.sendto(data, address)
        except (OSError, ValueError):  # no route, or an address of another family: gossip is made for loss
            self.send_errors += 1

    def _set_timer(self) -> None:
        due = self.node.next_timer()
        if due is None or (self._timer and self._timer_at <= due + _TIMER_SLACK_S):
            return
        if self._timer:
            self._timer.cancel()
        self._timer_at = due
        self._timer = asyncio.get_running_loop().call_later(max(0.0, due - time.monotonic()), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.node.handle_timer(time.monotonic())
        self.pump()

    def _look_for_errors(self) -> None:
        """uvloop and asyncio swallow some queued errors in sendto; look for them now and then."""
        self._report_refused()
        loop = asyncio.get_running_loop()
        self._errors_timer = loop.call_later(_ERRORS_EVERY_S, self._look_for_errors)

    def _report_refused(self) -> None:
        refused = refused_addresses(self._sock)
        for address in dict.fromkeys(refused):
            self.node.report_refused(address, time.monotonic())
        if refused:
            self.pump()
