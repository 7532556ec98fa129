"""The rows of TARGETS "Gossip" that come from the simulator: exact for the seed, whatever the machine."""

import gc
import resource
import time
from collections.abc import Callable, Iterator

from edge.config import GossipConfig
from loadtest.rows import Row
from loadtest.sim import calm, measure, partition, spread

_URGENT = ((300, 60, 250, 20), (1000, 75, 300, 6), (5000, 90, 450, 3))  # nodes, ms to 95% and all, events
_CRASHES = 200
_FALSE_S = 600.0
_CARRIERS = 22
_CUT_S = 60.0
_DELIVERY = (100, 300, 1000)
_SPEED_NODES = 300


def urgent() -> Iterator[Row]:
    """`gossip.urgent`: one event at a time, 10% loss."""
    for nodes, most_ms, all_ms, events in _URGENT:
        found = spread.spreading(nodes, events, loss=0.1)
        where = f"urgent event, N={nodes:,}, 10% loss, sim"
        prefix = f"gossip.urgent.{nodes}"
        yield Row(f"{prefix}.p95", f"{where}: to 95% of nodes, median", 1000 * found.to_95_s, "ms", most_ms)
        yield Row(f"{prefix}.all", f"{where}: to all, median", 1000 * found.to_all_s, "ms", all_ms)
        yield Row(f"{prefix}.missed", f"{where}: nodes never reached", found.missed, "nodes", 0)
        yield Row(f"{prefix}.cost", f"{where}: datagrams a node", found.datagrams, "datagrams", _CARRIERS)


def load_age() -> Iterator[Row]:
    """`gossip.load-age`: every node changing ten times a second, no loss."""
    for nodes, tick_s, p95_ms, p99_ms, kilobytes in (
        (300, 0.06, 500, 700, 72),
        (300, 0.1, 700, 900, 48),
        (50, 0.1, 350, 450, 24),
    ):
        found = measure.load_age(nodes, tick_s)
        prefix = f"gossip.load-age.{nodes}.{1000 * tick_s:.0f}ms"
        where = f"age of load, N={nodes}, {1000 * tick_s:.0f} ms tempo, sim"
        yield Row(f"{prefix}.p95", f"{where}: 95th percentile", 1000 * found.p95_s, "ms", p95_ms)
        yield Row(f"{prefix}.p99", f"{where}: 99th percentile", 1000 * found.p99_s, "ms", p99_ms)
        yield Row(f"{prefix}.sent", f"{where}: sent a node", found.sent.bytes / 1000, "kB/s", kilobytes)


def quiet() -> Iterator[Row]:
    """`gossip.quiet`: nothing happens."""
    found = measure.quiet(50)
    yield Row("gossip.quiet.bytes", "quiet cluster, N=50, sim: sent a node", found.bytes / 1000, "kB/s", 0.6)
    yield Row(
        "gossip.quiet.datagrams", "quiet cluster, N=50, sim: sent a node", found.datagrams, "packets/s", 5
    )


def crash() -> Iterator[Row]:
    """`gossip.crash`: until no new viewers go there, and until all call it unreachable."""
    for name, changes, targets in (
        ("serving", 10.0, (0.5, 2.0, 1.2, 4.0)),
        ("quiet", 0.0, (None, None, 3.0, 8.0)),
    ):
        found = measure.crashes(100, _CRASHES, changes)
        figures = (
            ("shunned.p50", found.shunned_s, 0.5, targets[0]),
            ("declared.p50", found.declared_s, 0.5, targets[1]),
            ("shunned.p99", found.shunned_s, 0.99, targets[2]),
            ("declared.p99", found.declared_s, 0.99, targets[3]),
        )
        for what, values, share, target in figures:
            text = f"crash, {name} cluster, N=100, sim, {_CRASHES} crashes: {what.partition('.')[0]} by all"
            yield Row(f"gossip.crash.{name}.{what}", text, measure.percentile(values, share), "s", target)


