"""Viewers in virtual time who ask any node where to go, and stay there, while views are as old as gossip has them."""

import heapq
import random
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from edge.config import GossipConfig
from edge.decide.routing import RouteQuery, Router, RoutingPolicy
from edge.decide.routing.router import VIEW_EVERY_S
from edge.model import Load, Status
from loadtest.sim.measure import SETTLE_S, acquainted
from loadtest.sim.world import Host, World

TICK_S = 0.1
SESSION_S = 60.0  # mean; short, so that much changes in little time
OTHERS, EVENTS, RAMP_S = 0.36, 0.24, 10  # shares of the cluster's capacity, and seconds
TOLD_EVERY_S = 0.1  # as a node looks at its own load
SHOWS_S = 0.05  # from the answer to the first request at the node that was named
EVENT = "/event/main.m3u8"
_CHANNELS = [f"/channel/{number}/main.m3u8" for number in range(1000)]


class Audience:
    """Sessions that come and go, at the nodes that routing names.

    Args:
        world: acquainted nodes, all with a load of nobody yet.
        capacity: viewers each node is made for.
        session_s: mean length of a session.
        policy: how nodes spread viewers.
    """

    def __init__(
        self, world: World, capacity: int, session_s: float, policy: RoutingPolicy | None = None
    ) -> None:
        self.world = world
        self.event_share = 0.0  # of those who come
        self.per_s = 0.0  # viewers who come
        self.refused = 0
        self.on_sent: Callable[[str], None] = lambda _: None  # told of each node to which a viewer is sent
        self.told: Callable[[Host, Load], Load] = lambda _, load: load  # what a node tells of its load
        self.draining = set[str]()
        self._capacity = capacity
        self._session_s = session_s
        self._rng = random.Random(f"{world.seed}:audience")
        self._hosts = list(world.hosts.values())
        self._watching: Counter[str] = Counter()
        self._ends: list[tuple[float, str]] = []
        self._policy = policy or RoutingPolicy()
        self._routers: dict[str, tuple[object, Router]] = {}
        for number, host in enumerate(self._hosts):
            self._tell_at(host, world.now + TOLD_EVERY_S * number / len(self._hosts))
        self._next_comes()

    def settle(self, watching: int) -> None:
        """Begin with so many sessions, evenly spread, as if they had come over a long time."""
        for number in range(watching):
            self._begin(self._hosts[number % len(self._hosts)].name)

    def loads(self) -> list[float]:
        """Viewers over capacity of each running node."""
        return [self._watching[host.name] / self._capacity for host in self._hosts if host.node]

    def uneven(self) -> float:
        """The greatest load over the mean."""
        loads = self.loads()
        return max(loads) * len(loads) / sum(loads)

    def after(self, seconds: float) -> float:
        """How uneven loads are after some time."""
        self.world.run(seconds)
        return self.uneven()

    def drain(self, host: Host) -> None:
        """It takes no new viewers any more, and says so at once, as on SIGTERM."""
        self.draining.add(host.name)
        self._tell(host)

    def _next_comes(self) -> None:
        pause_s = self._rng.expovariate(self.per_s) if self.per_s else TOLD_EVERY_S
        self.world.clock.at(self.world.now + pause_s, self._comes)

    def _comes(self) -> None:
        if self.per_s:
            self._one_comes()
        self._next_comes()

    def _one_comes(self) -> None:
        rng, now = self._rng, self.world.now
        zone = rng.choice(self._hosts).place.city
        asked = rng.choice(self._hosts)
        path = EVENT if rng.random() < self.event_share else rng.choice(_CHANNELS)
        if asked.node is None:
            return  # he asks another one; that is not what is looked at here
        viewer = f"{rng.getrandbits(64):x}"
        answer = self._router(asked).route(RouteQuery(path, zone, viewer=viewer), asked.local(now))
        if answer is None:
            self.refused += 1
            return
        asked.node.trust.sent(answer.node, viewer, asked.local(now))
        self.on_sent(answer.node)
        if self.world.hosts[answer.node].node:
            self.world.clock.at(now + SHOWS_S, lambda: self._begin(answer.node))

    def _router(self, host: Host) -> Router:
        held = self._routers.get(host.name)
        if held is None or held[0] is not host.node:  # a process of its own
            assert host.node
            held = self._routers[host.name] = (host.node, Router(host.node.view, self._policy))
        return held[1]

    def _begin(self, name: str) -> None:
        self._watching[name] += 1
        heapq.heappush(self._ends, (self.world.now + self._rng.expovariate(1 / self._session_s), name))

    def _tell_at(self, host: Host, when: float) -> None:
        def tell() -> None:
            self._tell(host)
            self._tell_at(host, when + TOLD_EVERY_S)

        self.world.clock.at(when, tell)

    def _tell(self, host: Host) -> None:
        while self._ends and self._ends[0][0] <= self.world.now:
            self._watching[heapq.heappop(self._ends)[1]] -= 1
        health = 0 if host.name in self.draining else 100
        viewers = self._watching[host.name]
        load = Load(viewers, 3000 * viewers, viewers, self._capacity, health, 1)
        self.world.update_load(host, self.told(host, load))


