"""Bulk syncs in the simulator: production code over a virtual connection, with cuts, crashes, pauses and waves."""

from collections.abc import Callable

import pytest

from edge.config import GossipConfig
from edge.gossip.bulk import IDLE_S
from edge.model import Address, Durable, EventKind
from loadtest.sim.network import Quality
from loadtest.sim.world import EPOCH_S, Host, World

NODES = 5


class Scene:
    """Nodes that know each other and hold events; further hosts are to join."""

    def __init__(
        self, nodes: int = NODES, joiners: int = 1, events: int = 600, refuses: bool = False, seed: int = 1
    ) -> None:
        self.world = World(seed, GossipConfig(events_max=8192), refuses=refuses)
        self.world.add(nodes + joiners)
        self.hosts = list(self.world.hosts.values())
        self.old, self.new = self.hosts[:nodes], self.hosts[nodes:]
        for host in self.old:
            self.world.start(host.name, [])
        records = [host.node.member for host in self.old if host.node]
        at = EPOCH_S * 1000 << 16
        self.events = [Durable(EventKind.PURGE, f"url:/{n}", at + n, "edge-0", 86_400) for n in range(events)]
        for host in self.old:
            assert host.node
            host.node.acquaint(records, 0.0)
            for event in self.events:
                host.node._events._log.merge(event, EPOCH_S * 1000)
            self.world.drain(host)

    def join(self, seeds: int = 3) -> None:
        for host in self.new:
            self.world.start(host.name, [one.address for one in self.old[:seeds]])

    def equal(self) -> bool:
        return len({host.node._sync.digest for host in self.hosts if host.node}) == 1

    def counted(self, hosts: list[Host], counter: str) -> int:
        return sum(getattr(host.node.counters, counter) for host in hosts if host.node)

    def on_frame(self, number: int, act: Callable[[Host], None]) -> None:
        """Call `act` with the newcomer when so many frames have come to it."""
        [new], acted = self.new, list[bool]()

        def look(host: Host) -> None:
            received = new.node.counters.bulk_bytes_received if new.node and host is new else 0
            if received > number * 1000 and not acted:
                acted.append(True)
                act(new)

        self.world.after_step = look


def test_a_newcomer_fetches_over_the_virtual_network() -> None:
    scene = Scene(events=5000)
    scene.world.run(1)
    scene.join()
    took_s = scene.world.until(scene.equal, 5)
    assert took_s is not None
    assert took_s < 0.5
    assert scene.counted(scene.new, "bulk_done") == 1
    assert scene.counted(scene.old, "bulk_bytes_sent") == scene.counted(scene.new, "bulk_bytes_received")


def test_loss_makes_it_late_and_no_more() -> None:
    scene = Scene(events=5000)
    scene.world.network.quality = Quality(loss=0.25)
    scene.join()
    assert scene.world.until(scene.equal, 10) is not None
    assert scene.counted(scene.new, "bulk_failed") == 0


@pytest.mark.parametrize("refuses", [True, False])
def test_a_server_that_dies_in_the_middle_is_replaced(refuses: bool) -> None:
    scene = Scene(events=5000, refuses=refuses)
    dead: list[str] = []

    def crash(_new: Host) -> None:
        [server] = [host for host in scene.old if host.node and host.node.counters.bulk_served]
        dead.append(server.name)
        scene.world.clock.at(scene.world.now, lambda: scene.world.crash(server.name))

    scene.on_frame(1, crash)
    scene.join()
    new = scene.new[0]
    assert scene.world.until(lambda: bool(new.node and len(new.node.durables()) == 5000), 10) is not None
    assert dead
    assert scene.counted(scene.new, "bulk_failed") == 1


def test_a_cut_in_the_middle_is_outlived() -> None:
    scene = Scene(events=5000)
    blocked: list[Address] = []
    scene.world.network.blocked = lambda one, other: bool({one, other} & set(blocked))
    scene.on_frame(1, lambda new: blocked.append(new.address))
    scene.join()
    scene.world.run(IDLE_S + 1)
    assert scene.counted(scene.new, "bulk_failed") == 1
    assert not scene.equal()
    blocked.clear()
    assert scene.world.until(scene.equal, 20) is not None


def test_who_stands_still_meanwhile_takes_it_in_later() -> None:
    scene = Scene(events=5000)

    def pause(new: Host) -> None:
        scene.world.pause(new.name)
        scene.world.clock.at(scene.world.now + 0.5, lambda: scene.world.resume(new.name))

    scene.on_frame(1, pause)
    scene.join()
    assert scene.world.until(scene.equal, 10) is not None


def test_a_wave_of_newcomers_does_not_fall_upon_one() -> None:
    """Thrice forty join twelve through three seeds: no seed serves half of them, as they choose by chance."""
    served = [0] * 12
    for seed in range(3):
        scene = Scene(nodes=12, joiners=40, events=300, seed=seed)
        scene.world.run(12)  # long enough for the old ones to count as settled
        scene.join()
        took_s = scene.world.until(scene.equal, 10)
        assert took_s is not None
        assert took_s < 2
        assert scene.counted(scene.new, "bulk_done") >= 36
        of_each = [host.node.counters.bulk_served for host in scene.old if host.node]
        served = [before + more for before, more in zip(served, of_each, strict=True)]
    assert max(served) < 60
    assert sum(served) >= 120