def false_alarms() -> Iterator[Row]:
    """`gossip.false`: nobody who is there is called unreachable."""
    lossy, paused = calm.lossy(100, 0.25, _FALSE_S), calm.paused(100, _FALSE_S)
    minutes = f"{_FALSE_S / 60:.0f} min"
    text = f"N=100, 25% loss, {minutes}, sim"
    yield Row("gossip.false.loss", f"{text}: false unreachable", lossy.unreachable, "members", 0)
    yield Row("gossip.false.suspects", f"{text}: most suspect at a time", 100 * lossy.suspects_share, "%", 8)
    text = f"N=100, one paused 5 s in every 30 s, {minutes}, sim: false unreachable among the others"
    yield Row("gossip.false.pause", text, paused.unreachable, "members", 0)


def delivery() -> Iterator[Row]:
    """`gossip.delivery`: an event a second, 1% loss."""
    for nodes in _DELIVERY:
        events = max(5, 3000 // nodes)
        found = spread.spreading(nodes, events, loss=0.01)
        share = 100 * (1 - found.missed / (nodes * events))
        text = f"events delivered, N={nodes:,}, 1% loss, {events} events, sim"
        yield Row(f"gossip.delivery.{nodes}", text, share, "%", 100, lower_is_better=False)


def partition_12() -> Iterator[Row]:
    """`gossip.partition` for a small cluster."""
    yield from _partition(12, 50, 2.0, 2.0)


def partition_300() -> Iterator[Row]:
    """`gossip.partition` for a large one: fewer runs, for one takes minutes."""
    yield from _partition(300, 3, 1.2, 1.5)


def _partition(nodes: int, runs: int, declared_s: float, healed_s: float) -> Iterator[Row]:
    found = [partition.cut_in_halves(nodes, _CUT_S, seed) for seed in range(1, runs + 1)]
    text = f"cut in halves along zones for {_CUT_S:.0f} s, N={nodes}, sim, p95 of {runs} runs"
    for name, what, values, target in (
        ("declared", "declared by all", [one.declared_s for one in found], declared_s),
        ("closed", "after the heal: held by nobody", [one.closed_s for one in found], healed_s),
        ("equal", "after the heal: all tables equal", [one.equal_s for one in found], healed_s),
    ):
        yield Row(
            f"gossip.partition.{nodes}.{name}",
            f"{text}: {what}",
            measure.percentile(values, 0.95),
            "s",
            target,
        )
    wrongly = sum(one.wrongly for one in found)
    yield Row(
        f"gossip.partition.{nodes}.wrongly",
        f"{text}: suspected by their own side at its end",
        wrongly,
        "nodes",
        0,
    )


def speed() -> Iterator[Row]:
    """`sim.speed`: virtual seconds a second, real bytes, one core."""
    for name, changes, seconds, target in (("lively", 10.0, 2.0, 0.5), ("quiet", 0.0, 20.0, 5.0)):
        world = measure.acquainted(_SPEED_NODES, GossipConfig(tick_min_s=0.1))
        if changes:
            measure.Lively(world, changes)
        world.run(3)
        took = _timed(lambda world=world, seconds=seconds: world.run(seconds))  # type: ignore[misc]
        text = f"simulator, N={_SPEED_NODES}, {name}: virtual seconds a second"
        yield Row(f"sim.speed.{name}", text, seconds / took, "s/s", target, lower_is_better=False)
    took = _timed(lambda: spread.spreading(5000, 8, loss=0.0, settle_s=0.5))
    yield Row("sim.speed.5000", "simulator, N=5,000, one event a second, 10 s", took / 60, "min", 10)
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    yield Row("sim.speed.memory", "simulator, N=5,000: memory", gigabytes, "GB", 6)


def _timed(work: Callable[[], object]) -> float:
    gc.collect()
    gc.freeze()  # what stands is no garbage; looking through it again and again is not the simulator's work
    begun = time.process_time()
    work()
    took = time.process_time() - begun
    gc.unfreeze()
    return took
