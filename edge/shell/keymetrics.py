"""Metrics of the key ring, read at scrape time; they name ids of keys, never keys."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from edge.shell.keykeeper import KeyKeeper
from edge.wire.keys import key_id


def of_keys(keeper: KeyKeeper) -> Iterator[Metric]:
    """What the ring is, and whether a change of it waits."""
    keys = keeper.node.keys
    wanted = key_id(keys.wanted.keys[0])
    yield GaugeMetricFamily(
        "edge_keys_held", "Gossip keys that this node opens frames with.", value=len(keys.ring.keys)
    )
    primary = GaugeMetricFamily(
        "edge_key_primary",
        "Always 1; its label is the id of the key that this node seals with.",
        labels=["key"],
    )
    primary.add_metric([f"{keys.ring.ids[0]:02x}"], 1)
    yield primary
    yield GaugeMetricFamily(
        "edge_keys_lacking",
        "Members that are there and have not told that they hold the key that is to seal.",
        value=len(keys.lacking(wanted)) if keys.ring.secret else 0,
    )
    yield GaugeMetricFamily(
        "edge_keys_waiting", "1 while a change of keys waits for members.", value=0 if keys.settled else 1
    )
    yield CounterMetricFamily("edge_keys_reloads", "Changed keys files that were read.", value=keeper.reloads)
    yield CounterMetricFamily(
        "edge_keys_failures",
        "Changed keys files and orders about keys that could not be used.",
        value=keeper.failures,
    )
