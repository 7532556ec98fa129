"""What a node thinks of its peers: a score for each, what lowers it, and whom it shuns on whose word.

Each node judges for itself, from what it sees. It tells its doubts first-hand, and heeds those of peers that it trusts
itself; they count for something only together with its own evidence, or where most say the same. So a few liars cannot
have an honest node shunned, and at most a third of the members ever are: who doubts more has cause to doubt itself.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from edge.model import Address
from edge.wire.messages import DOUBTS_MAX, Doubt

WHOLE = 100.0
QUARANTINE = 10.0  # below it a node is shunned,
RELEASE = 40.0  # until it is above this again
ACCEPT = 30.0  # below it a node's word about others is not taken (seed S8: 0.3)
VOUCH = 50.0  # below it a node's doubts in others are not heard, and others are told of it
STEADY_S = 5.0  # without a fault, after which a score rises
PER_S = 2.0  # so much a second; half of it after each relapse
RELAPSES_MAX = 4
RELAPSE_S = 600.0  # so long what was is held against a node
HEARD_S = 30.0  # so long a peer's doubts count, if it tells no others
SHARE = 3  # one in so many members may be shunned


class Fault(StrEnum):
    """What a node is blamed for; each is a label value of one counter."""

    LOAD = "load"  # viewers who were sent there do not show in its load
    SWING = "swing"  # more viewers left at once than can have
    CAPACITY = "capacity"  # grew, or is larger than any other's, beyond belief
    ACCUSATION = "accusation"  # said to be gone who was there
    NAMES = "names"  # tells of more nodes at its own address than can be there
    PURGES = "purges"  # more events than any operator has cause for
    FORGED = "forged"  # a record with a signature that does not fit


PENALTY = {
    Fault.LOAD: 35.0,
    Fault.SWING: 35.0,
    Fault.CAPACITY: 30.0,
    Fault.ACCUSATION: 12.0,
    Fault.NAMES: 30.0,
    Fault.PURGES: 50.0,
    Fault.FORGED: 50.0,
}


class Standing:
    """One node's."""

    __slots__ = ("faulted", "kinds", "quarantined", "relapses", "score", "since")

    def __init__(self, now: float) -> None:
        self.score = WHOLE
        self.faulted = now
        self.kinds: dict[Fault, None] = {}  # since it was whole
        self.quarantined = False
        self.relapses = 0
        self.since = now  # when it was quarantined, or released, last


