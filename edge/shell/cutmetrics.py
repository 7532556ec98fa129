"""Metrics of a cut of the cluster, as the view tells it: since when, who is lost, which side this is."""

import time
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily

from edge.state.view import Partition


def cut_metrics(cut: Partition | None) -> Iterator[GaugeMetricFamily]:
    """All of them, of the cut of this moment, if there is one."""
    yield GaugeMetricFamily(
        "edge_partition_lost",
        "Members lost in the cut of this moment; 0: there is none.",
        value=len(cut.lost) if cut else 0,
    )
    yield GaugeMetricFamily(
        "edge_partition_number",
        "Number of the cut of this moment, as in its id NODE-NUMBER; 0: there is none.",
        value=int(cut.ident.rpartition("-")[2]) if cut else 0,
    )
    yield GaugeMetricFamily(
        "edge_partition_since_timestamp_seconds",
        "When the cut of this moment was declared; 0: there is none.",
        value=round(cut.since + time.time() - time.monotonic(), 3) if cut else 0,
    )
    yield GaugeMetricFamily(
        "edge_partition_minority",
        "1 while this side of a cut is settled and no majority.",
        value=int(cut is not None and cut.settled and not cut.majority),
    )
    zones = GaugeMetricFamily(
        "edge_partition_zone_lost", "Members of a zone that are lost in the cut.", labels=["zone"]
    )
    for zone, count in cut.lost_zones if cut else ():
        zones.add_metric([zone], count)
    yield zones
