"""Bulk sync, the answering side: few at a time, and whoever comes on top is told whom else to ask.

A request is a sealed frame, so only members are answered; it names this very process, so it cannot be used again at
another or a later one, and its counter is spent with the first use.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from edge.gossip.bulk import TIMEOUT_S, Ciphers
from edge.gossip.core import Core
from edge.gossip.members import bucket_of
from edge.gossip.sync import Sync, differing_buckets
from edge.model import Status, generation_of
from edge.state.events import EventLog
from edge.wire.bulk import Fetch, decode_fetch, payloads
from edge.wire.errors import DecodeError
from edge.wire.messages import Tell, encode, encode_record, join

RETRY_AFTER_S = 1
AT_ONCE = 2  # answers; more would not be done sooner
_HINTS = 6  # members named to whom is turned away; their records fit a datagram
_SETTLED_S = 10.0  # who is known for less has perhaps not much to give


class Verdict(Enum):
    """What is said to a request."""

    SERVED = auto()
    BUSY = auto()
    MISDIRECTED = auto()  # meant for another process
    REFUSED = auto()  # by nobody of this cluster, or used before


@dataclass(frozen=True, slots=True)
class Answer:
    """Frames to send one after another, made as they are taken; `close` it when no more are."""

    verdict: Verdict
    frames: Iterator[bytes]
    close: Callable[[], None]


class BulkServer:
    """Answers requests with all records in the buckets that differ."""

    def __init__(self, core: Core, ciphers: Ciphers, log: EventLog, sync: Sync) -> None:
        self._core = core
        self._ciphers = ciphers
        self._log = log
        self._sync = sync
        self._serial = 0
        self._running: dict[int, float] = {}  # answers: until when each counts, should it never be closed

    def answer(self, request: bytes, now: float) -> Answer:
        """What to answer; nothing is raised."""
        core = self._core
        try:
            fetch = decode_fetch(self._ciphers.opener.open(request))
        except DecodeError as error:
            core.counters.dropped[error.reason] += 1
            core.counters.bulk_refused += 1
            return _short(Verdict.REFUSED)
        if (fetch.target, fetch.generation) != (core.name, generation_of(core.me.incarnation)):
            core.counters.bulk_refused += 1
            return _short(Verdict.MISDIRECTED)
        self._running = {serial: end for serial, end in self._running.items() if end > now}
        if len(self._running) >= AT_ONCE:
            core.counters.bulk_busy += 1
            return _short(Verdict.BUSY, self._hints(fetch, now))
        core.counters.bulk_served += 1
        self._serial += 1
        serial, running = self._serial, self._running
        running[serial] = now + TIMEOUT_S
        return Answer(Verdict.SERVED, self._frames(fetch, now), lambda: self._close(serial))

    def _close(self, serial: int) -> None:
        self._running.pop(serial, None)

    def _frames(self, fetch: Fetch, now: float) -> Iterator[bytes]:
        for payload in payloads(self._messages(fetch, now)):
            sealed = self._ciphers.sealer.seal(payload, fetch.source)
            self._core.counters.bulk_bytes_sent += len(sealed)
            yield sealed

    def _messages(self, fetch: Fetch, now: float) -> Iterator[bytes]:
        """Encoded one by one, as each is then: between two frames the tables may change."""
        differing = dict.fromkeys(differing_buckets(self._sync.bucket_digests, fetch.digests))
        names = [peer.member.name for peer in self._core.members.peers()]
        digests = [digest for index in differing for digest in self._log.bucket(index)]
        for name in names:
            if bucket_of(name) in differing:
                yield from self._sync.records([name], now)
        for digest in digests:
            if event := self._log.find(digest):
                yield encode(Tell(event))

    def _hints(self, fetch: Fetch, now: float) -> Iterator[bytes]:
        """Some settled members, of the asker's zone first."""
        core = self._core
        asker = core.members.get(fetch.source)
        settled = [
            peer.member
            for peer in core.members.peers()
            if peer.member.status is Status.ALIVE
            and peer.member.admin
            and now - peer.since >= _SETTLED_S
            and peer.member.name not in (core.name, fetch.source)
        ]
        near = [one for one in settled if asker and one.zone == asker.member.zone]
        chosen = core.rng.sample(near, min(_HINTS, len(near)))
        far = [one for one in settled if one not in near]
        chosen += core.rng.sample(far, min(_HINTS - len(chosen), len(far)))
        if chosen:
            named = join([encode_record(one) for one in chosen])
            yield self._ciphers.sealer.seal(named, fetch.source)


def _short(verdict: Verdict, frames: Iterator[bytes] | None = None) -> Answer:
    return Answer(verdict, frames or iter(()), lambda: None)
