"""`edge events --follow`: what happened, and then what happens, as a node streams it."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import aiohttp
import orjson

from edge.cli.ask import NoAnswerError, refusal
from edge.model import ConfigError

PATIENCE = aiohttp.ClientTimeout(total=None, connect=5, sock_read=15)  # a node says every 4 s that it lives
_BACKOFF_S = (0.5, 1.0, 2.0, 4.0, 5.0)  # the last one again and again
_KNOWN_MAX = 4096  # durable events; a node holds 1024
_LINE_BYTES = 1024 * 1024
_BUSY = 503


class Sent(NamedTuple):
    """One server-sent event."""

    name: str
    number: str  # its id: process and number, as in 17f-12
    told: dict[str, Any]


class Follower:
    """Follows one node through its restarts: nothing twice, and what is missed is counted.

    Args:
        url: of the stream.
        last: how many events of the past to tell at first.
        tell: hears of each event: its name, `seen` or `durable`, and what is told of it.
        note: hears of what happens to the stream itself.
        names: of the events to tell.
    """

    def __init__(
        self,
        url: str,
        last: int,
        tell: Callable[[str, dict[str, Any]], None],
        note: Callable[[str], None],
        names: tuple[str, ...] = ("seen", "durable"),
    ) -> None:
        self._url = url
        self._last = last
        self._tell = tell
        self._note = note
        self._names = names
        self._id = ""
        self._known: OrderedDict[tuple[Any, ...], None] = OrderedDict()
        self._failed = 0  # times in a row
        self.missed = 0  # events that the node no longer had when it was asked again

    async def run(self, http: aiohttp.ClientSession) -> None:
        """Follow until cancelled.

        Raises:
            ConfigError: the first answer does not come, or a later one says that it is of no use to ask again.
        """
        while True:
            try:
                await self._listen(http)
                reason = "it has ended the stream"
            except ConfigError:
                raise
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:  # the last: it is no such stream
                if not self._id:
                    raise NoAnswerError(self._url, error) from None
                broken = isinstance(error, aiohttp.ClientPayloadError)
                reason = "the connection broke off" if broken else NoAnswerError(self._url, error).reason
            if not self._failed:
                self._note(f"no more events from {self._url} ({reason}); it is asked again")
            await asyncio.sleep(_BACKOFF_S[min(self._failed, len(_BACKOFF_S) - 1)])
            self._failed += 1

    async def _listen(self, http: aiohttp.ClientSession) -> None:
        headers = {"Last-Event-ID": self._id} if self._id else {}
        async with http.get(self._url, headers=headers, read_bufsize=_LINE_BYTES) as answer:
            if answer.status == _BUSY and self._id:
                return
            if answer.status != 200:
                raise refusal(self._url, answer.status, await answer.read())
            past: list[Sent] | None = []
            async for sent in _events(answer.content):
                if sent.name == "known":
                    self._tell_past(past or [])
                    self._id, past = sent.number, None
                elif past is not None:
                    past.append(sent)
                else:
                    self._tell_new(sent)

    def _tell_past(self, past: list[Sent]) -> None:
        """All that is not known yet, in order of time; at first only the last of it."""
        if self._failed:
            self._note("it answers again")
        first, self._failed = not self._id, 0
        fresh = [one for one in past if self._is_new(one)]
        fresh.sort(key=lambda one: float(one.told["time"]))
        for one in fresh[-self._last :] if first else fresh:
            self._tell(one.name, one.told)

    def _tell_new(self, sent: Sent) -> None:
        if self._is_new(sent):
            self._tell(sent.name, sent.told)

    def _is_new(self, sent: Sent) -> bool:
        """Whether to tell it; either way it is known from now on."""
        if sent.name == "seen":
            self._count_gap(sent.number)
            self._id = sent.number
            return "seen" in self._names
        key = tuple(sent.told.get(name) for name in ("kind", "key", "time", "origin"))
        if sent.name != "durable" or key in self._known:
            return False
        self._known[key] = None
        if len(self._known) > _KNOWN_MAX:
            self._known.popitem(last=False)
        return True

    def _count_gap(self, number: str) -> None:
        """Numbers rise by one; a process that was started anew begins at 1."""
        (process, _, now), (before, _, last) = number.rpartition("-"), self._id.rpartition("-")
        gap = int(now) - (int(last) if process == before else 0) - 1
        if self._id and gap > 0:
            self.missed += gap
            self._note(f"{gap} events were missed: the node no longer has them")


async def _events(lines: aiohttp.StreamReader) -> AsyncIterator[Sent]:
    """As the standard for server-sent events has it, with JSON in them; comments say nothing."""
    fields: dict[bytes, bytes] = {}
    async for line in lines:
        name, _, value = line.rstrip(b"\r\n").partition(b":")
        if name:
            fields[name] = value.removeprefix(b" ")
        elif b"data" in fields:
            told = orjson.loads(fields[b"data"])
            yield Sent(fields.get(b"event", b"").decode(), fields.get(b"id", b"").decode(), told)
            fields = {}