class Reputation:
    """Scores of peers, 0 to 100; who is not in the table has 100.

    Args:
        name: of this node, which does not judge itself.
    """

    def __init__(self, name: str) -> None:
        self.faults = dict.fromkeys(Fault, 0)
        self.version = 0  # rises with every change that a view shows
        self.crowded = 0  # times that somebody would have been shunned beyond the bound
        self._name = name
        self._held: dict[str, Standing] = {}  # bounded by the member table: see `forget`
        self._heard: dict[str, tuple[float, dict[str, int]]] = {}  # doubts of peers
        self._settled = 0.0

    def score(self, name: str) -> float:
        """By this node's own evidence."""
        held = self._held.get(name)
        return held.score if held else WHOLE

    def quarantined(self, name: str) -> bool:
        """Whether it is shunned."""
        held = self._held.get(name)
        return held is not None and held.quarantined

    def believed(self, name: str) -> bool:
        """Whether its word about others is taken."""
        held = self._held.get(name)
        return held is None or (held.score >= ACCEPT and not held.quarantined)

    def blamed_for(self, name: str, kind: Fault) -> bool:
        """Whether it is not believed, for this among others."""
        held = self._held.get(name)
        return held is not None and kind in held.kinds and not self.believed(name)

    def kinds(self, name: str) -> list[Fault]:
        """What it is blamed for."""
        held = self._held.get(name)
        return list(held.kinds) if held else []

    @property
    def all_whole(self) -> bool:
        """Whether nobody has a fault: nothing need be looked up."""
        return not self._held

    @property
    def shunned(self) -> list[str]:
        """Who is in quarantine, in the order of their first faults."""
        return [name for name, held in self._held.items() if held.quarantined]

    def fault(self, name: str, kind: Fault, now: float, weight: float = 1.0) -> None:
        """A node did what no honest one does; `weight` says how sure that is, 0 to 1."""
        if name == self._name:
            return
        self.faults[kind] += 1
        held = self._held.get(name)
        if held is None:
            held = self._held[name] = Standing(now)
        held.score = max(0.0, held.score - weight * PENALTY[kind])
        held.faulted = now
        held.kinds[kind] = None
        self.version += 1

    def heard(self, observer: str, doubts: Sequence[Doubt], now: float) -> None:
        """What a peer said itself about others; it takes the place of what it said before."""
        self._heard[observer] = (now, {one.node: one.score for one in doubts})

    def told(self) -> list[Doubt]:
        """What to say about others: of those worth a word the worst; who has recovered is told for some time, too."""
        worst = sorted(self._held.items(), key=lambda item: item[1].score)[:DOUBTS_MAX]
        return [Doubt(name, int(held.score)) for name, held in worst]

    def doubters(self) -> list[str]:
        """Peers in good standing that doubt this node."""
        return self._voices(self._name, VOUCH)

    def forget(self, present: Sequence[str]) -> None:
        """Only those are members any more."""
        names = dict.fromkeys(present)
        for table in (self._held, self._heard):
            for name in [one for one in table if one not in names]:
                del table[name]

    def idle(self, now: float) -> bool:
        """Whether nobody is in doubt, here or with others."""
        idle = not (self._held or self._heard)
        if idle:
            self._settled = now
        return idle

    def settle(self, present: Mapping[str, Address], now: float) -> list[tuple[str, bool]]:
        """Let scores rise with time, and decide who is shunned.

        Args:
            present: members that are there, and where, this node among them; names at one address are one member.
            now: the time.

        Returns:
            Who is shunned from now on (True), and who no longer (False).
        """
        passed_s, self._settled = now - self._settled, now
        self._heard = {name: one for name, one in self._heard.items() if now - one[0] < HEARD_S}
        for name, held in list(self._held.items()):
            self._recover(name, held, passed_s, now)
        doubted = [name for _, doubts in self._heard.values() for name in doubts]
        names = [one for one in dict.fromkeys([*self._held, *doubted]) if one in present]
        return [change for name in names if (change := self._decide(name, present, now))]

    def _recover(self, name: str, held: Standing, passed_s: float, now: float) -> None:
        if held.score < WHOLE and now - held.faulted >= STEADY_S:
            before = int(held.score)
            held.score = min(WHOLE, held.score + passed_s * PER_S / 2 ** min(held.relapses, RELAPSES_MAX))
            self.version += int(held.score) != before
        if held.score == WHOLE and not held.quarantined:
            held.kinds.clear()
            if (
                now - held.since >= (RELAPSE_S if held.relapses else STEADY_S)
                and now - held.faulted > HEARD_S
            ):
                del self._held[name]

    def _decide(self, name: str, present: Mapping[str, Address], now: float) -> tuple[str, bool] | None:
        held = self._held.get(name)
        guilty = name != self._name and self._guilty(name, present)
        if held is None:
            if not guilty:
                return None
            held = self._held[name] = Standing(now)
        if held.quarantined:
            if guilty or held.score < RELEASE:
                return None
            held.relapses += 1
        elif not guilty or not self._has_room(present):
            return None
        held.quarantined, held.since = not held.quarantined, now
        self.version += 1
        return name, held.quarantined

    def _guilty(self, name: str, present: Mapping[str, Address]) -> bool:
        """By own evidence that some peers confirm, or by the word of most."""
        others = len(set(present.values())) - 2  # without this node and the one in question
        own = self.score(name) < QUARANTINE
        if own and len(self._voices(name, VOUCH)) >= (2 if others >= 3 else 1):
            return True
        most = len(self._voices(name, QUARANTINE))
        return most >= 3 and 2 * most > others

    def _has_room(self, present: Mapping[str, Address]) -> bool:
        """Who would shun more than a part of all rather errs itself."""
        shunned = {present[name] for name in self.shunned if name in present}
        room = len(shunned) < len(set(present.values())) // SHARE
        self.crowded += not room
        return room

    def _voices(self, name: str, below: float) -> list[str]:
        """Peers that this node trusts, and that gave `name` less than that."""
        return [
            observer
            for observer, (_, doubts) in self._heard.items()
            if observer != name and doubts.get(name, WHOLE) < below and self.score(observer) >= VOUCH
        ]
