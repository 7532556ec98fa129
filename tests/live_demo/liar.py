"""A node that lies: `edge run` in all, but for what it tells while a file named in EDGE_LIE holds the name of a lie.

Run as `python -m live_demo.liar run …`. It has the cluster's key and so can say whatever it likes, as itself.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

from msgspec import structs

from edge.app import Node
from edge.cli import main, node
from edge.gossip.core import Core
from edge.gossip.events import Refusal
from edge.model import Address, EventKind, Load, Member, Status
from edge.shell.publishing import PUBLISH_EVERY_S, Publishing
from edge.wire.messages import Announce, Claim, LoadRow, Loads, encode

PURGES_PER_S, NAMES, FLOOD_PER_S = 200, 100, 5000
_FLOOD_EVERY_S = 0.01
_ROWS = 10  # of a datagram of the flood


class Liar(Node):
    """Looks for its lie as often as it looks at its load."""

    _lie = ""
    _acts = 0
    _flooding: asyncio.Task[None] | None = None

    def _telling(self) -> Publishing:
        made, gossip = super()._telling(), self.gossip
        gossip.update_load = self._told(gossip.update_load)  # type: ignore[method-assign, assignment]
        tell = made.tell

        def lie_and_tell() -> None:
            self._act_by_lie()
            tell()

        made.tell = lie_and_tell  # type: ignore[method-assign]
        return made

    def _act_by_lie(self) -> None:
        acts = {"deaths": self._accuse, "names": self._invent, "purges": self._purge}
        self._acts += 1
        self._lie = _lie()
        acts.get(self._lie, lambda: None)()
        if self._lie.startswith("flood") and self._flooding is None:
            self._flooding = asyncio.create_task(self._flood())

    def _told(self, update: Callable[[Load, float], None]) -> Callable[[Load, float], None]:
        def told(load: Load, now: float) -> None:
            if self._lie == "empty":
                load = structs.replace(load, streams=0, kbps=0, rps=0)
            elif self._lie == "huge":
                load = structs.replace(load, capacity=1000 * load.capacity)
            update(load, now)

        return told

    @property
    def _core(self) -> Core:
        return self.gossip._core

    def _others(self) -> list[Member]:
        return self._core.others(Status.ALIVE, Status.SUSPECT)

    def _tell_all(self, messages: list[bytes]) -> None:
        for one in self._others():
            self._core.outbox.send(one.address, *messages)

    def _accuse(self) -> None:
        """Everybody, each second."""
        if self._acts % 10 == 1:
            me = self.gossip.member.name
            claims = [Claim(one.name, one.incarnation, Status.SUSPECT, me) for one in self._others()]
            self._tell_all([encode(one) for one in claims])

    def _invent(self) -> None:
        me = self.gossip.member
        numbers = range(self._acts % 10, NAMES, 10)
        self._tell_all([encode(Announce(structs.replace(me, name=f"sybil-{one}"))) for one in numbers])

    def _purge(self) -> None:
        with suppress(Refusal):
            for number in range(int(PURGES_PER_S * PUBLISH_EVERY_S)):
                key = f"url:/lie/{self._acts}/{number}"
                self.gossip.create_event(EventKind.PURGE, key, "hard", 60, time.monotonic())

    async def _flood(self) -> None:
        """Loads, well sealed and of no use, to the one whose address comes after `flood`."""
        sock, sealer = self._bound.gossip, self._core.outbox._sealer
        version, begun, sent = self.gossip.member.incarnation, time.monotonic(), 0
        while self._lie.startswith("flood "):
            target = Address.parse(self._lie.split()[1], "flood")
            due = int((time.monotonic() - begun) * FLOOD_PER_S) - sent
            for payload in self._payloads(version, min(due, FLOOD_PER_S // 10)):
                with suppress(OSError):
                    sock.sendto(sealer.seal(payload), target)
            sent += due
            await asyncio.sleep(_FLOOD_EVERY_S)
        self._flooding = None

    def _payloads(self, version: int, count: int) -> Iterator[bytes]:
        load = Load(10, 1000, 10, 1000, 100, 1)
        rows = [LoadRow(f"nobody-{number}", version + number, load) for number in range(_ROWS)]
        payload = b"[" + encode(Loads(rows)) + b"]"
        for _ in range(count):
            yield payload


def _lie() -> str:
    try:
        return Path(os.environ["EDGE_LIE"]).read_text()
    except FileNotFoundError:
        return ""


if __name__ == "__main__":
    with patch.object(node, "Node", Liar):
        main()
