"""What may be set about the cache; the node's configuration sets the first four, the rest are engineering limits."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """Bounds and timeouts. Times in seconds, sizes in bytes."""

    origin: str  # http(s)://host:port
    memory_bytes: int = 256 * 1024 * 1024  # all stored bodies together
    object_max_bytes: int = 32 * 1024 * 1024  # greater ones are refused: no live segment is
    fill_timeout_s: float = 8.0  # one fill with its retry; beyond a segment's life nobody wants it
    connect_timeout_s: float = 1.0  # an origin that does not accept in this time is down
    read_timeout_s: float = 4.0  # silence in mid-body
    connections_max: int = 128  # to the origin
    objects_max: int = 65_536
    fills_max: int = 1024  # in flight; beyond it 503, so that a dead origin cannot pile up work
    failure_memory_s: float = 0.25  # how long a failed fill answers for the next ones
    retry_share: float = 0.1  # retries may add this share to the fills, lest they drown a weak origin
    stale_if_error_playlist_s: float = 10.0  # a player holds three target durations; older only confuses it
    stale_if_error_object_s: float = 300.0  # media objects never change
