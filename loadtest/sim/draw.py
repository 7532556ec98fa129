"""Scenarios by seed: swarm testing (Groce et al. 2012) mixes all kinds of faults, and leaves some kinds out.

Each kind has a stream of its own, so what one kind draws does not depend on which others are there.
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

from loadtest.sim.cities import places
from loadtest.sim.scenario import (
    DAY_S,
    EVENTS_MAX,
    MEMBERS_MAX,
    Crash,
    Create,
    Cut,
    Drift,
    Fault,
    Join,
    Leave,
    Pause,
    Scenario,
    Skew,
)

SEEDS = 3  # the first nodes: all others join through them
SETTLE_S = 3.0  # before the first fault, so that there is a cluster
_ON = 0.6  # chance that a kind of fault is there at all
_FRESH = 1 << 16  # slots from here on are nobody's first address
_SKEW_S = 10.0  # so far apart, clocks agree on which durable events are in time,
_SKEW_MAX_S = 100_000.0  # and with these they do not
_DRIFT_MAX = 0.02
_CREATES = 7  # at most so many times somebody asks for durable events,
_BURST = 20  # and for at most so many at once
_AGAIN = 0.7  # chance that one takes the place of an earlier one
_PRESSED_MAX = 16  # the smallest log that the settings allow
_BODY_BYTES = 500  # near the most
_TTLS_S = (DAY_S, DAY_S, DAY_S, 3600, 5)
_HOT = ("purge", "override")  # kinds that never go before their time
_COLD = ("schedule", "user")


class Size(NamedTuple):
    """Least and greatest number of nodes and length of the safety phase in seconds."""

    nodes: tuple[int, int]
    duration_s: tuple[float, float]
    pressed: float = 0.2  # chance that logs of durable events are too small


FULL = Size((5, 60), (8.0, 24.0))
SMALL = Size((5, 10), (8.0, 12.0))  # for the tests: about a third of a second of work each


def swarm_scenario(seed: int, size: Size = FULL) -> Scenario:
    """The scenario of `seed`: always the same one, whatever else is drawn."""
    return _Draw(seed, size).scenario()


class _Draw:
    def __init__(self, seed: int, size: Size) -> None:
        self._seed = seed
        rng = self._rng("size")
        least, most = size.nodes
        self._pressed = size.pressed
        self._nodes = least + int((most - least + 1) * rng.random() ** 4)  # rather small: they are quick
        self._duration_s = round(rng.uniform(*size.duration_s), 1)
        self._joiners = rng.randint(1, max(1, self._nodes // 4)) if self._on("join") else 0
        self._hosts = self._nodes + self._joiners
        changing = list(range(SEEDS, self._nodes))
        self._rng("roles").shuffle(changing)
        third = -(-len(changing) // 3)
        self._leavers, self._goners = changing[:third], changing[third : 2 * third]
        self._stayers = changing[2 * third :]
        self._replaced = (
            self._goners.pop() if self._joiners and self._goners and self._on("takeover", 0.8) else None
        )

    def scenario(self) -> Scenario:
        faults = [*self._cuts(), *self._crashes(), *self._swaps(), *self._leaves(), *self._pauses()]
        faults += self._joins()
        faults += self._skews([one for one in faults if isinstance(one, Crash | Leave)])
        pressed = self._on("press", self._pressed)
        faults += self._creates(faults, pressed)
        wire = self._rng("wire")
        loss, duplication, reorder, load = (wire.random() for _ in range(4))
        crowd = self._rng("crowd").randint(1, 3)
        return Scenario(
            seed=self._seed,
            nodes=self._nodes,
            duration_s=self._duration_s,
            loss=round(0.25 * loss, 3) if self._on("loss") else 0.0,
            duplication=round(0.2 * duplication, 3) if self._on("duplication") else 0.0,
            reorder_s=round(0.4 * reorder, 3) if self._on("reorder") else 0.0,
            load_hz=round(0.2 + 5 * load, 1),
            members_max=max(2, self._hosts - crowd) if self._on("crowd", 0.15) else MEMBERS_MAX,
            events_max=_PRESSED_MAX if pressed else EVENTS_MAX,
            acts_s=round(self._rng("act").random() ** 2, 3),
            refuses=self._on("refuse", 0.3),
            backup=self._on("backup", 0.5),
            drifts=tuple(self._drifts()),
            faults=tuple(sorted(faults, key=lambda one: (one.at_s, repr(one)))),
        )

    def _rng(self, kind: str) -> random.Random:
        return random.Random(f"{self._seed}:swarm:{kind}")

    def _on(self, kind: str, chance: float = _ON) -> bool:
        return self._rng(f"{kind} on").random() < chance

    def _span(self, rng: random.Random, least_s: float, most_s: float) -> tuple[float, float]:
        """Begin and length of something that is over when the safety phase is."""
        length_s = min(rng.uniform(least_s, most_s), self._duration_s - SETTLE_S - 0.1)
        begin_s = rng.uniform(SETTLE_S, self._duration_s - length_s)
        return round(begin_s, 3), round(length_s, 3)

    def _cuts(self) -> Iterator[Fault]:
        rng = self._rng("cut")
        if not self._on("cut"):
            return
        for _ in range(rng.randint(1, 3)):
            at_s, for_s = self._span(rng, 1.0, 25.0)
            left, right = self._along_zones(rng) if rng.random() < 0.5 else self._at_random(rng)
            yield Cut(at_s, for_s, left, right, rng.random() < 0.3)

    def _along_zones(self, rng: random.Random) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Some cities, regions or providers on one side, all others on the other."""
        field = rng.choice(("city", "region", "isp"))
        labels = [str(getattr(place, field)) for place in places(self._hosts)]
        known = sorted(set(labels))
        lost = rng.sample(known, rng.randint(1, max(1, len(known) - 1)))
        left = tuple(number for number, label in enumerate(labels) if label in lost)
        return left, tuple(number for number, label in enumerate(labels) if label not in lost)

    def _at_random(self, rng: random.Random) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Two groups; whoever is in neither still reaches both (a partial partition)."""
        numbers = list(range(self._hosts))
        rng.shuffle(numbers)
        first = rng.randint(1, self._hosts - 1)
        second = self._hosts if rng.random() < 0.6 else rng.randint(first + 1, self._hosts)
        return tuple(sorted(numbers[:first])), tuple(sorted(numbers[first:second]))

    def _crashes(self) -> Iterator[Fault]:
        rng = self._rng("crash")
        if not self._on("crash"):
            return
        for node in rng.sample(range(self._nodes), rng.randint(1, max(1, self._nodes // 3))):
            at_s, back_s = self._span(rng, 0.1, 12.0)
            moves = rng.random() < 0.3 and node >= SEEDS
            if node == self._replaced:
                continue
            if node in self._goners:
                yield Crash(at_s, node, None, node)
            else:
                yield Crash(at_s, node, back_s, _FRESH + node if moves else node)

    def _swaps(self) -> Iterator[Fault]:
        """Two processes die and come back at each other's address, as pods of one set may."""
        rng = self._rng("swap")
        if not self._on("swap") or len(self._stayers) < 2:
            return
        one, other = rng.sample(self._stayers, 2)
        at_s, back_s = self._span(rng, 0.5, 8.0)
        yield Crash(at_s, one, back_s, other)
        yield Crash(at_s, other, back_s, one)

    def _leaves(self) -> Iterator[Fault]:
        rng = self._rng("leave")
        if not self._on("leave") or not self._leavers:
            return
        for node in rng.sample(self._leavers, rng.randint(1, len(self._leavers))):
            at_s, back_s = self._span(rng, 1.0, 8.0)
            yield Leave(at_s, node, back_s if rng.random() < 0.4 else None)

    def _joins(self) -> Iterator[Fault]:
        """Late joiners; the first one may take the address of a node that has just died."""
        rng = self._rng("join")
        for node in range(self._nodes, self._hosts):
            at_s = round(rng.uniform(SETTLE_S, self._duration_s - 0.5), 3)
            later_s = 0.05 + rng.choice((0.1, 0.1, 5.0)) * rng.random()  # before it is suspect, or after
            if self._replaced is not None and node == self._nodes:
                yield Crash(at_s, self._replaced, None, self._replaced)
                yield Join(round(min(self._duration_s, at_s + later_s), 3), node, self._replaced)
            else:
                yield Join(at_s, node, node)

    def _pauses(self) -> Iterator[Fault]:
        rng = self._rng("pause")
        if not self._on("pause"):
            return
        for node in rng.sample(range(self._hosts), rng.randint(1, max(1, self._hosts // 4))):
            yield Pause(*self._span(rng, 0.2, 10.0), node)

    def _skews(self, ends: list[Crash | Leave]) -> Iterator[Fault]:
        """Wall clocks that are wrong from the start, or since the process ended that is started again."""
        rng = self._rng("skew")
        if not self._on("skew"):
            return
        first = [(0.0, node) for node in range(self._hosts)]
        again = [(one.at_s, one.node) for one in ends if one.back_s is not None]
        most_s = _SKEW_MAX_S if self._on("wild skew", 0.5) else _SKEW_S
        for at_s, node in first + again:
            chosen, share = rng.random() < 0.5, rng.choice((_SKEW_S, most_s))
            skew_s = round(share * rng.uniform(-1, 1), 1)
            if chosen:
                yield Skew(at_s, node, skew_s)

    def _drifts(self) -> Iterator[Drift]:
        rng = self._rng("drift")
        if not self._on("drift"):
            return
        for node in sorted(rng.sample(range(self._hosts), rng.randint(1, self._hosts))):
            yield Drift(node, round(1 + rng.uniform(-_DRIFT_MAX, _DRIFT_MAX), 4))

    def _creates(self, faults: list[Fault], pressed: bool) -> Iterator[Fault]:
        """Durable events: anywhere and at any time, or just where and when it is hard to keep them.

        Where logs are small, what must never go is as little as fits them.
        """
        rng = self._rng("create")
        if not (pressed or self._on("create", 0.8)):
            return
        asked: list[tuple[str, str]] = []
        for number in range(rng.randint(2, _CREATES)):
            anywhen = (rng.uniform(1.0, self._duration_s), rng.randrange(self._hosts))
            hard = rng.choice(self._hard(faults, rng) or [anywhen])
            at_s, node = hard if rng.random() < 0.6 else anywhen
            count = rng.randint(2, _BURST) if rng.random() < 0.2 else 1
            if pressed and number == 0:
                count = _PRESSED_MAX + _BURST
            kind, key = rng.choice(_COLD if pressed and count > 1 else _COLD + _HOT), f"/{number}"
            again, ttl_s = rng.choice(asked or [(kind, key)]), rng.choice(_TTLS_S)
            if count == 1 and rng.random() < _AGAIN:
                kind, key = again
            elif count == 1:
                asked.append((kind, key))
            body_bytes = _BODY_BYTES if rng.random() < 0.2 else 0
            yield Create(round(min(at_s, self._duration_s), 3), node, kind, key, count, ttl_s, body_bytes)

    def _hard(self, faults: list[Fault], rng: random.Random) -> list[tuple[float, int]]:
        """Moments and nodes: within a cut, just before a process ends, and just after one has started."""
        moments = []
        for fault in faults:
            soon_s, share = rng.choice((0.001, 0.05, 0.5)) * rng.random(), rng.random()
            if isinstance(fault, Cut):
                moments.append((fault.at_s + share * fault.for_s, rng.choice(fault.left + fault.right)))
            elif isinstance(fault, Crash | Leave):
                moments.append((max(0.0, fault.at_s - soon_s), fault.node))
                if fault.back_s is not None:
                    moments.append((fault.at_s + fault.back_s + soon_s, fault.node))
            elif isinstance(fault, Join):
                moments.append((fault.at_s + soon_s, fault.node))
        return moments
