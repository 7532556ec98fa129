"""Where the keys of a running node come from: the keys file, read again when it changes, and orders of operators.

The last word counts: what a changed file says, or what is ordered. A file that cannot be used is told of, counted, and
tried again when it changes; the keys that are held stay. What is ordered is written into the file, so that a restart
does not undo it. A file that is a symbolic link, as a Secret's is, is somebody else's to write: then an order is held
in memory, and it is said so.
"""

import asyncio
import contextlib
import logging
import os
import pathlib
import tempfile
import time
from collections.abc import Callable

from edge.config import Config
from edge.gossip import GossipNode
from edge.model import ConfigError, Durable, GossipEvent
from edge.shell.events import EventActor
from edge.shell.files import read_ring
from edge.shell.reread import stamp_of
from edge.wire import keyorders
from edge.wire.keyorders import Order
from edge.wire.keys import KeyRing, key_id

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
_HEADER = "# Keys of the gossip, one a line; the first seals. Written by the node as `edge keys` ordered.\n"

Told = Callable[[GossipEvent], None]


class KeyKeeper:
    """Keeps the ring of one node.

    Args:
        node: the gossip core.
        config: names the file; without one there is nothing to do.
        events: hands orders on to it.
        told: hears of what happens.
    """

    def __init__(self, node: GossipNode, config: Config, events: EventActor, told: Told) -> None:
        self.node = node
        self.cluster = config.node.cluster
        self.path = pathlib.Path(config.gossip.keys_file) if config.gossip.keys_file else None
        self.reloads = 0
        self.failures = 0  # changed files, or orders, that could not be used
        self.trouble = ""  # why the file as it is is not used
        self.unsaved = ""  # why what is held is not in the file
        self._config = config
        self._told = told
        self._stamp = stamp_of(self.path) if self.path else None
        self._file = node.keys.ring  # as read last
        self._installed: dict[int, bytes] = {}
        self._sealed: dict[int, Order] = {}  # installations that no key here opens yet
        self._removed: dict[int, bool] = {}  # ids: whether nobody who is gone is waited for
        self._behind = False  # an order could not be obeyed
        events.on_keys = self.ordered
        self._first: Order | None = None  # the last word about what seals; None: the file's

    async def run(self) -> None:
        """Look for a changed file until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.look()
            if self._sealed or self._behind:
                self._obey()
            await asyncio.to_thread(self.save)

    def look(self) -> None:
        """Read the file, if it has changed."""
        if self.path is None or (found := stamp_of(self.path)) == self._stamp:
            return
        self._stamp = found
        try:
            self._changed(read_ring(self._config))
        except ConfigError as error:
            self.trouble = str(error)
            self._failed(f"the keys that are held stay: {error}")

    def ordered(self, event: Durable) -> None:
        """Obey an order."""
        order = keyorders.read(event.key, event.body)
        if order is None or self.path is None:
            self._failed(f"{event.key} of {event.origin} cannot be obeyed: it is of another version")
            return
        match order.what:
            case "use":
                self._first = order
            case "remove":
                self._removed[order.key] = order.force
                self._installed.pop(order.key, None)
                self._sealed.pop(order.key, None)
            case _:
                self._removed.pop(order.key, None)
                self._sealed[order.key] = order
        self._obey()

    def save(self) -> None:
        """Write what is wanted into the file, if it says something else for want of an order."""
        wanted, found = self.node.keys.wanted, self._stamp
        if self.path is None or self._linked or not self._unwritten or stamp_of(self.path) != found:
            return
        try:
            _write(self.path, wanted)
        except OSError as error:
            self._keep_in_memory(f"{self.path} cannot be written ({error.strerror})")
        else:
            self._file, self._stamp, self.unsaved = wanted, stamp_of(self.path), ""
            log.info("the keys as ordered are in %s", self.path)

    @property
    def unread(self) -> str:
        """Which keys were ordered and cannot be had, in words; empty if none."""
        found = (f"key {one.key:02x} is sealed under {one.under:02x}" for one in self._sealed.values())
        words = ", ".join(found)
        return f"ordered, but not to be read here: {words}, which is not held" if words else ""

    @property
    def _linked(self) -> bool:
        return self.path is not None and (self.path.is_symlink() or self.path.parent.is_symlink())

    @property
    def _unwritten(self) -> bool:
        """Whether there are orders that the file says nothing of; one that is being mended is left alone."""
        return self._orders and not self.trouble and self.node.keys.wanted.keys != self._file.keys

    def _keep_in_memory(self, reason: str) -> None:
        if reason != self.unsaved:
            log.warning("%s: a restart forgets the keys as ordered; put them there yourself", reason)
        self.unsaved = reason

    @property
    def _orders(self) -> bool:
        return bool(self._installed or self._removed or self._first)

    def _changed(self, ring: KeyRing) -> None:
        before = self._file
        if ring.keys == before.keys:
            self.trouble = ""
            return
        fresh = [key_id(key) for key in ring.keys if key not in before.keys]
        gone = [key_id(key) for key in before.keys if key not in ring.keys]
        removed, first, installed = self._removed, self._first, self._installed
        self._removed = {one: forced for one, forced in removed.items() if one not in fresh}
        self._installed = {one: key for one, key in installed.items() if one not in gone}
        if ring.keys[0] != before.keys[0]:
            self._first = None
        self._file = ring
        try:
            self._apply()
        except ConfigError:
            self._file, self._removed, self._first, self._installed = before, removed, first, installed
            raise
        self.trouble, self.unsaved = "", ""
        self.reloads += 1
        log.info("%s was read again: %s", self.path, ring)

    def _obey(self) -> None:
        """Do what is ordered, as far as that can be done now; it is tried again."""
        try:
            self._apply()
            self._behind = False
        except ConfigError as error:
            if not self._behind:
                self._failed(f"an order about keys cannot be obeyed yet: {error}")
            self._behind = True
        if self._linked and self._unwritten:
            self._keep_in_memory(f"{self.path} is a symbolic link, as of a Secret")

    def _apply(self) -> None:
        """Want what file and orders say together."""
        keys = self.node.keys
        for order in list(self._sealed.values()):
            if (key := keyorders.opened(order, keys.ring, self.cluster)) is not None:
                self._installed[order.key] = key
                del self._sealed[order.key]
        held = [key for key in self._file.keys if key_id(key) not in self._removed]
        held += [key for key in self._installed.values() if key not in held]
        if not held:  # removed before what takes its place has come
            return
        ring = KeyRing.of(held, "keys")
        forced = [one for one, forced in self._removed.items() if forced]
        if self._first:
            ring = ring.led_by(self._first.key)
            forced += [self._first.key] if self._first.force else []
        keys.want(ring, time.monotonic(), forced)

    def _failed(self, text: str) -> None:
        self.failures += 1
        log.warning("%s", text)
        self._told(GossipEvent("keys", self.node.member.name, text, time.monotonic()))


def _write(path: pathlib.Path, ring: KeyRing) -> None:
    """Replace the file at once, with the rights that it has.

    Raises:
        OSError: it cannot be.
    """
    mode = path.stat().st_mode & 0o777
    number, name = tempfile.mkstemp(prefix=".keys-", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(_HEADER + ring.text())
            file.flush()
            os.fsync(file.fileno())
        pathlib.Path(name).chmod(mode)
        pathlib.Path(name).replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            pathlib.Path(name).unlink()
        raise
