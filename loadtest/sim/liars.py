"""One node among honest ones lies for some time, as a program could that has the cluster's key: what comes of it.

A run with the lie is compared with one without it, from the same chance. A viewer is shifted if the lie drew him to the
liar, or away from those of whom it was told, and that counts at its worst moment: that a liar gets nobody while it is
shunned makes good for nothing. All nodes are in one city, where nothing but hash and load decides who gets a viewer.
"""

import functools
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from msgspec import structs

from edge.config import GossipConfig
from edge.gossip.events import Refusal
from edge.model import EventKind, GossipEvent, Load, Member, Status
from edge.wire.messages import Announce, Claim, Doubt, LoadRow, Loads, encode
from loadtest.sim.audience import SESSION_S, TICK_S, Audience
from loadtest.sim.cities import places
from loadtest.sim.identities import all_sign
from loadtest.sim.network import Quality
from loadtest.sim.observe import core_of
from loadtest.sim.world import Host, World

NODES, CAPACITY, WATCHING, PER_S = 12, 1000, 600, 120.0
BEFORE_S, LIE_S = 12.0, 15.0  # a node must have been there for some time before anybody judges it
AFTER_S = 120.0  # at most, until it is believed again
_EVERY_S = 0.1
_OSCILLATES_S = 1.0
_ELSEWHERE = "http://10.9.9.9:7780"
VICTIMS = 3


class Lie(NamedTuple):
    """What a liar does, while `lying`."""

    load: Callable[["Stage", Load], Load] | None = None  # tells this instead of its load
    act: Callable[["Stage"], None] | None = None  # does this each tenth of a second
    victims: int = 0  # so many honest nodes, the first, are lied about
    signed: bool = False  # all nodes sign their records


@dataclass(slots=True)
class Stage:
    """One run."""

    world: World
    audience: Audience
    liar: Host
    lying: bool = False
    acts: int = 0
    shunned: dict[str, float] = field(default_factory=dict)  # by whom the liar is, since when
    wronged: list[tuple[float, str, str]] = field(default_factory=list)  # when, by whom, who of the honest
    sent: list[tuple[float, str]] = field(default_factory=list)  # when and where viewers, while the lie lasts

    def heard(self, host: Host, event: GossipEvent) -> None:
        """Note who is shunned."""
        if event.kind == "quarantined":
            if event.node == self.liar.name:
                self.shunned.setdefault(host.name, self.world.now)
            elif event.node in self.world.hosts:
                self.wronged.append((self.world.now, host.name, event.node))
        elif event.kind == "released":
            self.shunned.pop(host.name, None)

    @property
    def judges(self) -> int:
        """How many honest nodes shun the liar."""
        return len([name for name in self.shunned if name != self.liar.name])


class Found(NamedTuple):
    """What came of a lie."""

    shift: float  # of all viewers, those who came before among them, the largest part at any moment
    of_new: float  # the same viewers, as part of those who came while it lasted
    shunned_s: float | None  # after its begin, by all honest nodes
    believed_s: float | None  # after its end, by all again
    wronged: tuple[tuple[float, str, str], ...]  # honest nodes that were shunned


def staged(lie: Lie, seed: int = 1, loss: float = 0.0) -> Stage:
    """A world up to the moment when the lie begins."""
    world = World(seed, GossipConfig(tick_min_s=TICK_S))
    world.signing = all_sign("verify" if lie.signed else "off")
    world.network.quality = Quality(loss=loss)
    world.add(NODES, lambda _: places(1)[0])
    world.start_acquainted()
    audience = Audience(world, CAPACITY, SESSION_S)
    audience.settle(WATCHING * NODES)
    audience.per_s = PER_S
    stage = Stage(world, audience, list(world.hosts.values())[-1])
    world.on_event = stage.heard

    def told(host: Host, load: Load) -> Load:
        lies = lie.load and stage.lying and host is stage.liar
        return lie.load(stage, load) if lies and lie.load else load

    def act() -> None:
        if stage.lying and lie.act:
            stage.acts += 1
            lie.act(stage)
            world.drain(stage.liar)
        world.clock.at(world.now + _EVERY_S, act)

    def on_sent(name: str) -> None:
        if BEFORE_S <= world.now < BEFORE_S + LIE_S:
            stage.sent.append((world.now, name))

    audience.told, audience.on_sent = told, on_sent
    world.clock.at(0.0, act)
    world.run(BEFORE_S)
    return stage


def told(lie: Lie, seed: int = 1, loss: float = 0.0) -> Found:
    """Tell a lie, and the truth again, and compare with a run in which nobody lies."""
    honest = _honest(seed, loss, lie.signed)
    stage = staged(lie, seed, loss)
    stage.lying = True
    world = stage.world
    shunned_s = world.until(lambda: stage.judges == NODES - 1, LIE_S, _EVERY_S)
    world.run(BEFORE_S + LIE_S - world.now)
    stage.lying = False
    moved = _most_moved(lie, honest, stage)
    believed_s = world.until(lambda: not stage.judges, AFTER_S, _EVERY_S) if stage.judges else 0.0
    return Found(
        moved / (WATCHING * NODES + len(honest)),
        moved / len(honest),
        shunned_s,
        believed_s,
        tuple(stage.wronged),
    )


