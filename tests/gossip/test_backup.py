"""What a second path carries across a cut, and what it must not."""

from edge.config import GossipConfig
from edge.gossip import GossipNode
from edge.model import Durable, EventKind, Load, Status
from edge.state.view import Partition
from edge.wire.compress import shipped
from edge.wire.errors import Drop
from edge.wire.frame import Sealer
from edge.wire.keys import KeyRing
from edge.wire.messages import Claim, encode, join
from loadtest.sim.partition import halves
from loadtest.sim.world import CLUSTER, SATELLITE_S, Host, World

NODES = 12
DAY_S = 86_400


def cluster(config: GossipConfig | None = None, *, backup: bool = True) -> World:
    """Nodes that know each other."""
    world = World(1, config, backup=backup)
    world.add(NODES)
    world.start_acquainted()
    for host in world.running():
        world.update_load(host, Load(1, 2, 3, capacity=4, health=100, lag_ms=0))
    world.run(2)
    return world


def cut_world(
    config: GossipConfig | None = None, *, backup: bool = True
) -> tuple[World, list[Host], list[Host]]:
    """A cluster in two islands, which both know it."""
    world = cluster(config, backup=backup)
    side = halves(world)
    side_at = {host.address: side[host.name] for host in world.hosts.values()}
    world.network.blocked = lambda source, target: side_at[source] != side_at[target]
    world.until(lambda: all(partition(host) for host in world.running()), 10)
    world.run(1)
    left = [host for host in world.running() if side[host.name]]
    return world, left, [host for host in world.running() if host not in left]


def node_of(host: Host) -> GossipNode:
    assert host.node
    return host.node


def partition(host: Host) -> Partition | None:
    return node_of(host).view().partition


def create(world: World, host: Host, key: str, kind: EventKind = EventKind.PURGE) -> Durable:
    event = node_of(host).create_event(kind, key, "", DAY_S, host.local(world.now))
    world.drain(host)
    return event


def act(world: World) -> None:
    """Every application acts on all that waits for it."""
    for host in world.running():
        node = node_of(host)
        while event := node.next_durable():
            node.confirm_durable(event, host.local(world.now))
        world.drain(host)


def have(hosts: list[Host], event: Durable) -> bool:
    return all(event in node_of(host).durables() for host in hosts)


def test_a_purge_made_on_one_side_is_on_the_other_within_a_second() -> None:
    world, left, right = cut_world()
    event = create(world, left[0], "prefix:/live/")
    took_s = world.until(lambda: have(left + right, event), 5)
    assert took_s is not None
    assert SATELLITE_S < took_s < 1


def test_without_a_second_path_it_waits_for_the_heal() -> None:
    world, left, right = cut_world(backup=False)
    event = create(world, left[0], "prefix:/live/")
    assert world.until(lambda: have(right, event), 10) is None


def test_the_cut_stays_a_cut() -> None:
    """Who answers on the second path is not back on the first."""
    world, left, right = cut_world()
    declared = [partition(host) for host in left + right]
    create(world, left[0], "a")
    create(world, right[0], "b")
    for _ in range(100):
        world.run(0.1)
        act(world)
    assert [one and one.ident for one in map(partition, left + right)] == [
        one and one.ident for one in declared
    ]
    assert all(len(node_of(host).view().alive) == len(left) for host in left)


def test_who_has_acted_is_known_across_the_cut() -> None:
    world, left, right = cut_world()
    event = create(world, left[0], "prefix:/live/")

    def known_to_all() -> bool:
        act(world)
        return all(len(node_of(host).reached(event)) == NODES for host in (left[0], right[0]))

    assert world.until(known_to_all, 30, every_s=0.1) is not None


def test_an_acknowledged_event_is_not_told_again() -> None:
    world, left, _ = cut_world()
    create(world, left[0], "prefix:/live/")
    for _ in range(300):
        world.run(0.1)
        act(world)
    sent: list[bytes] = []
    world.backup.watch = lambda _source, _target, data: sent.append(data)
    world.run(10)
    assert sent  # the cut is still there, and so are their loads
    assert max(map(len, sent)) < 200


def test_the_budget_holds_whatever_there_is_to_tell() -> None:
    world, left, right = cut_world(GossipConfig(backup_kbps=8))
    begun = world.now
    counters = [node_of(host).counters for host in left]
    before = [one.backup_bytes_sent for one in counters]
    for number in range(200):
        create(world, left[number % len(left)], f"url:/live/{number}" + "x" * 400)
        world.run(0.05)
    spent = [one.backup_bytes_sent - first for one, first in zip(counters, before, strict=True)]
    assert max(spent) <= 1000 * (world.now - begun + 2)
    assert sum(one.backup_over_budget for one in counters) > 0
    last = create(world, left[0], "url:/live/last")
    assert world.until(lambda: have(right, last), 60) is not None, "it is only slower"


def test_a_word_about_members_is_not_taken() -> None:
    world, left, right = cut_world()
    node, lost = node_of(left[0]), node_of(right[0]).member
    sealer = Sealer(KeyRing.insecure(CLUSTER), CLUSTER, b"8 bytes!", shipped())
    refutation = Claim(lost.name, lost.incarnation + 1, Status.ALIVE, lost.name)
    data = sealer.seal(join([encode(refutation)]))
    node.backup.receive(data, right[0].address, left[0].local(world.now))
    assert node.status_of(lost.name) is Status.SUSPECT
    assert node.counters.backup_foreign == 1


def test_junk_moves_counters_and_nothing_else() -> None:
    world, left, _ = cut_world()
    node = node_of(left[0])
    version, received = node.view().version, node.counters.backup_received
    node.backup.receive(b"junk" * 20, left[1].address, left[0].local(world.now))
    assert node.view().version == version
    assert node.counters.backup_received == received + 1
    assert node.counters.dropped[Drop.VERSION] == 1


def test_one_node_that_is_cut_off_alone_hears_what_the_others_make() -> None:
    """They see no cut, but a member that may have died; they answer it on the path on which it speaks."""
    world = cluster()
    alone = world.running()[0]
    others = world.running()[1:]
    world.network.blocked = lambda source, target: alone.address in (source, target)
    world.run(20)
    assert partition(alone)
    assert not any(partition(host) for host in others)
    event = create(world, others[0], "prefix:/live/")
    assert world.until(lambda: have([alone], event), 10) is not None
    event = create(world, alone, "prefix:/live/mumbai/")
    assert world.until(lambda: have(others, event), 5) is not None
