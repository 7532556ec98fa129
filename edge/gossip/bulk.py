"""Bulk sync, the asking side: where a peer holds much that is lacking here, its state is fetched over its admin port.

The core decides when and of whom; the caller carries:

    while fetch := node.bulk.next(): …                                ask `fetch.url`, with `fetch.request`
    node.bulk.frame(fetch, data, now)                                 for each frame that comes, until it says stop
    node.bulk.done(fetch, now), .failed(…) or .turned_away(…)         at the end

One exchange at a time. Asking begins after a little while that differs from node to node, and a server that is busy
names others to ask, so a wave of newcomers spreads. While an exchange waits or runs, datagrams bring nothing of what it
will bring; after it, or when it fails, they go on where it ended.
"""

from collections.abc import Callable
from dataclasses import dataclass

from edge.gossip.core import Core
from edge.gossip.outbox import MESSAGE_MAX_BYTES
from edge.gossip.timers import Action, Timer
from edge.model import Address, Member, Status, generation_of
from edge.wire.bulk import FRAME_MAX_BYTES, Fetch, Stored, decode_records
from edge.wire.errors import DecodeError
from edge.wire.frame import Opener, Sealer
from edge.wire.messages import Announce, encode

PATH = "/v1/sync"
TIMEOUT_S = 10.0  # of one exchange
IDLE_S = 2.0  # within it: for the connection, and from frame to frame
_SPREAD_S = 0.1  # newcomers of one wave ask over so long
_PATIENCE_S = 6.0  # from the first wish; then datagrams go on
_PAUSE_MIN_S = 5.0  # after an exchange; doubled by each that brings nothing, or fails
_PAUSE_MAX_S = 600.0
CANDIDATES_MAX = 16
_RECORD_MAX_BYTES = 3 * MESSAGE_MAX_BYTES  # of one member: its record, load and hottest segments
_PRESENT = (Status.ALIVE, Status.SUSPECT)

Apply = Callable[[Stored, Address, float], None]


@dataclass(frozen=True, slots=True)
class Ciphers:
    """What makes and opens frames; the datagrams' own."""

    sealer: Sealer
    opener: Opener


@dataclass(frozen=True, slots=True)
class Fetching:
    """One exchange, for the caller to carry."""

    serial: int
    peer: Address  # where the node that is asked receives gossip
    name: str
    url: str  # of its admin port
    request: bytes  # a sealed frame
    deadline: float  # seconds, the core's monotonic time


