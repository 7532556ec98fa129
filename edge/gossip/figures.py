"""What metrics show of the engine's state at one moment, beside what it counts."""

from edge.gossip.core import Core
from edge.gossip.events import Events


def figures(core: Core, events: Events, now: float) -> dict[str, float]:
    """By name, as metrics call them."""
    return {
        "durable_events": len(events.events()),
        "durable_dropped": events.dropped,
        "false_alarms": core.threshold.false_alarms,
        "limited": core.storm.limited,
        "quality_ratio": core.tempo.quality,
        "tick_seconds": core.pace(now).tick_s,
    }
