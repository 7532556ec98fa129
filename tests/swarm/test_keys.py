"""Keys rotate on simulated hosts over bad links: through a cut."""

from edge.model import Load
from edge.wire.errors import Drop
from edge.wire.keys import KEY_BYTES, KeyRing
from loadtest.sim.network import Quality
from loadtest.sim.world import World

OLD, NEW = (bytes([number]) * KEY_BYTES for number in (1, 2))
ONLY_OLD, BOTH, ONLY_NEW = (KeyRing(keys) for keys in ((OLD,), (OLD, NEW), (NEW,)))
HOSTS = 9


class Rotation:
    """A world whose load changes, and wishes about its keys."""

    def __init__(self, seed: int) -> None:
        self.world = world = World(seed)
        world.ring = ONLY_OLD
        world.network.quality = Quality(loss=0.15, duplicate=0.05, reorder_s=0.2)
        world.add(HOSTS)
        world.start_acquainted()
        self._streams = 0

    def work(self, seconds: float) -> None:
        for _ in range(int(2 * seconds)):
            self._streams += 1
            for host in self.world.running():
                self.world.update_load(host, Load(self._streams, 1, 1, 100, 100, 0))
            self.world.run(0.5)

    def want(self, ring: KeyRing) -> None:
        for host in self.world.running():
            assert host.node
            host.node.keys.want(ring, host.local(self.world.now))
            self.world.drain(host)

    def rings(self) -> list[KeyRing]:
        return [host.node.keys.ring for host in self.world.running() if host.node]

    def unopened(self) -> int:
        reasons = (Drop.UNKNOWN_KEY, Drop.AUTHENTICATION)
        nodes = [host.node for host in self.world.running() if host.node]
        return sum(node.counters.dropped[reason] for node in nodes for reason in reasons)


def test_a_rotation_in_the_middle_of_a_cut_ends_after_it() -> None:
    run = Rotation(seed=7)
    run.work(3)
    left = [host.address for host in run.world.running()][: HOSTS // 3]
    run.world.network.blocked = lambda source, target: (source in left) != (target in left)
    run.work(1)
    run.want(BOTH)  # as of a file that every host gets
    run.work(5)
    run.want(ONLY_NEW)
    run.work(4)
    assert all(OLD in ring.keys for ring in run.rings()), "the lost may seal with it"
    run.world.network.blocked = lambda _source, _target: False
    run.work(10)
    assert run.rings() == [ONLY_NEW] * HOSTS
    assert run.unopened() == 0
