"""Bulk syncs over the virtual network: a connection is reliable, so loss makes it late, and a cut makes it silent."""

import random
from typing import TYPE_CHECKING

from edge.gossip import GossipNode
from edge.gossip.bulk import Fetching
from edge.gossip.serving import RETRY_AFTER_S, Answer, Verdict
from loadtest.sim.clock import Action

if TYPE_CHECKING:
    from loadtest.sim.world import Host, World

_BYTES_PER_S = 12.5e6  # a connection's share: 100 Mb/s
_AGAIN_S = 0.2  # the least retransmission timeout of Linux
_LOOK_S = 0.05  # how often a process that stands still is looked at again


class Transfer:
    """One exchange. Each step looks anew whether the way is open and both processes are still there."""

    def __init__(self, world: "World", client: "Host", fetch: Fetching) -> None:
        self._world = world
        self._client, self._node = client, client.node
        self._fetch = fetch
        self._server: GossipNode | None = None
        self._rng = random.Random(f"{world.seed}:transfer:{client.name}:{client.starts}:{fetch.serial}")

    def begin(self) -> None:
        """Connect and send the request; if nobody can hear it, nothing happens, and the core's patience ends."""
        if self._open():
            self._after(3 * self._way_s(), self._request)

    def _request(self) -> None:
        host = self._world.at(self._fetch.peer)
        if not self._open() or host is None:
            return
        if host.node is None:
            if self._world.refuses:
                self._after(self._way_s(), self._failed)
            return
        if host.paused:
            self._after(_LOOK_S, self._request)
            return
        self._server = host.node
        answer = host.node.bulk_server.answer(self._fetch.request, host.local(self._world.now))
        self._world.drain(host)
        match answer.verdict:
            case Verdict.SERVED:
                self._pull(answer, self._way_s())
            case Verdict.BUSY:
                hints = b"".join(answer.frames)
                self._after(self._way_s(), lambda: self._turned_away(hints))
            case Verdict.MISDIRECTED | Verdict.REFUSED:
                self._after(self._way_s(), self._failed)

    def _pull(self, answer: Answer, way_s: float) -> None:
        """Let the server send the next frame; all but the first are on their way already."""
        host = self._world.at(self._fetch.peer)
        if host is None or host.node is not self._server or not self._open():
            answer.close()
        elif host.paused:
            self._after(_LOOK_S, lambda: self._pull(answer, way_s))
        elif (frame := next(answer.frames, None)) is None:
            answer.close()
            self._after(way_s, self._done)
        else:
            lost = self._rng.random() < self._world.network.quality.loss
            late_s = len(frame) / _BYTES_PER_S + (_AGAIN_S if lost else 0.0)
            self._after(way_s + late_s, lambda: self._take(answer, frame))

    def _take(self, answer: Answer, frame: bytes) -> None:
        node = self._listening()
        if node is None and self._alive():
            self._after(_LOOK_S, lambda: self._take(answer, frame))
        elif node and node.bulk.frame(self._fetch, frame, self._client.local(self._world.now)):
            self._world.drain(self._client)
            self._pull(answer, 0.0)
        else:
            answer.close()
            self._drain()

    def _done(self) -> None:
        if node := self._listening():
            node.bulk.done(self._fetch, self._client.local(self._world.now))
            self._drain()

    def _failed(self) -> None:
        if node := self._listening():
            node.bulk.failed(self._fetch, self._client.local(self._world.now))
            self._drain()

    def _turned_away(self, hints: bytes) -> None:
        if node := self._listening():
            node.bulk.turned_away(self._fetch, RETRY_AFTER_S, hints, self._client.local(self._world.now))
            self._drain()

    def _drain(self) -> None:
        if self._alive():
            self._world.drain(self._client)

    def _alive(self) -> bool:
        return self._node is not None and self._client.node is self._node

    def _listening(self) -> GossipNode | None:
        """The process that asked, if it is there and does not stand still."""
        return self._node if self._alive() and not self._client.paused else None

    def _open(self) -> bool:
        """Whether packets pass both ways, as a connection needs."""
        here, there, blocked = self._client.address, self._fetch.peer, self._world.network.blocked
        return self._alive() and not blocked(here, there) and not blocked(there, here)

    def _way_s(self) -> float:
        return self._world.delay_s(self._client.address, self._fetch.peer)

    def _after(self, seconds: float, action: Action) -> None:
        self._world.clock.at(self._world.now + seconds, action)
