"""The IO shell of the gossip core: one UDP socket, one timer, one pump.

The socket reports refusals (IP_RECVERR), which epoll shows as an error state. libuv stops watching a descriptor in that
state, and its own UDP transport crashes on it; so the loop watches a selector that watches the socket.
"""

import asyncio
import selectors
import socket
import time
from collections.abc import Callable

from edge.gossip import GossipNode
from edge.model import Address, GossipEvent
from edge.shell.sockets import refused_addresses
from edge.wire.frame import DATAGRAM_MAX_BYTES

_TIMER_SLACK_S = 0.0005
_TIMER_ROUNDING_S = 0.001  # uvloop counts in whole milliseconds; a timer that comes early must come twice
_AT_ONCE = 256  # datagrams taken in before anything else of the process gets its turn
_RECEIVE_BYTES = DATAGRAM_MAX_BYTES + 1  # one more shows that it is too long


class GossipTransport:
    """Feeds a `GossipNode` with datagrams and time, and sends what it wants sent.

    Args:
        node: the sans-IO core.
        sock: a bound UDP socket (`edge.shell.sockets.bind`); closed by `close`.
        on_event: called with each event of the core.
        on_change: called after everything that may have brought a durable event to act on.
    """

    def __init__(
        self,
        node: GossipNode,
        sock: socket.socket,
        on_event: Callable[[GossipEvent], None],
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.node = node
        self.send_errors = 0
        self._sock = sock
        self._on_event = on_event
        self._on_change = on_change
        self._loop: asyncio.AbstractEventLoop | None = None  # while it runs
        self._selector = selectors.EpollSelector()
        self._selector.register(sock, selectors.EVENT_READ)
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def start(self) -> None:
        """Begin to receive and to tick, in the running loop."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._selector.fileno(), self._on_readable)
        self.pump()

    def close(self) -> None:
        """Stop; nothing is sent any more."""
        if self._timer:
            self._timer.cancel()
        if self._loop:
            self._loop.remove_reader(self._selector.fileno())
            self._loop = None
        self._selector.close()
        self._sock.close()

    def pump(self) -> None:
        """Send what waits, pass on events, set the timer. To be called after every change from outside."""
        if self._loop is None:
            return
        self._on_change()
        for data, address in self.node.datagrams_to_send(time.monotonic()):
            self._send(data, address)
        while event := self.node.next_event():
            self._on_event(event)
        self._set_timer(self._loop)

    def _on_readable(self) -> None:
        now = time.monotonic()
        for _ in range(_AT_ONCE):
            try:
                data, source = self._sock.recvfrom(_RECEIVE_BYTES)
            except BlockingIOError:
                break
            except OSError:  # a refusal; the queue says whose
                continue
            self.node.receive_datagram(data, Address(*source[:2]), now)
        self._report_refused(now)
        self.pump()

    def _report_refused(self, now: float) -> None:
        for address in dict.fromkeys(refused_addresses(self._sock)):
            self.node.report_refused(address, now)

    def _send(self, data: bytes, address: Address) -> None:
        """The one place that sends. What cannot be sent is lost: gossip is made for that."""
        assert len(data) <= DATAGRAM_MAX_BYTES, f"datagram of {len(data)} bytes"
        for _ in range(2):
            try:
                self._sock.sendto(data, address)
            except ConnectionRefusedError:  # an earlier datagram's refusal; telling it has cleared it
                continue
            except OSError:  # no route, an address of another family, a full buffer
                break
            return
        self.send_errors += 1

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        due = self.node.next_timer()
        if due is None or (self._timer and self._timer_at <= due + _TIMER_SLACK_S):
            return
        if self._timer:
            self._timer.cancel()
        self._timer_at = due
        self._timer = loop.call_later(max(0.0, due - time.monotonic()) + _TIMER_ROUNDING_S, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.node.handle_timer(time.monotonic())
        self.pump()
