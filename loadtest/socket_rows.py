"""The same figures from real sockets and from the simulator: what it says of larger clusters may be believed."""

from collections.abc import Iterator

from edge.config import GossipConfig
from loadtest import sockets
from loadtest.rows import Row
from loadtest.sim import measure
from loadtest.sim.cities import Place
from loadtest.sockets import SocketRun

# 300 nodes at full tempo take more than two cores; one round a second is what these carry.
_RUNS = ((50, 2, 10.0, 0.1), (300, 2, 2.5, 1.0))
_SECONDS = 10.0
_HERE = Place("", 0.0, 0.0, "", "")  # one machine: no zones, and the least delay that the model has
_HEADER_BYTES = 28  # of IP and UDP, which the kernel counts
_AGE_BOUND = 1.25
_BYTES_BOUND = 1.15


def socket_rows() -> Iterator[Row]:
    """`gossip.sockets`: ages and bytes of real nodes, and how far the simulator's are from them."""
    for nodes, processes, changes_per_s, tick_s in _RUNS:
        config = GossipConfig(tick_min_s=tick_s)
        run = SocketRun(nodes, processes, changes_per_s, _SECONDS, config=config)
        real = sockets.run(run)
        virtual = measure.load_age(nodes, tick_s, changes_per_s=changes_per_s, place=_HERE)
        simulated_bytes = virtual.sent.bytes + _HEADER_BYTES * virtual.sent.datagrams
        prefix = f"gossip.sockets.{nodes}"
        where = f"N={nodes}, {changes_per_s:g} changes a second, {1000 * tick_s:.0f} ms tempo"
        for name, what, unit, found, simulated, bound in (
            ("p95", "age of load, p95", "ms", 1000 * real.age_p95_s, 1000 * virtual.p95_s, _AGE_BOUND),
            ("p99", "age of load, p99", "ms", 1000 * real.age_p99_s, 1000 * virtual.p99_s, _AGE_BOUND),
            (
                "sent",
                "sent by a node",
                "kB/s",
                real.bytes_per_node_s / 1000,
                simulated_bytes / 1000,
                _BYTES_BOUND,
            ),
        ):
            yield Row(f"{prefix}.{name}", f"{what}, {where}, real sockets", found, unit, None)
            yield Row(f"{prefix}.{name}.sim", f"{what}, {where}, sim without distance", simulated, unit, None)
            apart = max(found / simulated, simulated / found)
            yield Row(f"{prefix}.{name}.apart", f"{what}, {where}: the two apart", apart, "times", bound)
        yield Row(
            f"{prefix}.cpu", f"processor of a node, {where}, real sockets", 100 * real.cpu_per_node, "%", None
        )
