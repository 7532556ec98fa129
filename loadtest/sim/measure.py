"""What the gossip targets ask, measured in virtual time: ages, spreading, detection, bytes.

All figures are exact for a seed. The nodes stand in the cities of the latency model and know each other from the start.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge.config import GossipConfig
from edge.model import Load, Status
from loadtest.sim.cities import Place
from loadtest.sim.network import Quality
from loadtest.sim.world import Host, World

SETTLE_S, _SETTLE_TICKS = 2.0, 10  # the steady state is reached after these
_CAPACITY = 250_000
_SAMPLES = 4000
_AT_A_TIME = 5


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of all lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def acquainted(
    nodes: int,
    config: GossipConfig | None = None,
    *,
    seed: int = 1,
    loss: float = 0.0,
    place: Place | None = None,
) -> World:
    """A cluster whose members all know each other, spread over the cities unless it is all in one `place`."""
    world = World(seed, config)
    world.network.quality = Quality(loss=loss)
    world.add(nodes, (lambda _: place) if place else None)
    world.start_acquainted()
    return world


def load_at(now: float, rng: random.Random) -> Load:
    """What a busy node reports; `kbps` is the millisecond of the change."""
    return Load(
        streams=rng.randrange(190_000, 200_000),
        kbps=int(now * 1000),
        rps=1000 * rng.randrange(90, 100),
        capacity=_CAPACITY,
        health=100,
        lag_ms=1,
    )


class Lively:
    """Every node's load changes this often, while it is `on`."""

    def __init__(self, world: World, changes_per_s: float) -> None:
        self.on = True
        self._world = world
        self._period_s = 1 / changes_per_s
        self._rng = random.Random(f"{world.seed}:load")
        hosts = list(world.hosts.values())
        for index, host in enumerate(hosts):
            self._at(host, world.now + self._period_s * index / len(hosts))

    def _at(self, host: Host, when: float) -> None:
        self._world.clock.at(when, lambda: self._change(host, when))

    def _change(self, host: Host, when: float) -> None:
        if self.on:
            self._world.update_load(host, load_at(when, self._rng))
        self._at(host, when + self._period_s)


@dataclass(frozen=True, slots=True)
class Sent:
    """What nodes sent, a node and second."""

    bytes: float
    datagrams: float


def sent_during(world: World, seconds: float, look: Callable[[], None] | None = None) -> Sent:
    """Let time pass, with a look every 50 ms; what was sent meanwhile."""

    def totals() -> tuple[int, int]:
        sent = list(world.network.sent.values())
        return sum(one.bytes for one in sent), sum(one.datagrams for one in sent)

    before = totals()
    for _ in range(round(seconds / 0.05)):
        world.run(0.05)
        if look:
            look()
    after = totals()
    share = len(world.hosts) * seconds
    return Sent((after[0] - before[0]) / share, (after[1] - before[1]) / share)


@dataclass(frozen=True, slots=True)
class Age:
    """Age of what a random node knows of a random other, seconds, and its cost."""

    p95_s: float
    p99_s: float
    sent: Sent


def load_age(
    nodes: int, tick_s: float, seconds: float = 3.0, changes_per_s: float = 10, *, place: Place | None = None
) -> Age:
    """Ages while every node's load changes."""
    world = acquainted(nodes, GossipConfig(tick_min_s=tick_s), place=place)
    Lively(world, changes_per_s)
    world.run(max(SETTLE_S, _SETTLE_TICKS * tick_s))
    rng = random.Random("ages")
    hosts, ages = list(world.hosts.values()), list[float]()
    looks = round(seconds / 0.05)

    def look() -> None:
        for _ in range(_SAMPLES // looks):
            observer, subject = rng.sample(hosts, 2)
            if observer.node and (held := observer.node.load_of(subject.name)):
                ages.append(world.now - held.kbps / 1000)

    sent = sent_during(world, seconds, look)
    return Age(percentile(ages, 0.95), percentile(ages, 0.99), sent)


def quiet(nodes: int, seconds: float = 30.0) -> Sent:
    """What a cluster costs in which nothing happens."""
    world = acquainted(nodes)
    for host in world.hosts.values():
        world.update_load(host, Load(0, 0, 0, _CAPACITY, 100, 0))
    world.run(SETTLE_S + 10)
    return sent_during(world, seconds)


@dataclass(frozen=True, slots=True)
class Detection:
    """Seconds from a crash until nobody holds the node alive any more, and until all call it unreachable."""

    shunned_s: tuple[float, ...]
    declared_s: tuple[float, ...]


def crashes(nodes: int, count: int, changes_per_s: float) -> Detection:
    """Crash nodes, up to `_AT_A_TIME` of them within a second; all are back and settled before the next."""
    world = acquainted(nodes, GossipConfig(tick_min_s=0.1))
    if changes_per_s:
        Lively(world, changes_per_s)
    rng = random.Random("crashes")
    shunned, declared = list[float](), list[float]()
    while len(shunned) < count:
        world.run(SETTLE_S + rng.random())
        at_a_time = max(1, min(_AT_A_TIME, nodes // 20))  # many of few would be a partition
        crashed = {name: world.now + rng.random() for name in rng.sample(list(world.hosts), at_a_time)}
        for name, when in crashed.items():
            world.clock.at(when, lambda name=name: world.crash(name))  # type: ignore[misc]
        seen = _Seen(world, crashed)
        assert world.until(seen.all_declared, 30) is not None
        shunned += seen.shunned
        declared += seen.declared
        for name in crashed:
            world.start(name, [host.address for host in world.running()[:3]])
    return Detection(tuple(shunned[:count]), tuple(declared[:count]))


class _Seen:
    """When each of some crashes was seen by all."""

    def __init__(self, world: World, crashed: dict[str, float]) -> None:
        self._world = world
        self._crashed = crashed
        self._shunned: dict[str, float] = {}
        self._declared: dict[str, float] = {}

    @property
    def shunned(self) -> list[float]:
        """Seconds until nobody held it alive."""
        return list(self._shunned.values())

    @property
    def declared(self) -> list[float]:
        """Seconds until all called it unreachable."""
        return list(self._declared.values())

    def all_declared(self) -> bool:
        """Look; whether nothing is left to be seen."""
        for name, when in self._crashed.items():
            if name in self._declared or self._world.now < when:
                continue
            took = self._world.now - when
            if name not in self._shunned and not _held(self._world, name, Status.ALIVE):
                self._shunned[name] = took
            if name in self._shunned and _all_hold(self._world, name, Status.UNREACHABLE):
                self._declared[name] = took
        return len(self._declared) == len(self._crashed)


def _held(world: World, name: str, status: Status) -> bool:
    return any(host.node and host.node.status_of(name) is status for host in world.running())


def _all_hold(world: World, name: str, status: Status) -> bool:
    return all(host.node and host.node.status_of(name) is status for host in world.running())