class Bulk:
    """Decides on bulk syncs and takes in what they bring.

    Args:
        core: shared state.
        ciphers: of frames.
        digests: of the buckets of the durable state, as it is at the moment.
        apply: takes in one record, as from a datagram.
    """

    def __init__(self, core: Core, ciphers: Ciphers, digests: Callable[[], bytes], apply: Apply) -> None:
        self._core = core
        self._ciphers = ciphers
        self._digests = digests
        self._apply = apply
        self._candidates: dict[Address, None] = {}  # who may be asked: they hold much that is lacking here
        self._since = 0.0  # when the present wish arose
        self._timer: Timer | None = None  # to ask, or that the one asked is silent
        self._asked: Fetching | None = None
        self._next: Fetching | None = None
        self._serial = 0
        self._taken_bytes = 0
        self._before = b""  # digests when it was asked
        self._not_before = float("-inf")
        self._pause_s = _PAUSE_MIN_S

    @property
    def busy(self) -> bool:
        """Whether an exchange waits or runs."""
        return self._timer is not None

    def takes(self, peer: Address, now: float) -> bool:
        """`peer` holds much that is lacking here: whether a bulk sync will bring it. If not, datagrams must."""
        core = self._core
        if not self.busy:
            if not core.config.bulk_from or now < self._not_before:
                return False
            self._since = now
            self._set(now + core.rng.uniform(0, _SPREAD_S), self._ask)
        self._propose(peer)
        return True

    def next(self) -> Fetching | None:
        """An exchange to carry."""
        fetch, self._next = self._next, None
        return fetch

    def frame(self, fetch: Fetching, data: bytes, now: float) -> bool:
        """One frame of the answer. False: it is not wanted, and nothing that follows is."""
        core = self._core
        if fetch is not self._asked:
            return False
        core.counters.bulk_bytes_received += len(data)
        self._taken_bytes += len(data)
        try:
            records = decode_records(self._ciphers.opener.open(data, FRAME_MAX_BYTES))
        except DecodeError as error:
            core.counters.dropped[error.reason] += 1
            self.failed(fetch, now)
            return False
        if self._taken_bytes > _RECORD_MAX_BYTES * (core.config.members_max + core.config.events_max):
            self.failed(fetch, now)
            return False
        self._take_in(records, fetch.peer, now)
        self._expect(now)
        return True

    def done(self, fetch: Fetching, now: float) -> None:
        """All of the answer has come."""
        if fetch is not self._asked:
            return
        self._core.counters.bulk_done += 1
        self._rest(now, gained=self._digests() != self._before)

    def failed(self, fetch: Fetching, now: float) -> None:
        """No answer, or not to its end. What came is kept; another one is asked, if there is one."""
        if fetch is not self._asked:
            return
        self._core.counters.bulk_failed += 1
        self._asked = None
        self._candidates.pop(fetch.peer, None)
        self._set(now + self._core.rng.uniform(0, _SPREAD_S), self._ask)

    def turned_away(self, fetch: Fetching, retry_s: float, hints: bytes, now: float) -> None:
        """The one asked serves others; `hints`, a frame, names some who could be asked in its place."""
        if fetch is not self._asked:
            return
        core = self._core
        core.counters.bulk_turned_away += 1
        self._asked = None
        del self._candidates[fetch.peer]
        self._take_hints(hints, fetch.peer, now)
        wait_s = core.rng.uniform(0, _SPREAD_S)
        if not self._candidates:
            self._propose(fetch.peer)
            wait_s = max(_SPREAD_S, retry_s) * core.rng.uniform(0.5, 1.5)
        self._set(now + wait_s, self._ask)

    def _ask(self, now: float) -> None:
        member = self._choose()
        if member is None or now - self._since > _PATIENCE_S:
            self._rest(now, gained=False)
            return
        core = self._core
        core.counters.bulk_asked += 1
        self._before, self._taken_bytes = self._digests(), 0
        fetch = Fetch(core.name, member.name, generation_of(member.incarnation), self._before)
        self._serial += 1
        self._asked = self._next = Fetching(
            serial=self._serial,
            peer=member.address,
            name=member.name,
            url=member.admin.rstrip("/") + PATH,
            request=self._ciphers.sealer.seal(encode(fetch), member.name),
            deadline=now + TIMEOUT_S,
        )
        self._expect(now)

    def _choose(self) -> Member | None:
        """A candidate whose admin port is known; of the own zone, if there is one."""
        core = self._core
        held = [peer.member for one in self._candidates if (peer := core.members.at(one)) is not None]
        able = [one for one in held if one.admin and one.status in _PRESENT and one.name != core.name]
        near = [one for one in able if one.zone == core.me.zone]
        return core.rng.choice(near or able) if able else None

    def _expect(self, now: float) -> None:
        """Give the one asked some time until its next frame."""
        assert self._asked
        self._set(min(now + IDLE_S, self._asked.deadline), self._silent)

    def _silent(self, now: float) -> None:
        if self._asked:
            self.failed(self._asked, now)

    def _take_in(self, records: list[Stored], peer: Address, now: float) -> None:
        """As from datagrams, but told to nobody: everybody else has it, or fetches it too."""
        self._core.hushed = True
        try:
            for record in records:
                self._apply(record, peer, now)
        finally:
            self._core.hushed = False

    def _take_hints(self, hints: bytes, peer: Address, now: float) -> None:
        try:
            records = decode_records(self._ciphers.opener.open(hints)) if hints else []
        except DecodeError as error:
            self._core.counters.dropped[error.reason] += 1
            return
        self._take_in(records, peer, now)
        for record in records:
            if isinstance(record, Announce) and record.member.name != self._core.name:
                self._propose(record.member.address)

    def _propose(self, peer: Address) -> None:
        if len(self._candidates) < CANDIDATES_MAX:
            self._candidates[peer] = None

    def _rest(self, now: float, *, gained: bool) -> None:
        """Over. The next wish is heard after a pause; till then datagrams bring what is lacking."""
        self._set(None, self._ask)
        self._asked = self._next = None
        self._candidates.clear()
        if gained:
            self._pause_s = _PAUSE_MIN_S
        self._not_before = now + self._core.jitter(self._pause_s)
        self._pause_s = min(_PAUSE_MAX_S, 2 * self._pause_s)

    def _set(self, when: float | None, action: Action) -> None:
        """The one timer; none at all when all is over."""
        if self._timer:
            self._timer.cancel()
        self._timer = None if when is None else self._core.timers.at(when, action)
