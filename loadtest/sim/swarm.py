"""Runs scenarios, one or many, and says by one command how to see a failure again.

Exit statuses: 0 all held, 3 a safety violation, 4 a liveness violation.
"""

import hashlib
import multiprocessing
import os
import struct
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from edge.model import Address, GossipEvent
from loadtest.sim.checkers import Violation, ViolationError
from loadtest.sim.draw import FULL, SMALL, Size, swarm_scenario
from loadtest.sim.liveness import Settling
from loadtest.sim.monitor import Monitor
from loadtest.sim.mutants import MUTANTS
from loadtest.sim.network import OversizeError
from loadtest.sim.player import Player
from loadtest.sim.scenario import Scenario
from loadtest.sim.trace import Tracer
from loadtest.sim.world import Host

SAFETY_STATUS = 3
LIVENESS_STATUS = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one run."""

    scenario: Scenario
    violations: tuple[Violation, ...]
    trace_hash: str  # of every datagram sent and every step of a host, in order, with their times
    steps: int
    datagrams: int
    virtual_s: float
    conflicts: int  # processes that gave up their name; each was started again
    took_s: tuple[tuple[str, float], ...]  # how long each liveness demand was unmet after the faults

    @property
    def status(self) -> int:
        """The exit status that tells it."""
        if not self.violations:
            return 0
        return SAFETY_STATUS if self.violations[0].phase == "safety" else LIVENESS_STATUS


class Run:
    """One scenario on one world, with all checkers."""

    def __init__(self, scenario: Scenario, *, trace: bool = False) -> None:
        self._tracer = Tracer(lambda: self.player.world.now) if trace else None
        self.player = Player(scenario, self._tracer.note if self._tracer else lambda _: None)
        self._hash = hashlib.blake2b(digest_size=16)
        self._monitor = Monitor(self.player.world, self.player.ledger)
        self._took_s: dict[str, float] = {}
        world = self.player.world
        world.after_step = self._stepped
        world.on_event = self._heard
        world.on_copy = self._monitor.copied
        world.network.watch = self._sent

    def outcome(self) -> Outcome:
        """Run to the end, or to the first violation."""
        world, violations = self.player.world, self._violations()
        return Outcome(
            scenario=self.player.scenario,
            violations=tuple(violations),
            trace_hash=self._hash.hexdigest(),
            steps=world.clock.steps,
            datagrams=sum(one.datagrams for one in world.network.sent.values()),
            virtual_s=world.now,
            conflicts=self.player.conflicts,
            took_s=tuple(self._took_s.items()),
        )

    def _violations(self) -> list[Violation]:
        try:
            return self._phases()
        except ViolationError as error:
            return [error.violation]
        except OversizeError as error:
            return [Violation("safety", "datagrams", self.player.world.now, _actor(error), str(error))]
        except Exception as error:  # whatever production code raises is a finding, not the end of the swarm
            last = traceback.extract_tb(error.__traceback__)[-1]
            if Path(last.filename).parent == Path(__file__).parent and not last.filename.endswith(
                "mutants.py"
            ):
                raise
            text = f"{error!r} in {last.name}, {last.filename}:{last.lineno}"
            return [Violation("safety", "raised", self.player.world.now, _actor(error), text)]

    def _phases(self) -> list[Violation]:
        player = self.player
        player.begin()
        player.world.run(player.scenario.duration_s)
        player.heal()
        if player.scenario.crowded:
            return []
        settling = Settling(player)
        settling.run()
        self._took_s = settling.took_s
        return settling.violations

    def _stepped(self, host: Host) -> None:
        self._hash.update(struct.pack(">d", self.player.world.now) + host.name.encode())
        self.player.ledger.stepped(host)
        self._monitor.stepped(host)

    def _sent(self, source: Address, target: Address, data: bytes) -> None:
        self._hash.update(f"{source} {target} ".encode() + data)
        if self._tracer:
            self._tracer.sent(source, target, data)

    def _heard(self, host: Host, event: GossipEvent) -> None:
        if self._tracer:
            self._tracer.note(f"{host.name}: {event.text}")
        if event.kind in ("quarantined", "forged"):  # all are honest here
            raise ViolationError(Violation("safety", "trust", self.player.world.now, host.name, event.text))
        self.player.heard(host, event)


def run_scenario(scenario: Scenario, *, trace: bool = False) -> Outcome:
    """Play a scenario: safety while its faults last, then liveness.

    Args:
        scenario: what happens.
        trace: print each fault, event and datagram.
    """
    return Run(scenario, trace=trace).outcome()


def run_seed(seed: int, size: Size = FULL, mutant: str = "", *, trace: bool = False) -> Outcome:
    """Draw and play the scenario of `seed`, with a rule broken if one is named."""
    with MUTANTS[mutant].patched() if mutant else nullcontext():
        return run_scenario(swarm_scenario(seed, size), trace=trace)


def swarm(first: int, count: int, size: Size = FULL, mutant: str = "") -> Iterator[Outcome]:
    """Outcomes of `count` seeds from `first` on, in order, from as many processes as there are processors."""
    work = partial(run_seed, size=size, mutant=mutant)
    with multiprocessing.get_context("spawn").Pool(min(count, os.cpu_count() or 1)) as pool:
        yield from pool.imap(work, range(first, first + count))


def notice(mutant: str, seeds: int, first: int = 1) -> Outcome | None:
    """Of the runs of seeds against a mutant, the first that an expected violation ended; None if there is none."""
    for seed in range(first, first + seeds):
        outcome = run_seed(seed, MUTANTS[mutant].size, mutant)
        if any(one.rule in MUTANTS[mutant].noticed_by for one in outcome.violations):
            return outcome
    return None


def _actor(error: Exception) -> str:
    """The host on whose behalf the world acted when `error` was raised."""
    frames = [frame.f_locals.get("host") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return next((one.name for one in reversed(frames) if isinstance(one, Host)), "the world")


def replay_command(seed: int, size: Size, mutant: str) -> str:
    """What to type to see the run of a seed again."""
    small = " --small" if size == SMALL else ""
    against = f" --mutant {mutant}" if mutant else ""
    return f"python -m loadtest swarm --seeds 1 --first {seed}{small}{against}"


def report(outcome: Outcome, replay: str) -> Iterator[str]:
    """Lines that tell a failure."""
    yield from map(str, outcome.violations)
    yield f"scenario: {outcome.scenario!r}"
    yield f"again: {replay}"


@click.command("swarm")
@click.option("--seeds", type=click.IntRange(1), default=20, show_default=True, help="How many scenarios.")
@click.option("--first", type=click.IntRange(0), default=1, show_default=True, help="The first one's seed.")
@click.option("--mutant", type=click.Choice(sorted(MUTANTS)), help="Break a rule, which is to be noticed.")
@click.option("--small", is_flag=True, help="Few nodes and little time, as in the tests.")
@click.option("--trace", is_flag=True, help="Print all that happens; with one seed only.")
def swarm_command(seeds: int, first: int, mutant: str | None, small: bool, trace: bool) -> None:
    """Play random scenarios of faults against the invariants; stop at the first violation."""
    if trace and seeds > 1:
        raise click.UsageError("--trace is for one seed: add --seeds 1")
    size, against = SMALL if small else FULL, mutant or ""
    steps, begun = 0, time.monotonic()
    outcomes = swarm(first, seeds, size, against)
    if seeds == 1:
        outcomes = iter([run_seed(first, size, against, trace=trace)])
    for seed, outcome in enumerate(outcomes, first):
        steps += outcome.steps
        if outcome.violations:
            print(f"seed {seed}:", *report(outcome, replay_command(seed, size, against)), sep="\n")
            sys.exit(outcome.status)
        print(f"seed {seed}: {outcome.steps} steps, {outcome.virtual_s:.1f} virtual s, {outcome.trace_hash}")
    print(f"{steps / (time.monotonic() - begun):,.0f} steps/s")
