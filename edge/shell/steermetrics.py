"""Metrics of content steering, read at scrape time."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from edge.shell.steering import SteeringFace


def of_steering(face: SteeringFace) -> Iterator[Metric]:
    """What this node counts of it."""
    for name, text, counts, label in (
        (
            "manifests",
            "Steering manifests given, those from nginx's cache not counted.",
            face.manifests,
            "format",
        ),
        ("playlists", "Multivariant playlists and MPDs that were given steering.", face.playlists, "format"),
        ("refused", "Questions for a steering manifest that got none.", face.refused, "reason"),
    ):
        family = CounterMetricFamily(f"edge_steering_{name}", text, labels=[label])
        for key, count in counts.items():
            family.add_metric([key], count)
        yield family
    shards = face.shards
    yield CounterMetricFamily("edge_steering_changes", "Orders that changed.", value=shards.changes)
    yield CounterMetricFamily(
        "edge_steering_forgotten", "Orders that had to leave for others.", value=shards.forgotten
    )
    yield GaugeMetricFamily("edge_steering_shards", "Shards with an order.", value=len(shards))