@functools.lru_cache(maxsize=64)
def _honest(seed: int, loss: float, signed: bool) -> tuple[tuple[float, str], ...]:
    stage = staged(Lie(signed=signed), seed, loss)
    stage.world.run(LIE_S)
    return tuple(stage.sent)


def _most_moved(lie: Lie, honest: Sequence[tuple[float, str]], stage: Stage) -> int:
    """The most viewers, over all moments, who were where they were not in the run without the lie."""
    victims = list(stage.world.hosts)[: lie.victims]
    drawn = _difference(stage.sent, honest, (stage.liar.name,))
    return max(drawn, _difference(honest, stage.sent, victims))


def _difference(
    more: Sequence[tuple[float, str]], less: Sequence[tuple[float, str]], names: Sequence[str]
) -> int:
    """By how many `more` were sent to these, until some moment, at most."""
    steps = [(at, 1) for at, name in more if name in names]
    steps += [(at, -1) for at, name in less if name in names]
    return max(accumulate((step for _, step in sorted(steps)), initial=0))


def _empty(_stage: Stage, load: Load) -> Load:
    return structs.replace(load, streams=0, kbps=0, rps=0)


def _few(_stage: Stage, load: Load) -> Load:
    return structs.replace(load, streams=3, kbps=9000, rps=3)


def _swinging(stage: Stage, load: Load) -> Load:
    full = int(stage.world.now / _OSCILLATES_S) % 2
    return structs.replace(load, streams=load.capacity if full else 0)


def _huge(_stage: Stage, load: Load) -> Load:
    return structs.replace(load, capacity=1000 * load.capacity)


def _full(_stage: Stage, load: Load) -> Load:
    return structs.replace(load, streams=load.capacity)


def tell_all(stage: Stage, liar: Host, *messages: bytes) -> None:
    """Say it to everybody, as the liar's own word."""
    assert liar.node
    for other in stage.world.hosts.values():
        if other is not liar:
            core_of(liar.node).outbox.send(other.address, *messages)
    stage.world.drain(liar)


def _accuse(stage: Stage) -> None:
    """Everybody is said to be suspect, each second."""
    if stage.acts % 10 == 1:
        claims = [Claim(one.name, one.incarnation, Status.SUSPECT, stage.liar.name) for one in others(stage)]
        tell_all(stage, stage.liar, *(encode(one) for one in claims))


def _invent(stage: Stage) -> None:
    """A hundred names at the own address."""
    assert stage.liar.node
    me = stage.liar.node.member
    made = [structs.replace(me, name=f"sybil-{number}") for number in range(stage.acts % 10, 100, 10)]
    tell_all(stage, stage.liar, *(encode(Announce(one)) for one in made))


def _purge(stage: Stage) -> None:
    """Two hundred purges a second."""
    assert stage.liar.node
    now = stage.liar.local(stage.world.now)
    with suppress(Refusal):  # its own log is full; it goes on when some are over
        for number in range(20):
            stage.liar.node.create_event(EventKind.PURGE, f"/lie/{stage.acts}/{number}", "", 60, now)


def _hijack(stage: Stage) -> None:
    """Others are said to be reached by viewers elsewhere, each second."""
    if stage.acts % 10 == 1:
        made = [
            structs.replace(one, incarnation=one.incarnation + 1, public=_ELSEWHERE) for one in others(stage)
        ]
        tell_all(stage, stage.liar, *(encode(Announce(one)) for one in made[:VICTIMS]))


def _slander(stage: Stage) -> None:
    """Three together say that an honest node is not to be believed."""
    doubt = encode(Loads([], [], [Doubt(next(iter(stage.world.hosts)), 0)]))
    for host in list(stage.world.hosts.values())[-3:]:
        tell_all(stage, host, doubt)


def _replay(stage: Stage) -> None:
    """What others said of their loads ten seconds ago is told again."""
    assert stage.liar.node
    loads = core_of(stage.liar.node).loads
    held = [(name, report) for name in loads.nodes() if (report := loads.get(name))]
    rows = [
        LoadRow(name, report.version - 200, structs.replace(report.value, streams=0)) for name, report in held
    ]
    tell_all(stage, stage.liar, encode(Loads(rows)))


def others(stage: Stage) -> list[Member]:
    """Honest members, as the liar holds them."""
    assert stage.liar.node
    return core_of(stage.liar.node).others(Status.ALIVE, Status.SUSPECT)


LIES = {
    "empty": Lie(load=_empty),
    "few": Lie(load=_few),
    "swinging": Lie(load=_swinging),
    "huge": Lie(load=_huge),
    "full": Lie(load=_full),
    "deaths": Lie(act=_accuse, victims=NODES - 1),
    "names": Lie(act=_invent),
    "purges": Lie(act=_purge),
    "hijack": Lie(act=_hijack, victims=VICTIMS),
    "slander": Lie(act=_slander, victims=1),
    "replay": Lie(act=_replay, victims=NODES - 1),
}

HARMLESS = ("full", "hijack", "slander", "replay")  # nobody is shunned for them: docs/trust.md says why
