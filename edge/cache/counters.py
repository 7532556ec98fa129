"""What the cache counts. Every name becomes a metric, `edge_cache_<name>`; durations of fills are told beside them."""

from dataclasses import dataclass, field

from edge.state.histogram import Histogram

OUTCOMES = ("origin", "peer", "waited", "failed")  # of fills
_FILLS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(slots=True)
class CacheCounters:
    """Totals since the start."""

    requests: int = 0
    hits: int = 0
    misses: int = 0
    collapsed: int = 0  # requests that waited for a fill that another one began
    revalidated: int = 0  # fills that the origin answered with 304
    stale_served: int = 0
    not_stored: int = 0
    refused: int = 0  # bad requests
    served_bytes: int = 0  # bodies handed to viewers
    fills: int = 0
    filled_bytes: int = 0
    streamed: int = 0  # of the fills: bodies that were handed on while they came
    resumed: int = 0  # of those: broke off, and went on where they had ended
    prefetched: int = 0  # of the fills: newest segments of live playlists, before a viewer asked
    held: int = 0  # of the fills: the origin had it not yet, and it was waited for
    held_in_vain: int = 0  # of those: it did not come in time
    peer_fills: int = 0  # of the fills: what other nodes gave
    peer_requests: int = 0  # of other nodes, answered here; they count as requests too
    fills_overtaken: int = 0  # by a purge that came after they began; those who waited got the answer
    purges: int = 0
    purged_objects: int = 0  # removed or marked stale
    tags_ignored: int = 0  # malformed, too long or too many
    disk_hits: int = 0  # of the hits: answered from the disk
    disk_restored: int = 0  # objects found at start
    disk_junk: int = 0  # foreign files found at start; left alone
    disk_written: int = 0  # objects
    disk_written_bytes: int = 0
    disk_skipped: dict[str, int] = field(default_factory=dict)  # objects kept in memory only, by reason
    disk_errors: dict[str, int] = field(default_factory=dict)  # by reason, a fixed few
    peer_errors: dict[str, int] = field(default_factory=dict)  # by reason; others were asked instead
    fill_errors: dict[str, int] = field(default_factory=dict)  # by reason, a fixed few
    fill_s: dict[str, Histogram] = field(
        default_factory=lambda: {outcome: Histogram(_FILLS_S) for outcome in OUTCOMES}
    )

    def disk_skip(self, reason: str) -> None:
        """Count one object that is kept in memory only."""
        self.disk_skipped[reason] = self.disk_skipped.get(reason, 0) + 1

    def disk_failed(self, reason: str) -> None:
        """Count one failure of the disk."""
        self.disk_errors[reason] = self.disk_errors.get(reason, 0) + 1

    def fill_ended(self, outcome: str, took_s: float) -> None:
        """Count how long a fill took; `outcome` is one of `OUTCOMES`."""
        self.fill_s[outcome].add(took_s)

    def fill_failed(self, reason: str) -> None:
        """Count one failed or refused fill."""
        self.fill_errors[reason] = self.fill_errors.get(reason, 0) + 1

    def peer_failed(self, reason: str) -> None:
        """Count one node that gave nothing."""
        self.peer_errors[reason] = self.peer_errors.get(reason, 0) + 1
