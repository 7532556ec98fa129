"""Metrics of what is scheduled; a scaler of pods needs no more than the first two."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from edge.shell.schedule import Schedule


def schedule_metrics(schedule: Schedule) -> Iterator[Metric]:
    """All of them at this moment."""
    wanted, zones = schedule.wanted_now()
    room, wall_ms = schedule.room(), schedule.wall_ms()
    yield GaugeMetricFamily(
        "edge_schedule_needed_streams",
        "Streams that must have room for what is on or comes within schedule.capacity_lead_s.",
        value=wanted,
    )
    yield GaugeMetricFamily(
        "edge_schedule_capacity_streams", "Streams that living nodes carry safely.", value=room.safe
    )
    needed = GaugeMetricFamily(
        "edge_schedule_zone_needed_streams", "Streams that must have room in a zone.", labels=["zone"]
    )
    for zone, verdict in zones.items():
        needed.add_metric([zone], verdict.needed)
    carried = GaugeMetricFamily(
        "edge_schedule_zone_capacity_streams", "Streams that a zone's nodes carry safely.", labels=["zone"]
    )
    for zone, one in room.zones.items():
        carried.add_metric([zone], one.safe)
    until = GaugeMetricFamily(
        "edge_schedule_seconds_until",
        "Seconds until an event begins; below 0 while it is on.",
        labels=["event"],
    )
    each = GaugeMetricFamily(
        "edge_schedule_event_needed_streams", "Streams that must have room for an event.", labels=["event"]
    )
    for event in schedule.events:
        until.add_metric([event.name], event.seconds_until(wall_ms))
        each.add_metric([event.name], schedule.needed(event))
    yield from (needed, carried, until, each)
    yield CounterMetricFamily(
        "edge_schedule_dropped", "Events that were not taken in for want of room.", value=schedule.dropped
    )
