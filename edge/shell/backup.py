"""The socket of the second path (`edge.gossip.backup`), on another network than the gossip's."""

import asyncio
import socket
import time
from collections.abc import Callable

from edge.gossip.backup import Backup
from edge.model import Address
from edge.wire.frame import DATAGRAM_MAX_BYTES

_RECEIVE_BYTES = DATAGRAM_MAX_BYTES + 1  # one more shows that it is too long
_AT_ONCE = 64  # datagrams taken in before anything else of the process gets its turn


class BackupSocket:
    """Feeds the second path with datagrams, and sends what it wants sent.

    Args:
        backup: the sans-IO part.
        sock: a bound UDP socket; closed by `close`. None: there is no second path.
        on_change: called after what may have brought something to do.
    """

    def __init__(self, backup: Backup, sock: socket.socket | None, on_change: Callable[[], None]) -> None:
        self.send_errors = 0
        self._backup = backup
        self._sock = sock
        self._on_change = on_change
        self._loop: asyncio.AbstractEventLoop | None = None  # while it runs

    def start(self) -> None:
        """Begin to receive, in the running loop."""
        if self._sock:
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._sock, self._on_readable)

    def close(self) -> None:
        """Stop; nothing is sent any more."""
        if self._loop and self._sock:
            self._loop.remove_reader(self._sock)
            self._loop = None
            self._sock.close()

    def flush(self) -> None:
        """Send what waits. What cannot be sent is lost: it is told again."""
        for data, address in self._backup.datagrams():
            if self._sock is None or self._loop is None:
                continue
            try:
                self._sock.sendto(data, address)
            except OSError:  # no route, an address of another family, a full buffer
                self.send_errors += 1

    def _on_readable(self) -> None:
        assert self._sock
        for _ in range(_AT_ONCE):
            try:
                data, source = self._sock.recvfrom(_RECEIVE_BYTES)
            except OSError:  # BlockingIOError when it is empty; or an earlier datagram's refusal
                break
            self._backup.receive(data, Address(*source[:2]), time.monotonic())
        self._on_change()
