"""What signed records cost (`gossip.signed`): in time, in bytes, when 300 nodes join at once, and in the steady state.

In the simulator all nodes share what was verified, so the time that its nodes save is counted instead: verifications
of one node, times what one of them takes.
"""

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge.config import GossipConfig
from edge.gossip.signatures import Mode
from edge.wire.compress import shipped
from edge.wire.frame import Sealer
from edge.wire.keys import KeyRing
from edge.wire.messages import encode_record, join
from edge.wire.signatures import said, verdict
from loadtest import cost
from loadtest.rows import Row
from loadtest.sim.identities import all_sign, signer_of
from loadtest.sim.world import CLUSTER, World

NODES, SEEDS = 300, 3
_WITHIN_S, _AFTER_S = 30.0, 5.0
_LOOK_S = 0.1
_TIMES = 2000
_MICRO = 1e6


@dataclass(frozen=True, slots=True)
class Storm:
    """A join of all nodes at once."""

    joined_s: float  # until all hold all
    bytes: float  # sent by a node until then, and a little longer
    verified: float  # records by a node
    busiest: int  # verifications of one node in one second, at most
    seconds: float  # of processor, by the simulated node

    @classmethod
    def of(cls, mode: Mode, nodes: int = NODES) -> "Storm":
        """Let them join."""
        world = World(1, GossipConfig())
        world.signing = all_sign(mode)
        world.add(nodes)
        seeds = [host.address for host in list(world.hosts.values())[:SEEDS]]
        gc.collect()
        begun = time.process_time()
        for name in world.hosts:
            world.start(name, seeds)
        running = [host.node for host in world.hosts.values() if host.node]
        counts, busiest = [[0] * nodes], 0

        def joined() -> bool:
            nonlocal busiest
            counts.append([one.signatures.verified for one in running])
            before = counts[max(0, len(counts) - 1 - round(1 / _LOOK_S))]
            busiest = max(busiest, *(now - then for now, then in zip(counts[-1], before, strict=True)))
            return all(len(one.view().alive) == nodes for one in running)

        joined_s = world.until(joined, _WITHIN_S, _LOOK_S)
        assert joined_s is not None
        world.run(_AFTER_S)
        took = time.process_time() - begun
        sent = sum(one.bytes for one in world.network.sent.values())
        verified = sum(one.signatures.verified for one in running)
        return cls(joined_s, sent / nodes, verified / nodes, busiest, took / nodes)


def signed() -> Iterator[Row]:
    """`gossip.signed`."""
    world = World(1)
    world.add(1)
    (host,) = world.hosts.values()
    member, signer = world.member(host), signer_of(host.name)
    made = signer.signed(member)
    message = said(made, CLUSTER)
    verify = _timed(lambda: verdict.__wrapped__(made.proof, message))
    yield Row("gossip.signed.sign", "a record signed", _timed(lambda: signer.signed(member)), "µs", None)
    yield Row("gossip.signed.verify", "a signature verified (Ed25519)", verify, "µs", None)
    plain, longer = _sealed(encode_record(member)), _sealed(encode_record(made))
    yield Row("gossip.signed.record", "a signed member record alone, sealed", longer, "B", None)
    yield Row("gossip.signed.record.more", "of it, the proof: no dictionary helps", longer - plain, "B", None)
    off, on = Storm.of("off"), Storm.of("verify")
    text = f"N={NODES} join at once, sim"
    yield Row("gossip.signed.storm.joined", f"{text}: until all hold all", on.joined_s, "s", None)
    yield Row("gossip.signed.storm.before", f"{text}: the same unsigned", off.joined_s, "s", None)
    yield Row("gossip.signed.storm.bytes", f"{text}: sent a node", on.bytes / 1000, "kB", None)
    yield Row("gossip.signed.storm.plain", f"{text}: the same unsigned", off.bytes / 1000, "kB", None)
    yield Row("gossip.signed.storm.verified", f"{text}: verified a node", on.verified, "records", None)
    yield Row("gossip.signed.storm.busiest", f"{text}: in the busiest second", on.busiest, "records", None)
    spent = on.verified * verify / _MICRO
    yield Row("gossip.signed.storm.cpu", f"{text}: processor for it, a node", 1000 * spent, "ms", None)
    yield Row("gossip.signed.storm.all", f"{text}: for all else", 1000 * off.seconds, "ms", None)
    shares = [cost.live(all_sign(mode))[0].share for mode in ("off", "verify")]
    more = 100 * (shares[1] / shares[0] - 1)
    text = f"processor of a node, N={NODES}, all changing 10 times a second"
    yield Row("gossip.signed.share", f"{text}, signed", shares[1], "% of a core", 2)
    yield Row("gossip.signed.share.more", f"{text}: more than unsigned", more, "%", 5)


def _timed(work: Callable[[], object]) -> float:
    """Processor time of one call, microseconds."""
    begun = time.process_time()
    for _ in range(_TIMES):
        work()
    return (time.process_time() - begun) / _TIMES * _MICRO


def _sealed(message: bytes) -> int:
    sealer = Sealer(KeyRing.insecure(CLUSTER), CLUSTER, b"signcost", shipped())
    return len(sealer.seal(join([message])))
