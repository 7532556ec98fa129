"""One rendition that a viewer follows: what is new in its playlist waits here to be fetched."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from loadtest.drive.playlists import Media, Segment

START_BEHIND = 3  # segments before the live edge at which a player starts (RFC 8216 §6.3.3)
_WAITING_MAX = 64


class Wanted(NamedTuple):
    """A segment to fetch."""

    segment: Segment
    base: str  # address of its playlist
    kbps: float  # of the rung
    known: float  # since when, monotonic seconds


@dataclass(slots=True)
class Track:
    """A track of one viewer."""

    kind: str  # CMCD object type: v, a, av
    first: int | None = None  # number of the segment that it began with
    following: int = 0  # of the one that comes next
    target_s: float = 2.0
    skipped: int = 0
    inits: set[float] = field(default_factory=set)  # rungs whose initialization section is there, by kbps
    moved: dict[str, str] = field(default_factory=dict)  # where playlists were redirected to
    _waiting: deque[Wanted] = field(default_factory=deque)
    _new: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, playlist: Media, first: int | None) -> None:
        """Begin with the segment that the other track began with, else a few behind the newest."""
        if self.first is None:
            behind = playlist.segments[-min(START_BEHIND, len(playlist.segments))].number
            self.first = self.following = behind if first is None else first

    def take(self, playlist: Media, base: str, kbps: float, now: float) -> None:
        """Segments that are new wait to be fetched."""
        self.target_s = playlist.target_s
        self.skipped += max(0, playlist.segments[0].number - self.following)
        for one in playlist.segments:
            if one.number >= self.following:
                self._waiting.append(Wanted(one, base, kbps, now))
                self.following = one.number + 1
        while len(self._waiting) > _WAITING_MAX:
            self._waiting.popleft()
            self.skipped += 1
        if self._waiting:
            self._new.set()

    async def next(self) -> Wanted:
        """The oldest that waits, once there is one; it stays until it is `got`."""
        while not self._waiting:
            self._new.clear()
            await self._new.wait()
        return self._waiting[0]

    def got(self, wanted: Wanted) -> None:
        """It is there."""
        if self._waiting and self._waiting[0] is wanted:
            self._waiting.popleft()

    def leave(self) -> None:
        """The node is given up: what waits is asked for anew elsewhere."""
        if self._waiting:
            self.following = self._waiting[0].segment.number
        self._waiting.clear()
        self.moved.clear()
