"""Hangs all checkers on a world."""

from edge.gossip import GossipNode
from loadtest.sim.checkers import (
    Bounds,
    Checker,
    Owners,
    Routes,
    Storms,
    Versions,
    Violation,
    ViolationError,
)
from loadtest.sim.durable import Acknowledgements, Dates, LastWriter
from loadtest.sim.ledger import Ledger
from loadtest.sim.observe import Observer
from loadtest.sim.world import Host, World

_COPY_LAG_S = 0.1  # more than a second copy is ever behind the first


class Monitor:
    """The checkers of one run; the first violation ends it."""

    def __init__(self, world: World, ledger: Ledger) -> None:
        self._world = world
        self._observers: dict[str, Observer] = {}
        self._checkers: list[Checker] = [
            *(Versions(), Owners(), Bounds(world), Storms(world), Routes()),
            *(LastWriter(world, ledger), Dates(ledger), Acknowledgements(ledger)),
        ]

    def stepped(self, host: Host) -> None:
        """Look at a host after its step."""
        if host.node is None:
            return
        step = self._observer(host, host.node).step()
        for checker in self._checkers:
            if wrong := checker.stepped(step):
                self._violated(checker.rule, host, wrong)

    def copied(self, host: Host, replays_before: int) -> None:
        """A datagram came a second time: it is dropped as a replay and changes nothing."""
        observer = self._observers.get(host.name)
        if host.node is None or observer is None or observer.node is not host.node:
            return
        if self._world.now - observer.since < _COPY_LAG_S:
            return  # the first one may have come before this process was there
        if host.node.replays != replays_before + 1:
            self._violated("replays", host, "took a datagram in for the second time")
        if not observer.unchanged():
            self._violated("replays", host, "a replay changed something")

    def _observer(self, host: Host, node: GossipNode) -> Observer:
        observer = self._observers.get(host.name)
        if observer is None or observer.node is not node:
            observer = self._observers[host.name] = Observer(host, node, self._world.now)
        return observer

    def _violated(self, rule: str, host: Host, wrong: str) -> None:
        raise ViolationError(Violation("safety", rule, self._world.now, host.name, wrong))
