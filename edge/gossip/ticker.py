"""The beat of batched gossip: whom to tell next, how soon, and what a storm changes about it."""

from edge.gossip.core import Core
from edge.gossip.storm import CALM_S
from edge.gossip.sync import Sync
from edge.model import Address
from edge.wire.messages import Loads, Pull, encode

_PULL = encode(Pull())


class Ticker:
    """One peer at a time gets the news that was sent least; a tick's datagrams leave evenly spread over it."""

    def __init__(self, core: Core, sync: Sync, now: float) -> None:
        self._core = core
        self._sync = sync
        self._due = now + core.rng.uniform(0, core.config.tick_min_s)
        self._timer = core.timers.at(self._due, self._tick)

    def hurry(self, now: float) -> None:
        """There is news: tick at the pace that it asks for."""
        due = now + self._pause_s(now)
        if due < self._due:
            self._timer.cancel()
            self._set(due)

    def pulled(self, peer: Address) -> None:
        """A peer asks for news."""
        self._core.outbox.gossip(peer, self._sync.root_message())

    def enter_storm(self, now: float) -> None:
        """A datagram was not admitted whole: if the node as a whole is above its bound, ask less of others too."""
        core = self._core
        if core.stormy or not core.storm.storm(now):
            return
        core.stormy = core.broadcasts.bulk_waits = True
        core.emit("storm", core.name, "more datagrams come than this node takes in: bulk waits", now)
        core.timers.at(now + CALM_S, self._leave_storm)

    def _leave_storm(self, now: float) -> None:
        core = self._core
        if core.storm.storm(now):
            core.timers.at(now + 1, self._leave_storm)
            return
        core.stormy = core.broadcasts.bulk_waits = False
        core.emit("storm-over", core.name, "no more datagrams come than this node takes in", now)

    def _tick(self, now: float) -> None:
        core = self._core
        self._set(now + self._pause_s(now))
        pull = core.config.exchange != "push"
        if not (len(core.broadcasts) or pull) or (peer := core.rounds.next()) is None:
            return
        messages = [self._sync.root_message(), *([_PULL] if pull else [])]
        if doubts := core.reputation.told():
            messages.append(encode(Loads([], [], doubts)))
        if core.config.exchange == "pull":
            core.outbox.send(peer.address, *messages)
        else:
            core.outbox.gossip(peer.address, *messages)

    def _pause_s(self, now: float) -> float:
        core = self._core
        fanout = core.config.fanout if not core.stormy else (core.config.fanout + 1) // 2
        return core.pace(now).tick_s / fanout

    def _set(self, due: float) -> None:
        self._due = due
        self._timer = self._core.timers.at(due, self._tick)
