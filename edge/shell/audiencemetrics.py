"""Metrics of admission and quality; places are bounded by `PLACES_SHOWN`, so are labels."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from edge.shell.audience import Audience

PLACES_SHOWN = 64


def of_audience(audience: Audience) -> Iterator[Metric]:
    """All of one node's."""
    yield from _of_sessions(audience)
    yield from _of_quality(audience)


def _of_sessions(audience: Audience) -> Iterator[Metric]:
    sessions, safe = audience.sessions, audience.safe
    refused = CounterMetricFamily(
        "edge_admission_refused",
        "New sessions refused for want of room, and rungs refused under a cap.",
        labels=["reason"],
    )
    for reason, count in sessions.refused.items():
        refused.add_metric([reason], count)
    yield refused
    yield CounterMetricFamily(
        "edge_admission_sent_on", "New sessions that began on another node.", value=sessions.sent_on
    )
    yield CounterMetricFamily(
        "edge_multivariant_filtered", "Multivariant playlists with rungs left out.", value=sessions.filtered
    )
    capacity = GaugeMetricFamily(
        "edge_safe_load_viewers",
        "Viewers that this node can carry now, by what limits it.",
        labels=["binding"],
    )
    capacity.add_metric([safe.binding], safe.capacity)
    yield capacity


def _of_quality(audience: Audience) -> Iterator[Metric]:
    quality = audience.quality
    meter, caps = quality.meter, quality.caps
    yield CounterMetricFamily("edge_quality_samples", "Players' words that were read.", value=meter.samples)
    yield CounterMetricFamily(
        "edge_quality_overflowed",
        "Players' words of places beyond the bound, which were left.",
        value=meter.overflowed,
    )
    yield CounterMetricFamily("edge_quality_cap_changes", "Caps that changed.", value=quality.changes)
    labels = ["zone", "isp"]
    sessions = GaugeMetricFamily("edge_quality_sessions", "Players that told, on all nodes.", labels=labels)
    watched = GaugeMetricFamily("edge_quality_kbps", "Mean encoded bitrate, kb/s.", labels=labels)
    reach = GaugeMetricFamily(
        "edge_quality_reach_kbps", "Throughput of three quarters of requests at least, kb/s.", labels=labels
    )
    stalls = GaugeMetricFamily(
        "edge_quality_stall_ratio", "Share of requests by players that had run dry, 0 to 1.", labels=labels
    )
    cap = GaugeMetricFamily(
        "edge_quality_cap_kbps", "Greatest bitrate that is served, kb/s; absent where any is.", labels=labels
    )
    for place, found in list(caps.seen.items())[:PLACES_SHOWN]:
        sessions.add_metric(place, found.sessions)
        watched.add_metric(place, found.kbps)
        reach.add_metric(place, found.reach_kbps)
        stalls.add_metric(place, found.stalls)
    for place, one in list(caps.agreed.items())[:PLACES_SHOWN]:
        if one.kbps is not None:
            cap.add_metric(place, one.kbps)
    yield from (sessions, watched, reach, stalls, cap)
