"""What may be set about the cache; the node's configuration sets some, the rest are engineering limits."""

from dataclasses import dataclass, field

from edge.config import OriginConfig
from edge.config.origins import OriginServer

# Three target durations of six seconds, after which a server gives up (RFC 8216bis §6.2.5.2), and some slack.
BLOCKING_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """Bounds and timeouts. Times in seconds, sizes in bytes."""

    origin: str  # http(s)://host:port
    origins: tuple[OriginServer, ...] = ()  # several in place of it
    origin_rules: OriginConfig = field(default_factory=OriginConfig)
    memory_bytes: int = 256 * 1024 * 1024  # all stored bodies together
    object_max_bytes: int = 32 * 1024 * 1024  # greater ones are refused: no live segment is
    fill_timeout_s: float = 8.0  # one fill with its retry; beyond a segment's life nobody wants it
    connect_timeout_s: float = 1.0  # an origin that does not accept in this time is down
    read_timeout_s: float = 4.0  # silence in mid-body
    stream_after_s: float = (
        0.005  # a body that is not whole so long after its header is handed on as it comes
    )
    failover_after_s: float = (
        1.5  # an origin that has not begun to answer then is left for another, if there is one
    )
    peer_timeout_s: float = 4.0  # another node may wait for the origin so long
    peer_pause_s: float = 1.0  # a node that could not be connected to is not asked again so soon
    connections_max: int = 128  # to the origin and to other nodes; with several origins, to each of them
    objects_max: int = 65_536
    fills_max: int = 1024  # in flight; beyond it 503, so that a dead origin cannot pile up work
    failure_memory_s: float = 0.25  # how long a failed fill answers for the next ones
    retry_share: float = 0.1  # retries may add this share to the fills, lest they drown a weak origin
    blocking_timeout_s: float = BLOCKING_TIMEOUT_S  # as fill_timeout_s, for reloads that wait on purpose
    hold_max_s: float = (
        3.0  # a segment that will be there soon is waited for half its duration, at most so long
    )
    holds_max: int = 64  # segments that are waited for at the same time; beyond it 404 at once
    edge_wait_s: float = 0.5  # a playlist waits so long for the segment that it names last
    stale_if_error_playlist_s: float = (
        15.0  # as long as it takes until a node that is cut off degrades its service
    )
    stale_if_error_object_s: float = 300.0  # media objects never change
    purge_slice: int = 256  # objects that a purge does away with at a time; about a millisecond's work
    disk_path: str = ""  # folder of the tier below memory; "": none
    disk_max_bytes: int = 10 * 1024 * 1024 * 1024  # of files, in whole blocks
    disk_objects_max: int = 100_000  # each takes about 750 bytes of memory, and 30 µs at start
    disk_fresh_min_s: float = 10.0  # what is over sooner is not worth a file: playlists, errors
    disk_backlog_bytes: int = (
        64 * 1024 * 1024
    )  # bodies that wait to be written; beyond, objects stay in memory only
    disk_stream_bytes: int = 4 * 1024 * 1024  # bodies from here on are sent from disk, not read into memory
    disk_timeout_s: float = 1.0  # a disk that takes longer for an object is left alone for disk_pause_s
    disk_pause_s: float = 10.0  # after an error, before the next try
    disk_away_max_s: float = 82_800.0  # purges are told again for a day; a disk that missed more is emptied
    disk_start_s: float = 1.0  # the start waits so long for the scan, which then goes on beside


@dataclass(frozen=True, slots=True, kw_only=True)
class Leniency:
    """How much longer than its own lifetime a stored object may be used; as it is, no longer.

    What the origin wants revalidated (`must-revalidate`, `no-cache`, `stale-if-error=0`) is never used longer.
    """

    ttl_factor: float = 1.0  # what is neither playlist nor purged is fresh for so many times its lifetime
    popular_factor: float = 1.0  # of that, for what is retained
    stale_s: float = 0.0  # where the origin gives nothing, what is over is served at least this long
    patience_s: float = 2.0  # and that is so after this wait for the origin already
