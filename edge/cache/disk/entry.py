"""What is held in memory of an object on disk, and how an object is taken apart for the disk and put together again."""

from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct

from edge.cache.disk.body import FileBody
from edge.cache.disk.files import Head
from edge.cache.disk.layout import Meta
from edge.cache.index import IndexedStore
from edge.cache.objects import CachedObject
from edge.cache.settings import CacheSettings

_NEVER = float("inf")


class Entry(Struct, eq=False, gc=False):
    """An object on disk, or on its way there."""

    serial: int  # number of its file
    tags: tuple[str, ...]  # what it can be purged by
    body_bytes: int
    stale_from: float = _NEVER  # the cache's clock
    pending: CachedObject | None = None  # the object itself, until it is written
    verified: bool = False  # a body that is streamed is checked once in each process

    def expire(self, now: float) -> None:
        """Stale from now on."""
        self.stale_from = min(now, self.stale_from)
        if self.pending:
            self.pending.expire(now)


class EntryIndex(IndexedStore[Entry]):
    """The objects on disk, S3-FIFO too.

    Args:
        settings: the bounds.
        on_left: told of every entry that leaves, for its file to be removed.
        on_stale: told of every entry that a soft purge makes stale, for its file to be marked; once for each.
    """

    def __init__(
        self,
        settings: CacheSettings,
        on_left: Callable[[str, Entry], None],
        on_stale: Callable[[Entry], None],
    ) -> None:
        super().__init__(settings.disk_max_bytes, settings.disk_objects_max, settings.purge_slice)
        self._on_left = on_left
        self._on_stale = on_stale

    def _left(self, key: str, value: Entry) -> None:
        super()._left(key, value)
        self._on_left(key, value)

    def _expire(self, value: Entry, now: float) -> None:
        if now < value.stale_from:
            value.expire(now)
            self._on_stale(value)


class Clocks(NamedTuple):
    """Between the cache's clock, which begins anew with each start, and the wall clock, which files go by."""

    wall_ahead_s: float

    def to_wall(self, seconds: float) -> float:
        """Of a time of the cache's clock."""
        return seconds + self.wall_ahead_s

    def to_cache(self, seconds: float) -> float:
        """Of a time of the wall clock."""
        return seconds - self.wall_ahead_s


def meta_of(made: CachedObject, clocks: Clocks, purges: int) -> Meta:
    """What its file says of an object that is stored after so many purges."""
    return Meta(
        key=made.key,
        status=made.status,
        headers=dict(made.headers),
        etag=made.etag,
        last_modified=made.last_modified,
        stored_at=clocks.to_wall(made.stored_at),
        initial_age_s=made.initial_age_s,
        lifetime=made.lifetime,
        tags=made.tags,
        purges=purges,
    )


def object_of(head: Head, body: bytes | FileBody, clocks: Clocks, now: float) -> CachedObject:
    """The object of a file. A wall clock that went back must not make it younger than new."""
    meta = head.meta
    return CachedObject(
        key=meta.key,
        status=meta.status,
        headers=meta.headers,
        body=body,
        etag=meta.etag,
        last_modified=meta.last_modified,
        stored_at=min(now, clocks.to_cache(meta.stored_at)),
        initial_age_s=meta.initial_age_s,
        lifetime=meta.lifetime,
        tags=meta.tags,
        stale_from=clocks.to_cache(head.stale_from),
    )
