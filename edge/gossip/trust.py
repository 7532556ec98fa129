"""Holds what peers say against what this node sees, and takes no news from those who do not keep to it.

What is looked at costs nothing where records come in: twice a second the newest reports are held against those before,
against the viewers that this node sent, and accusations against how they ended. What is missing is no evidence: in a
cut, while this node hears little, and of peers of which nothing new is heard, nobody is blamed for his load.
"""

import math

from edge.gossip.accusers import Accusers
from edge.gossip.core import Core
from edge.gossip.dispatched import KEPT_S, SHOWN_S, Dispatched
from edge.gossip.members import Peer
from edge.gossip.membership import NAMES_MAX
from edge.gossip.plausible import JUMP, LOOK_S, Claims, usual_capacity
from edge.gossip.reputation import Fault
from edge.model import Member, Status, generation_of
from edge.wire.messages import Announce, AnyMessage, Claim, Loads, Tell, Tops

AT_A_LOOK = 48  # reports; of more nodes only part is looked at each time
_FRESH_S = 2.5  # a report that is older says nothing of this moment
_LEAST = 3  # viewers sent to a node; fewer say nothing
_ENOUGH = 8  # that none of these shows is no chance
_SHOWS, _MISSES = 0.5, 0.4  # share of them that shows at an honest node, and at one that is not
_ANSWERED_LEAST = 0.7  # of this node's own tries
_EVENTS_S = 10.0
_EVENTS_LEAST = 256  # made by one node within that time, or a quarter of a log if that is more
_DATES_MAX = 8192  # of one node's events within that time; more than any log holds
_TOLD_EVERY_S = 60.0  # it is told that others doubt this node
_ACCUSED = (Status.SUSPECT, Status.UNREACHABLE)
_PRESENT = (Status.ALIVE, Status.SUSPECT)
_EVIDENCE = frozenset((Claim, Announce, Tell))  # beside doubts