class Uneven(NamedTuple):
    """The greatest load over the mean, second by second."""

    ramp: tuple[float, ...]  # while the event's audience comes
    steady: tuple[float, ...]  # when it is there


def flash(
    nodes: int, capacity: int, seconds: int = 15, policy: RoutingPolicy | None = None, ramp_s: int = RAMP_S
) -> Uneven:
    """Others fill 36% of the cluster; an event comes within `ramp_s` seconds and takes 40% of the traffic."""
    world = acquainted(nodes, GossipConfig(tick_min_s=TICK_S))
    audience = Audience(world, capacity, SESSION_S, policy)
    audience.settle(round(nodes * capacity * OTHERS))
    others_per_s, event_per_s = (nodes * capacity * share for share in (OTHERS / SESSION_S, EVENTS / ramp_s))
    audience.per_s = others_per_s
    world.run(5)
    audience.per_s = others_per_s + event_per_s
    audience.event_share = event_per_s / audience.per_s
    ramp = [audience.after(1) for _ in range(ramp_s)]
    audience.per_s = nodes * capacity * (OTHERS + EVENTS) / SESSION_S
    audience.event_share = EVENTS / (OTHERS + EVENTS)
    return Uneven(tuple(ramp), tuple(audience.after(1) for _ in range(seconds)))


class Shunned(NamedTuple):
    """Seconds after which no node's routing knows one any more that died, or began to drain."""

    crashed: tuple[float, ...]
    drained: tuple[float, ...]
    late: int  # viewers who were sent to one of them later than that
    viewers: int  # who were sent anywhere meanwhile


def dying(nodes: int, times: int, per_s: float) -> Shunned:
    """So many nodes crash, and as many drain, one after another, while viewers come."""
    world = acquainted(nodes, GossipConfig(tick_min_s=TICK_S))
    audience = Audience(world, 1000, SESSION_S)
    audience.settle(300 * nodes)
    audience.per_s = per_s
    world.run(SETTLE_S)
    found: dict[bool, list[float]] = {True: [], False: []}
    gone, sent = set[str](), [0, 0]

    def on_sent(name: str) -> None:
        sent[name in gone] += 1

    audience.on_sent = on_sent
    victims = random.Random("dying").sample(list(world.hosts.values()), 2 * times)
    for number, host in enumerate(victims):
        crashes = number % 2 == 0
        world.run(0.5 + number % 7 / 10)
        begun = world.now
        if crashes:
            world.crash(host.name)
        else:
            audience.drain(host)
        assert world.until(lambda name=host.name: not _known(world, name), 30) is not None  # type: ignore[misc]
        world.run(VIEW_EVERY_S)  # that long a table may be used
        found[crashes].append(world.now - begun)
        gone.add(host.name)
    return Shunned(tuple(found[True]), tuple(found[False]), sent[True], sum(sent))


def _known(world: World, name: str) -> bool:
    """Whether any node would send viewers to one."""
    for host in world.running():
        if host.node and host.node.status_of(name) is Status.ALIVE:
            load = host.node.load_of(name)
            if load is None or load.health:
                return True
    return False
