"""What the cache handles: requests, stored objects, responses. Plain data."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import force_setattr

from edge.cache.disk.body import FileBody, FileSpan
from edge.cache.growing import GrowingBody, GrowingSpan

_OVERHEAD_BYTES = 1024  # what an object costs beside its key, body and tags
_TAG_OVERHEAD_BYTES = 300  # what a tag of one object only costs beside its letters, there and in the index


class Lifetime(Struct, frozen=True, gc=False, array_like=True):
    """How long an object may be used, in seconds from when it was made."""

    fresh_s: float
    stale_while_revalidate_s: float = 0.0  # RFC 5861: serve it while asking for a newer one
    stale_if_error_s: float = 0.0  # RFC 5861: serve it if nothing newer can be had


class CacheRequest(Struct, frozen=True, eq=False, gc=False):
    """One request as the cache needs it. Every request makes one, which a dataclass does five times slower."""

    method: str
    path: str  # raw: percent-encoded as it came
    query: str  # raw, without the question mark
    headers: Mapping[str, str]  # case-insensitive
    peer: bool = False  # made by another node of the cluster, for its viewers
    front: bool = (
        False  # made by the cache in front of this node, which is to know what the answer is made of
    )


class CachedObject(Struct, frozen=True, eq=False, gc=False):
    """One stored answer of the origin.

    Nothing in it leads back to it, so the garbage collector need not look: its pauses would grow with the cache.
    """

    key: str
    status: int
    headers: Mapping[str, str]  # what every answer made of it carries
    body: bytes | FileBody | GrowingBody  # the last one while it is on its way; what is stored is whole
    etag: str
    last_modified: str
    stored_at: float  # the cache's clock
    initial_age_s: float  # how old it was when it came (Age)
    lifetime: Lifetime
    tags: tuple[str, ...] = ()  # what it can be purged by
    stale_from: float = math.inf  # the cache's clock; the one thing that changes, by `expire`

    @property
    def memory_bytes(self) -> int:
        """About what it takes in memory."""
        tags = sum(len(tag) + _TAG_OVERHEAD_BYTES for tag in self.tags)
        return len(self.key) + len(self.body) + tags + _OVERHEAD_BYTES

    def age_s(self, now: float) -> float:
        """Seconds since the origin made it."""
        return self.initial_age_s + now - self.stored_at

    def ttl_s(self, now: float) -> float:
        """Seconds for which it is still fresh; negative once stale."""
        ttl, left = self.lifetime.fresh_s - self.age_s(now), self.stale_from - now
        return ttl if ttl < left else left  # every hit passes here, and min() is slow

    def expire(self, now: float) -> None:
        """Stale from now on, whatever its lifetime; the times for which it may be served stale count from here.

        In place, for a soft purge may hit 100,000 objects at once. Its lifetime stays: a 304 renews it.
        """
        if now < self.stale_from:
            force_setattr(self, "stale_from", now)


class Prewarmed(NamedTuple):
    """What came of fetching an object for nobody."""

    found: CachedObject | None  # none: nobody gave it
    filled_bytes: int = 0  # 0: it was here
    reason: str = ""  # why it is not kept; empty where it is


class CacheResponse(Struct, frozen=True, eq=False, gc=False):
    """One answer. A HEAD answer carries the headers of the body it leaves out."""

    status: int
    headers: Mapping[str, str]
    body: bytes | memoryview | FileSpan | GrowingSpan = b""
    made_of: CachedObject | None = None  # told to the cache in front
