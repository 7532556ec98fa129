"""What a gossip node counts. Metrics read it at scrape time; the protocol never mentions them."""

from dataclasses import dataclass, field

from edge.state.histogram import Histogram
from edge.wire.errors import Drop

_AGES_S = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_RTTS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


@dataclass(slots=True)
class Counters:
    """Totals since the process started."""

    datagrams_sent: int = 0
    bytes_sent: int = 0
    payload_bytes_sent: int = 0  # before compression
    datagrams_received: int = 0
    bytes_received: int = 0
    dropped: dict[Drop, int] = field(default_factory=lambda: dict.fromkeys(Drop, 0))
    oversize: int = 0  # records too large to ever fit a datagram, not accepted or not passed on
    misdirected: int = 0  # probes meant for another name at this address
    seeds_failed: int = 0  # seed rounds in which no seed answered
    probes: int = 0
    probes_failed: int = 0
    refusals: int = 0  # ICMP port unreachable
    refutations: int = 0
    disowned: int = 0  # records of this node that it never made
    names_refused: int = 0  # records of new names at an address where too many are
    syncs: int = 0
    bulk_asked: int = 0  # bulk syncs asked for, of this node's own wish
    bulk_done: int = 0
    bulk_failed: int = 0
    bulk_turned_away: int = 0  # the one asked was busy
    bulk_bytes_received: int = 0
    bulk_served: int = 0
    bulk_busy: int = 0  # requests turned away here
    bulk_refused: int = 0  # requests of nobody of this cluster, used before, or meant for another process
    bulk_bytes_sent: int = 0
    backup_sent: int = 0  # datagrams on the second path; they count as sent too
    backup_bytes_sent: int = 0
    backup_received: int = 0
    backup_over_budget: int = 0  # datagrams that were not sent, for the budget was used up
    backup_foreign: int = 0  # messages on the second path that do not belong there
    late_timers: int = 0
    events_lost: int = 0  # events that nobody took in time
    regular_age: Histogram = field(
        default_factory=lambda: Histogram(_AGES_S)
    )  # of others' loads, when new here
    urgent_age: Histogram = field(default_factory=lambda: Histogram(_AGES_S))  # of others' durable events
    probe_rtt: Histogram = field(
        default_factory=lambda: Histogram(_RTTS_S)
    )  # of probes answered at the first try
