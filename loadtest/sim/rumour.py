"""One durable event in the simulator: when each node hears of it, by push, pull, push-pull or eager forwarding.

The nodes are the production code and their datagrams real. What is set apart so that theory applies:

- The pace is full from the start (the greatest interval is the least one), as in a cluster with lively loads.
- Anti-entropy would find whom gossip has missed. `sync_s` bars a second exchange of digests for an hour, and joining
  through a seed uses up the first one; a run in which one happened all the same is an error.
- In push, pull and push-pull nothing is forwarded at once, partners come from all zones alike (`far_share` 1), and
  nothing rides along. In production urgent news rides on probes, on their answers and on the requests of a pull, which
  makes a pull spread it exactly as push-pull does.

`eager` is what production does but for pace and anti-entropy.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal
from unittest import mock

from edge.config import GossipConfig
from edge.gossip.broadcast import Broadcasts, Taken, send_limit
from loadtest.sim.network import Quality
from loadtest.sim.spread import Arrivals, Carriers
from loadtest.sim.world import World

Mode = Literal["push", "pull", "push-pull", "eager"]
MODES: tuple[Mode, ...] = ("push", "pull", "push-pull", "eager")
_NEVER_S = 3600.0
_SETTLE_S = 0.4  # after it every node has used up its exchange of digests: the last join is tried at 0.25 s
_LOOK_S = 0.002
_SILENCE = 10  # contacts of one node; when nobody tells the event for so long, nobody will
_GIVE_UP_S = 30.0


class _Bare(Broadcasts):
    """Gossip without riders: only a tick's own datagrams, and the answers to a pull, carry news."""

    def take_urgent(self, budget: int) -> Taken:  # noqa: ARG002  (the signature is the production's)
        """Nothing."""
        return Taken()


@dataclass(frozen=True, slots=True)
class Setting:
    """What is simulated.

    Args:
        mode: how the event spreads.
        nodes: size of the cluster.
        loss: chance that a datagram is lost, 0 to 1.
        retransmit: λ of the limit of sends, λ·⌈log10(N+1)⌉.
    """

    mode: Mode
    nodes: int
    loss: float = 0.0
    retransmit: int = GossipConfig().retransmit

    @property
    def config(self) -> GossipConfig:
        """Of every node."""
        usual = GossipConfig()
        full_pace = replace(
            usual,
            tick_max_s=usual.tick_min_s,
            probe_period_quiet_s=usual.probe_period_s,
            sync_s=_NEVER_S,
            reseed_s=_NEVER_S,
            retransmit=self.retransmit,
        )
        if self.mode == "eager":
            return full_pace
        return replace(full_pace, exchange=self.mode, eager_fanout=0, far_share=1.0)

    @property
    def limit(self) -> int:
        """How often one node tells the event."""
        return send_limit(self.retransmit, self.nodes)


@dataclass(frozen=True, slots=True)
class Run:
    """One run."""

    heard_s: tuple[float, ...]  # when each node that heard did so, in order, from the event's creation on
    told: float  # datagrams that carry the event, sent a node, in all
    sent: float  # datagrams of every kind, sent a node until the last one heard


def spread(setting: Setting, seed: int) -> Run:
    """Create one event at a random node and follow it until nobody tells it any more."""
    world = _settled(setting, seed)
    exchanges, sent_before = _exchanges(world), _sent(world)
    arrivals, carriers = Arrivals(world), Carriers(world)
    config = setting.config
    pause_s = _SILENCE * config.tick_min_s / config.fanout
    arrivals.create(random.Random(f"{seed}:origin").choice(list(world.hosts)))
    heard, told, sent, last_told = 0, 0, 0, world.now
    while world.now - last_told < pause_s:
        world.run(_LOOK_S)
        if carriers.count > told:
            told, last_told = carriers.count, world.now
        if len(arrivals.delays(0)) > heard:
            heard, sent = len(arrivals.delays(0)), _sent(world) - sent_before
        assert world.now < _GIVE_UP_S, "the event is told for ever"
    assert _exchanges(world) == exchanges, "anti-entropy took part"
    return Run(tuple(arrivals.delays(0)), told / setting.nodes, sent / setting.nodes)


def _settled(setting: Setting, seed: int) -> World:
    """A cluster whose members know each other and will not compare digests any more."""
    world = World(seed, setting.config)
    world.add(setting.nodes)
    names = list(world.hosts)
    queues = Broadcasts if setting.mode == "eager" else _Bare
    with mock.patch("edge.gossip.node.Broadcasts", queues):
        for index, name in enumerate(names):
            world.start(name, [world.hosts[names[index - 1]].address])
    records = [host.node.member for host in world.hosts.values() if host.node]
    for host in world.hosts.values():
        if host.node:
            host.node.acquaint(records, host.local(world.now))
            world.drain(host)
    world.run(_SETTLE_S)
    world.network.quality = Quality(loss=setting.loss)
    return world


def _exchanges(world: World) -> int:
    return sum(host.node.counters.syncs for host in world.hosts.values() if host.node)


def _sent(world: World) -> int:
    return sum(one.datagrams for one in world.network.sent.values())


@dataclass(frozen=True)
class Measured:
    """Several runs of one setting."""

    setting: Setting
    runs: tuple[Run, ...]

    @cached_property
    def heard_s(self) -> list[float]:
        """When the first, second … node heard, as far as every run came.

        These are means of times over the runs. Means of shares at one time would blur the curve: each run starts with
        other luck, and from then on all run alike.
        """
        reached = min(len(one.heard_s) for one in self.runs)
        return [_mean([one.heard_s[rank] for one in self.runs]) for rank in range(reached)]

    def time_s(self, share: float) -> float | None:
        """When this share of the nodes knew, mean over the runs; None if a run never came to it."""
        needed = math.ceil(share * self.setting.nodes)
        return self.heard_s[needed - 1] if needed <= len(self.heard_s) else None

    @property
    def residue(self) -> float:
        """Share of nodes that gossip never reached."""
        return 1 - _mean([len(one.heard_s) for one in self.runs]) / self.setting.nodes

    @property
    def told(self) -> float:
        """Datagrams that carry the event, sent a node, in all."""
        return _mean([one.told for one in self.runs])

    @property
    def sent(self) -> float:
        """Datagrams of every kind, sent a node until the last one heard."""
        return _mean([one.sent for one in self.runs])


def measure(setting: Setting, seed: int, runs: int) -> Measured:
    """Runs under `seed` and the seeds after it."""
    return Measured(setting, tuple(spread(setting, seed + number) for number in range(runs)))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
