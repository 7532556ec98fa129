"""The tail of nginx's access log, from which load and popularity come: nginx answers most viewers without a word.

A line is JSON. nginx appends whole lines, some at a time. The file is cut when all of it has been read, so that it does
not grow. What nginx wrote while no node read is of no use any more.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from edge.cache.lifetime import Kind, kind_of
from edge.cache.viewer import viewer_name
from edge.nginx.names import raw_path
from edge.state.traffic import Batch, Traffic

FORMAT = (
    '[$status,$body_bytes_sent,"$upstream_cache_status","$uri",'
    '"$remote_addr","$http_user_agent","$arg_CMCD","$http_cmcd_session",'
    '"$http_cmcd_object","$http_cmcd_request","$http_cmcd_status"]'
)
EVERY_S = 0.1
CUT_BYTES = 4 * 1024 * 1024  # a file that has been read is cut from this size on
BACKLOG_BYTES = (
    64 * 1024 * 1024
)  # what is further behind is skipped: old news, and the loop would never come through
_READ_BYTES = 256 * 1024  # about 1,000 lines, some milliseconds' work
_MEDIA = frozenset({200, 206})
_ELSEWHERE = frozenset({302, 503})  # sent on or turned away: no viewer
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_CACHE_STATUSES = ("HIT", "STALE", "UPDATING", "MISS", "EXPIRED", "BYPASS", "REVALIDATED")


class Line(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One answered request."""

    status: int
    size_bytes: int
    cache: str  # $upstream_cache_status; empty where no cache was asked
    path: str  # decoded
    address: str
    agent: str
    cmcd: str  # raw, of the query
    session: str  # the CMCD-Session field
    object: str = ""  # CMCD-Object
    request: str = ""  # CMCD-Request
    player: str = ""  # CMCD-Status

    @property
    def viewer(self) -> str:
        """Who asked, as the node names viewers who ask itself."""
        return viewer_name(self.address, self.agent, self.cmcd, self.session)


_alone = msgspec.json.Decoder(Line)
_together = msgspec.json.Decoder(list[Line])


class Heard(NamedTuple):
    """Who hears of what nginx has answered."""

    traffic: Traffic
    clock: Callable[[], float]  # of `traffic`, seconds
    asked: Callable[[str], None] = lambda _: None  # told of each segment, by its raw path
    nobody: str = ""  # User-Agent of requests that no viewer made


class LogTail:
    """Reads on, again and again, and counts.

    Args:
        path: of the log.
        heard: told of everything.
    """

    def __init__(self, path: Path, heard: Heard) -> None:
        self._path = path
        self._heard = heard
        self._fd = -1
        self._at = 0
        self._rest = b""
        self.said: Callable[[str, tuple[str, ...], str], None] = (
            lambda *_: None  # told of what players say: CMCD's argument, its fields, and the address
        )
        self.lines = 0
        self.junk = 0  # lines that are none
        self.skipped_bytes = 0
        self.statuses = dict.fromkeys(_CACHE_STATUSES, 0)  # lines, by what nginx's cache did

    def open(self) -> None:
        """Begin at the end: what is there happened before.

        Raises:
            OSError: the file cannot be had.
        """
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.skipped_bytes += os.fstat(self._fd).st_size
        os.ftruncate(self._fd, 0)

    def close(self) -> None:
        """Leave the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            more = self.read_some()
            await asyncio.sleep(0 if more else EVERY_S)

    def read_some(self) -> bool:
        """Count some lines; whether there may be more."""
        size = os.fstat(self._fd).st_size
        if size < self._at:  # somebody else has cut it
            self._at, self._rest = 0, b""
        if size - self._at > BACKLOG_BYTES:
            self.skipped_bytes += size - self._at
            self._at, self._rest = size, b""
        given = os.pread(self._fd, _READ_BYTES, self._at)
        self._at += len(given)
        if given:
            *lines, self._rest = (self._rest + given).split(b"\n")
            self._count(lines)
        elif self._at >= CUT_BYTES and not self._rest:
            self._cut()
        return len(given) == _READ_BYTES

    def _cut(self) -> None:
        """Nothing may happen between these two calls but what cannot be helped: a line that comes then is lost."""
        if os.fstat(self._fd).st_size == self._at:
            os.ftruncate(self._fd, 0)
            self._at = 0

    def _count(self, texts: list[bytes]) -> None:
        lines = self._decoded(texts)
        self.lines += len(lines)
        for cache, count in Counter([line.cache for line in lines]).items():
            if cache in self.statuses:
                self.statuses[cache] += count
        nobody = self._heard.nobody
        answered = [
            line for line in lines if line.status not in _ELSEWHERE and (line.agent != nobody or not nobody)
        ]
        paths = Counter([line.path for line in answered if line.status in _MEDIA])
        batch = Batch(
            requests=len(answered),
            size_bytes=sum([line.size_bytes for line in answered]),
            viewers=dict.fromkeys([line.viewer for line in answered]),
            segments={raw_path(one): count for one, count in paths.items() if kind_of(one) is Kind.SEGMENT},
        )
        if answered:
            self._heard.traffic.record_batch(batch, self._heard.clock())
        for path in batch.segments:
            self._heard.asked(path)
        for line in answered:
            if line.cmcd or line.request or line.session:
                self.said(line.cmcd, (line.object, line.request, line.session, line.player), line.address)

    def _decoded(self, texts: list[bytes]) -> list[Line]:
        """All at once where all are well, which is faster than one by one."""
        try:
            return _together.decode(b"[%b]" % b",".join(texts))
        except _UNREADABLE:
            pass
        lines = []
        for text in texts:
            try:
                lines.append(_alone.decode(text))
            except _UNREADABLE:
                self.junk += 1
        return lines
