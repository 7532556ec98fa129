"""What one member can do to the others: by lies, in the simulator, and by a flood, at one production node."""

import time
from collections.abc import Iterator

from edge.wire.compress import shipped
from edge.wire.errors import Drop
from edge.wire.frame import SESSION_BYTES, Sealer
from edge.wire.keys import KeyRing
from edge.wire.messages import Loads, encode, join
from loadtest.fed import Fed
from loadtest.rows import Row
from loadtest.sim.liars import HARMLESS, LIES, NODES, told
from loadtest.sim.world import CLUSTER

_SHIFTED, _SHUNNED_S = 5, 10
_FLOOD_PER_S, _FLOOD_S, _BEGINS_S = 5000, 6.0, 2.0


def liars() -> Iterator[Row]:
    """`gossip.liar`: what comes of each lie."""
    for name, lie in LIES.items():
        found = told(lie)
        where = f"one of {NODES} nodes lies ({name}), sim"
        prefix = f"gossip.liar.{name}"
        yield Row(f"{prefix}.shift", f"{where}: viewers shifted", 100 * found.shift, "%", _SHIFTED)
        yield Row(f"{prefix}.wronged", f"{where}: honest nodes shunned", len(found.wronged), "nodes", 0)
        if name not in HARMLESS:
            shunned_s = found.shunned_s or float("inf")
            yield Row(f"{prefix}.shunned", f"{where}: until all shun it", shunned_s, "s", _SHUNNED_S)
            believed_s = found.believed_s or float("inf")
            text = f"{where}: after its end, until all believe it"
            yield Row(f"{prefix}.believed", text, believed_s, "s", None)


def flood() -> Iterator[Row]:
    """`gossip.flood`: datagrams of one sender with the key, beyond all that it has to say."""
    fed = Fed(NODES, 0.0, 0.0)
    source = fed.node.view().nodes[-1].member.address
    sealer = Sealer(KeyRing.insecure(CLUSTER), CLUSTER, bytes(SESSION_BYTES), shipped())
    count = int(_FLOOD_PER_S * _FLOOD_S)
    datagrams = [sealer.seal(join([encode(Loads([]))])) for _ in range(count)]
    taken = 0.0
    for number, data in enumerate(datagrams):
        now = 1.0 + number / _FLOOD_PER_S
        begun = time.process_time()
        fed.node.receive_datagram(data, source, now)
        taken += time.process_time() - begun if now > 1.0 + _BEGINS_S else 0.0
    what = f"{_FLOOD_PER_S:,} datagrams a second of one member"
    share = 100 * taken / (_FLOOD_S - _BEGINS_S)
    yield Row("gossip.flood.cpu", f"{what}: processor, without the socket", share, "% of a core", 5)
    read = count - fed.node.counters.dropped[Drop.FLOOD]
    yield Row("gossip.flood.read", f"{what}: read of them a second", read / _FLOOD_S, "datagrams/s", 150)