class Trust:
    """One node's judgement of the others.

    Args:
        core: shared state.
        now: the time.
    """

    def __init__(self, core: Core, now: float) -> None:
        self._core = core
        self._claims: dict[str, tuple[int, Claims]] = {}  # with the generation of the process
        self._accusers = Accusers(core)
        self._dispatched = Dispatched()
        self._made: dict[str, Made] = {}
        self._due = now + LOOK_S
        self._next = 0  # of the reports to look at
        self._usual = 0.0  # capacity, when all had been looked at
        self._warned = -_TOLD_EVERY_S
        self.ignored = 0  # messages of those who are not believed

    def sent(self, node: str, viewer: str, now: float) -> None:
        """This node has sent a viewer to another one."""
        if node != self._core.name:
            self._dispatched.add(node, viewer, now)

    def sift(self, messages: list[AnyMessage], peer: Peer | None, now: float) -> list[AnyMessage]:
        """Of a datagram what may be taken in; all of it, where nobody is in doubt."""
        name = peer.member.name if peer else ""
        if name:
            for one in messages:
                if type(one) in _EVIDENCE or (type(one) is Loads and one.doubts is not None):
                    self._note(one, name, now)
        if self._core.reputation.all_whole:
            return messages
        found = [kept for one in messages if (kept := self._kept(one, name)) is not None]
        self.ignored += len(messages) - len(found)
        return found

    @property
    def faults(self) -> dict[Fault, int]:
        """By kind, since the start."""
        return self._core.reputation.faults

    @property
    def doubters(self) -> list[str]:
        """Peers that doubt this node."""
        return self._core.reputation.doubters()

    @property
    def crowded(self) -> int:
        """Times somebody would have been shunned beyond the bound."""
        return self._core.reputation.crowded

    def look(self, now: float) -> None:
        """Judge, when it is time; to be called often."""
        if now < self._due:
            return
        self._due = now + LOOK_S
        core = self._core
        self._tell_floods(now)
        self._accusers.look(now)
        self._look_at_reports(now)
        self._look_for_viewers(now)
        self._look_at_events(now)
        if core.reputation.idle(now):
            return
        core.reputation.forget([peer.member.name for peer in core.members.peers()])
        present = {one.name: one.address for one in (core.me, *core.others(*_PRESENT))}
        crowded = core.reputation.crowded
        for name, shunned in core.reputation.settle(present, now):
            self._tell(name, shunned, now)
        self._tell_own_doubt(len(present), crowded, now)

    def _note(self, message: AnyMessage, name: str, now: float) -> None:
        """Keep what is evidence, or judgement, of the sender."""
        if isinstance(message, Loads):
            self._core.reputation.heard(name, message.doubts or (), now)
        elif isinstance(message, Claim):
            if message.accuser == name and message.name != name and message.status in _ACCUSED:
                self._accusers.heard(message, now)
        elif isinstance(message, Announce):
            if message.member.name != name:
                self._note_names(message.member, name, now)
        elif isinstance(message, Tell) and message.event.origin == name:
            self._made.setdefault(name, Made(now)).add(message.event.at)

    def _note_names(self, told: Member, name: str, now: float) -> None:
        """Who tells of ever more names at its own address invents them."""
        members = self._core.members
        own = members.get(name)
        if own is None or own.member.address != told.address or members.get(told.name) is not None:
            return
        there = [one.name for one in self._core.others(*_PRESENT) if one.address == told.address]
        for one in there if len(there) >= NAMES_MAX else ():
            self._core.reputation.fault(one, Fault.NAMES, now)

    def _kept(self, message: AnyMessage, name: str) -> AnyMessage | None:
        """What may be taken of a message from `name`: of itself all, of others what it is believed."""
        believed, me = self._core.reputation.believed, self._core.name
        match message:
            case Claim():
                about = message.name in (name, me)
                return message if about or (believed(name) and believed(message.accuser)) else None
            case Announce():
                return message if believed(name) or message.member.name in (name, me) else None
            case Loads() if not believed(name):
                rows = [row for row in message.rows if row.node == name]
                return Loads(rows, [row for row in message.quality if row.node == name])
            case Tops() if not believed(name):
                return Tops([row for row in message.rows if row.node == name])
            case Tell() if self._core.reputation.blamed_for(message.event.origin, Fault.PURGES):
                return None
            case _:
                return message

    def _look_at_reports(self, now: float) -> None:
        core, loads = self._core, self._core.loads
        names = loads.nodes()
        if self._next >= len(names):
            self._next = 0
        if self._next == 0:
            told = [report.value.capacity for name in names if (report := loads.get(name))]
            self._usual = usual_capacity(told)
            core.ceiling = JUMP * self._usual or math.inf
        names = names[self._next : self._next + AT_A_LOOK]
        self._next += AT_A_LOOK
        held = [(name, report) for name in names if (report := loads.get(name))]
        for name, report in held:
            known = self._claims.get(name)
            if known is not None and known[1].version == report.version:
                continue
            if (peer := core.members.get(name)) is None or name == core.name:
                continue
            generation = generation_of(peer.member.incarnation)
            if known is None or known[0] != generation:
                known = self._claims[name] = (generation, Claims(now))
            if fault := known[1].take(report, self._usual):
                core.reputation.fault(name, fault, now)
            if known[1].fallen:
                core.fallen[name] = known[1].fallen
            elif core.fallen:
                core.fallen.pop(name, None)
            if core.believed.get(name) != known[1].capacity:
                core.believed[name] = known[1].capacity
        if len(self._claims) > len(loads):
            for name in [one for one in self._claims if loads.get(one) is None]:
                del self._claims[name]
                core.believed.pop(name, None)
                core.fallen.pop(name, None)

    def _look_for_viewers(self, now: float) -> None:
        """Whether those who were sent to others show there, if they show at most of them."""
        nodes = self._dispatched.nodes(now)
        core = self._core
        if not nodes or core.tempo.cut or core.tries.worst(now) < _ANSWERED_LEAST:
            return
        shows, misses = 0, list[tuple[str, int]]()
        for name in nodes:
            sent = self._dispatched.most(name, now)
            if sent < _LEAST or (told := self._told_of(name, now)) is None:
                continue
            if told >= _SHOWS * sent:
                shows += 1
            elif told < _MISSES * (sent := self._dispatched.count(name, now)) and sent >= _LEAST:
                misses.append((name, sent))
        if shows >= 2 and shows > len(misses):  # else they arrive nowhere, and that is no node's fault
            for name, sent in misses:
                core.reputation.fault(name, Fault.LOAD, now, min(1.0, sent / _ENOUGH))

    def _told_of(self, name: str, now: float) -> int | None:
        """The most viewers a node told of lately, if it has been there for as long as is looked back, and is heard."""
        peer, report = self._core.members.get(name), self._core.loads.get(name)
        known = self._claims.get(name)
        if peer is None or report is None or known is None:
            return None
        there = peer.member.status is Status.ALIVE and now - max(peer.since, known[1].since) > KEPT_S + 1
        if not there or now - report.at > _FRESH_S:
            return None
        return max(known[1].most(now - SHOWN_S), report.value.streams)

    def _look_at_events(self, now: float) -> None:
        most = max(_EVENTS_LEAST, self._core.config.events_max // 4)
        for name, made in list(self._made.items()):
            if made.over(now):
                del self._made[name]
            elif made.count > most:
                self._core.reputation.fault(name, Fault.PURGES, now)

    def _tell(self, name: str, shunned: bool, now: float) -> None:
        reputation = self._core.reputation
        if shunned:
            why = ", ".join(reputation.kinds(name)) or "the word of most"
            text = f"{name} is not believed any more and gets no viewers: {why}"
        else:
            text = f"{name} is believed again"
        self._core.emit("quarantined" if shunned else "released", name, text, now)

    def _tell_floods(self, now: float) -> None:
        core = self._core
        for address, begun in core.storm.turns(now):
            peer = core.members.at(address)
            name = peer.member.name if peer else str(address)
            text = f"{name} sends far more than it has to say: most of it is dropped unread"
            over = f"{name} sends no more than it has to say again"
            core.emit("flood" if begun else "flood-over", name, text if begun else over, now)

    def _tell_own_doubt(self, present: int, crowded: int, now: float) -> None:
        """Peers doubt this node, or it doubts too many of them: people should know."""
        core = self._core
        doubters = core.reputation.doubters()
        errs = core.reputation.crowded > crowded
        if now - self._warned < _TOLD_EVERY_S or not (errs or len(doubters) >= 2):
            return
        self._warned = now
        text = f"{len(doubters)} members do not believe what {core.name} tells"
        if errs:
            text = f"{core.name} would shun more than a third of {present} members: it may err itself"
        core.emit("doubted", core.name, text, now)


class Made:
    """Durable events that one node made, as it told them itself within a window."""

    __slots__ = ("_begun", "_dates")

    def __init__(self, now: float) -> None:
        self._begun = now
        self._dates: dict[int, None] = {}  # one node gives no date twice

    def add(self, at: int) -> None:
        """One more, if it was not told before."""
        if len(self._dates) < _DATES_MAX:
            self._dates[at] = None

    @property
    def count(self) -> int:
        """How many there were."""
        return len(self._dates)

    def over(self, now: float) -> bool:
        """Whether its window is over."""
        return now - self._begun > _EVENTS_S
