"""Durable events: accepted here or heard of, told on at once, handed to the application, acknowledged.

No acknowledgement is a datagram of its own. Every node's load row carries a digest of the events that it has acted on;
where it equals a digest that this node had, the other has acted on all that this node had acted on then.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from statistics import median

from edge.gossip.acted import ActedTimes
from edge.gossip.ages import Ages
from edge.gossip.core import Core
from edge.gossip.outbox import MESSAGE_MAX_BYTES
from edge.model import Address, Durable, EventKind, Status
from edge.state.events import AHEAD_MAX_MS, LASTING, TICK_BITS, EventLog, HybridClock, digest_of
from edge.wire.messages import LoadRow, Tell, encode

_PRESENT = (Status.ALIVE, Status.SUSPECT)
_EXPIRE_EVERY_S = 1.0
_AHEAD_MAX_S = AHEAD_MAX_MS / 2000  # what is dated `AHEAD_MAX_MS` ahead peers refuse; half is left for doubt
_HISTORY = 256  # own digests that others' acknowledgements are compared with
_APPLIED_MASK = (1 << 32) - 1


class Refusal(Exception):  # noqa: N818  (an answer to whoever asked, not a fault)
    """An event is not accepted; the text says why."""


class Events:
    """This node's part in the cluster's durable events.

    Args:
        core: shared state.
        log: where events are held.
        now: the time.
    """

    def __init__(self, core: Core, log: EventLog, now: float) -> None:
        self._core = core
        self._log = log
        self._clock = HybridClock()
        self._waiting: deque[Durable] = deque()  # for the application; bounded by the log
        self._serials: dict[int, int] = {}  # of the events acted on, by digest, in the order of acting
        self._serial = 0
        self._applied = 0
        self._history: OrderedDict[int, int] = OrderedDict({0: 0})  # own digests: what serial they stand for
        self.on_new: Callable[[Durable, bool, float], None] = _nobody_told  # event, whether made here, time
        self._times = ActedTimes()
        self._ages = Ages(core, now)
        self._reached: dict[str, int] = {}  # the serial up to which each node is known to have acted
        core.timers.at(now + _EXPIRE_EVERY_S, self._expire)

    @property
    def dropped(self) -> int:
        """Events that the full log did not take in, or let go before their time."""
        return self._log.refused + self._log.let_go

    @property
    def applied(self) -> int:
        """Digest of all events that this node has acted on and that still count."""
        return self._applied & _APPLIED_MASK

    def create(self, kind: EventKind, key: str, body: str, ttl_s: int, now: float) -> Durable:
        """Accept an event here. It lives at least as long as the one whose place it takes.

        Raises:
            Refusal: it fits no datagram, the log is full, or this node's clock is so wrong that no peer would take it.
        """
        if (ahead_s := self._ahead_s()) > _AHEAD_MAX_S:
            text = f"this node's clock is {ahead_s:.0f} s ahead of its peers', who would refuse the event"
            raise Refusal(f"{text}: set the clock, or ask another node")
        at, older = self._clock.next(self._wall_ms(now)), self._log.get(kind, key)
        if older:  # else a node that was away would bring it back when this one is over
            ttl_s = max(ttl_s, -(-(older.expires_ms - (at >> TICK_BITS)) // 1000))
        event = Durable(kind, key, at, self._core.name, ttl_s, body)
        if len(encode(Tell(event))) > MESSAGE_MAX_BYTES:
            raise Refusal(f"the event is too large: at most {MESSAGE_MAX_BYTES} bytes fit a datagram")
        crowded = self._log.full and kind not in LASTING and older is None
        # What is accepted here takes nobody's room, but for what must not be lost.
        self._log.refused += crowded
        if crowded or not self._log.merge(event, self._wall_ms(now)):
            raise Refusal(f"{len(self._log)} events are being told already: wait until some are over")
        self._times.made(digest_of(event), now)
        self._accepted(event, None, now)
        return event

    def heard(self, event: Durable, source: Address, now: float) -> None:
        """An event came in."""
        if len(encode(Tell(event))) > MESSAGE_MAX_BYTES:
            self._core.counters.oversize += 1
            return
        if self._log.merge(event, self._wall_ms(now)):
            self._clock.saw(event.at)
            self._ages.event(event, now)
            self._accepted(event, source, now)
        else:
            self._forget_superseded()

    def next(self) -> Durable | None:
        """The oldest event that the application has not seen; it calls `confirm` when it has acted on it."""
        while self._waiting:
            event = self._waiting.popleft()
            if self._log.get(event.kind, event.key) == event:  # else a newer one has taken its place
                return event
        return None

    def confirm(self, event: Durable, now: float) -> bool:
        """The application has acted on `event`; whether that changed what this node acknowledges."""
        digest = digest_of(event)
        if self._log.find(digest) is None or digest in self._serials:
            return False
        self._serial += 1
        self._serials[digest] = self._serial
        self._toggle(digest)
        self._advance(self._core.name, self._serial, now)
        for name in self._core.loads.nodes():  # who has acted before this node did
            held = self._core.loads.get(name)
            if held and held.applied == self.applied:
                self._advance(name, self._serial, now)
        return True

    def acknowledged(self, rows: list[LoadRow], now: float) -> None:
        """Load rows of other nodes say what each has acted on."""
        serial_of, reached = self._history.get, self._reached
        for row in rows:
            serial = serial_of(row.applied)
            if serial is not None and serial > reached.get(row.node, -1):
                self._advance(row.node, serial, now)

    def reached(self, event: Durable) -> list[str]:
        """Names of the members that are known to have acted on `event`, this node among them."""
        serial = self._serials.get(digest_of(event))
        if serial is None:
            return []
        acted = [name for name in self.audience() if self._reached.get(name, -1) >= serial]
        return [self._core.name, *acted]

    def times(self, event: Durable) -> Mapping[str, float]:
        """Seconds after which each member was known to have acted on an event that was made here lately."""
        return self._times.of(digest_of(event))

    def audience(self) -> list[str]:
        """Names of the other members that act on events: not who is gone, but who is lost in a cut, too."""
        peers = (peer for peer in self._core.members.peers() if peer.member.name != self._core.name)
        return [peer.member.name for peer in peers if peer.cut or peer.member.status in _PRESENT]

    def events(self) -> list[Durable]:
        """All that count now, oldest first."""
        return self._log.events()

    def _accepted(self, event: Durable, source: Address | None, now: float) -> None:
        self._core.tempo.hasten(now)
        self._core.spread(_told_as(event), encode(Tell(event)), source, now)
        self._waiting.append(event)
        self._forget_superseded()
        self.on_new(event, source is None, now)

    def _advance(self, name: str, serial: int, now: float) -> None:
        """A node has acted on all up to a serial."""
        self._reached[name] = serial
        self._times.acted(name, now, lambda digest: self._serials.get(digest, serial + 1) <= serial)

    def _ahead_s(self) -> float:
        """How far this node's clock is ahead of its peers'; 0 while none is known."""
        peers = (peer for peer in self._core.members.peers() if peer.member.status is Status.ALIVE)
        offsets = [peer.offset_s for peer in peers if peer.offset_s is not None]
        return -median(offsets) if offsets else 0.0

    def _forget_superseded(self) -> None:
        """What has left the log is no part of the acknowledgement any more, nor told on."""
        for event, digest in self._log.take_gone():
            if self._serials.pop(digest, None) is not None:
                self._toggle(digest)
            if self._log.get(event.kind, event.key) is None:
                self._core.broadcasts.urgent.drop(_told_as(event))

    def _toggle(self, digest: int) -> None:
        self._applied ^= digest
        self._history[self.applied] = self._serial
        self._history.move_to_end(self.applied)
        if len(self._history) > _HISTORY:
            self._history.popitem(last=False)

    def _expire(self, now: float) -> None:
        if self._log.expire(self._wall_ms(now)):
            self._forget_superseded()
        for name in [one for one in self._reached if self._core.members.get(one) is None]:
            del self._reached[name]
        self._core.timers.at(now + _EXPIRE_EVERY_S, self._expire)

    def _wall_ms(self, now: float) -> int:
        return int((now + self._core.wall_offset_s) * 1000)


def _nobody_told(_event: Durable, _here: bool, _now: float) -> None:
    """Until somebody wants to hear."""


def _told_as(event: Durable) -> str:
    """Under what an event waits to be told; a newer one of its key takes its place."""
    return f"event {int(event.kind)} {event.key}"
