"""Answers on their way into nginx's cache, so that a purge that comes meanwhile hits them when they land.

nginx gives a file its name once it has the whole answer. The head of the file tells which answer it was made from.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from edge.cache.purge import Purge, hits
from edge.nginx.copies import Copies
from edge.nginx.head import Fill
from edge.nginx.names import Folder

KEPT_S = 10.0  # after it was sent; a disk that stands still longer than this is beyond help
LANDINGS_MAX = 65_536


@dataclass(eq=False, slots=True)
class Landing:
    """One answer."""

    key: str
    name: str  # of the file it becomes
    tags: tuple[str, ...]
    serial: int
    made: float  # when its object was, seconds since 1970
    size_bytes: int = 0  # as far as it was known when its header was sent
    sent_at: float | None = None  # the node's clock; None while it is being sent
    sent_before: int = 0  # the serial number of the first answer that was begun after it was sent

    def is_past(self, there: Fill | None, session: str) -> bool:
        """Whether nginx has asked again since it was sent: then it had this one, or has given it up."""
        if there is None or there.session != session or self.sent_at is None:
            return False
        return there.serial >= self.sent_before

    def is_over(self, now: float, after_s: float) -> bool:
        """Whether it was sent so long ago."""
        return self.sent_at is not None and now >= self.sent_at + after_s


class Landings:
    """All of them, at most `LANDINGS_MAX`."""

    def __init__(self) -> None:
        self._all: dict[int, Landing] = {}
        self.serial = 0  # of the latest answer
        self.lost = 0  # had to be forgotten too soon

    def begin(self) -> int:
        """The serial number of a new answer."""
        self.serial += 1
        return self.serial

    def expect(self, landing: Landing, now: float) -> None:
        """nginx will store this answer."""
        for serial in [one for one, held in self._oldest() if held.is_over(now, KEPT_S)]:
            del self._all[serial]
        if len(self._all) >= LANDINGS_MAX:
            del self._all[next(iter(self._all))]
            self.lost += 1
        self._all[landing.serial] = landing

    def sent(self, landing: Landing, now: float) -> None:
        """All of it has been handed to the system, or its connection is gone."""
        landing.sent_at, landing.sent_before = now, self.serial + 1

    def awaits(self, serial: int, now: float) -> bool:
        """Whether an answer may still land."""
        held = self._all.get(serial)
        return held is not None and not held.is_over(now, KEPT_S)

    def hit(self, purge: Purge, now: float) -> list[Landing]:
        """Those that `purge` hits."""
        return [
            one
            for one in self._all.values()
            if not one.is_over(now, KEPT_S) and hits(purge, one.key, one.tags)
        ]

    def __len__(self) -> int:
        return len(self._all)

    def _oldest(self) -> Iterator[tuple[int, Landing]]:
        """Some, so that a few leave for each that comes."""
        for number, pair in enumerate(self._all.items()):
            if number >= 4:
                return
            yield pair


class NginxFiles(NamedTuple):
    """What nginx holds and is about to hold."""

    folder: Folder
    copies: Copies
    landings: Landings
    session: str
    scanned: asyncio.Event  # set once copies are those of the files
