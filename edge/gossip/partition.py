"""Tells a cut from deaths: many members that fall silent together are a partition, and then nobody is evicted.

It is declared where a large share of the members, or nearly all of one zone, region or ISP, is suspect or unreachable
within a short time, or no peer is left at all. While that lasts, those that are lost keep their place in the table,
are gossiped to no more, and are called after by the island as a whole (PROTOCOL.md, Partition).
"""

import math
from collections import Counter
from collections.abc import Callable

from edge.gossip.core import Core
from edge.gossip.members import Change, Peer
from edge.gossip.timers import Timer
from edge.model import Address, Member, Status
from edge.state.view import Partition

_LOOK_S = 0.02  # news that comes together is looked at together
_LOOK_AGAIN_S = 1.0
_ASK_EVERY_S = 0.1
_ASK_FOR_S = 2.0  # from the latest loss on
_WINDOW_S = 10.0  # losses so far apart are no one event
_LABEL_SHARE = 0.8  # of one zone, region or ISP
_LABELS: tuple[Callable[[Member], str], ...] = (
    lambda one: one.zone,
    lambda one: one.region,
    lambda one: one.isp,
)
_TOGETHER = 2  # one member alone is a death, not a cut, while others are there
_CLOSE = 0.5  # of what declares a partition: above it suspicion is correlated, below it a partition is over
_CLOSE_LEAST = 3
_DOUBT_S = 5.0  # that suspects are held for what may be a cut, or has just been one
_NAMED = 12  # members that a sentence names
_MISSING = (Status.SUSPECT, Status.UNREACHABLE)


class PartitionDetector:
    """Watches the member table of one node for cuts.

    Args:
        core: shared state.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._missing: dict[str, float] = {}  # suspect or unreachable members: since when
        self._due = math.inf  # when to look next
        self._timer: Timer | None = None
        self._ask_from = -math.inf
        self._grace_until = -math.inf  # after a cut, in which the last of the lost may answer yet
        self._losses = 0  # as of the last look
        self._closeness = 0.0  # of these to being a partition; 1: they are
        self.on_back: Callable[[Member, float], None] = _nobody_told  # hears of each of the lost that answers
        self.on_doubt: Callable[[Address, float], None] = _nobody_told  # hears whom to probe at once
        self.partition: Partition | None = None
        self.version = 0  # rises with each change of `partition`
        self.declared = 0

    def changed(self, change: Change, now: float) -> None:
        """The record of a member changed. Who was lost before we knew it is not lost now."""
        before, member = change.before, change.after
        if member.status not in _MISSING:
            self._missing.pop(member.name, None)
            if member.status is Status.ALIVE and self._core.members.is_cut(member.name):
                self.on_back(member, now)
        elif before is not None and before.status in (Status.ALIVE, Status.SUSPECT):
            self._missing.setdefault(member.name, now)
        else:
            return
        self._look_at(now + _LOOK_S)

    def holds(self, name: str, now: float) -> bool:
        """Whether a suspect is not to be called unreachable yet, because it is not suspect alone."""
        since, peer = self._missing.get(name), self._core.members.get(name)
        if since is None or peer is None or peer.refused:
            return False
        close = self._closeness >= _CLOSE
        held_s = self._core.config.partition_hold_s
        if not (self.partition or (close and self._losses >= _CLOSE_LEAST)):
            # Two of a zone may be dead indeed, and the last of the lost need some moments after the heal.
            held_s = min(held_s, _DOUBT_S if close or now < self._grace_until else 0.0)
        return now - since < held_s

    def lost(self) -> list[Member]:
        """Members on the other side of the cut."""
        return [peer.member for peer in self._core.members.peers() if peer.cut]

    def _look_at(self, due: float) -> None:
        if due < self._due:
            if self._timer:
                self._timer.cancel()
            self._due = due
            self._timer = self._core.timers.at(due, self._look)

    def _look(self, now: float) -> None:
        """Declare, follow or close."""
        self._due, self._timer = math.inf, None
        core = self._core
        peers = {peer.member.name: peer for peer in core.members.peers()}
        self._missing = {name: at for name, at in self._missing.items() if name in peers}
        lost = self._lost_now(peers, now)
        island = [one.member for one in peers.values() if one.member.status is Status.ALIVE]
        alone = all(one.name == core.name for one in island)
        self._losses = len(lost)
        self._closeness = closeness(island, lost, core.config.partition_share, alone=alone)
        if self.partition is None and self._closeness >= 1:
            self._declare(island, lost, now)
        elif self.partition and (not lost or self._closeness < _CLOSE):
            self._close(lost, now)
        elif self.partition:
            self._follow(self.partition, island, lost, now)
        cut = {one.name for one in lost} if self.partition else frozenset[str]()
        for name, peer in peers.items():
            peer.cut = name in cut
        if self._ask_after(island, lost, now):
            self._look_at(now + _ASK_EVERY_S)
        elif lost or self.partition:  # who is missing for long, and alone, is a matter for the member table
            self._look_at(now + _LOOK_AGAIN_S)

    def _ask_after(self, island: list[Member], lost: list[Member], now: float) -> bool:
        """Losses come together: somebody else of their zones is probed before its turn; whether that goes on.

        In a partition, or near one, others are too: those on the far side whose turn has not come look alive.
        """
        if len(lost) < _TOGETHER or now - max(self._missing.values()) > _ASK_FOR_S:
            return False
        zones = dict.fromkeys(one.zone for one in lost)
        others = [one for one in island if one.name != self._core.name]
        doubtful = [one for one in others if one.zone in zones] or (
            others if self._closeness >= _CLOSE else []
        )
        if doubtful and now >= self._ask_from:
            self._ask_from = now + self._core.jitter(_ASK_EVERY_S)
            self.on_doubt(self._core.rng.choice(doubtful).address, now)
        return bool(doubtful)

    def _lost_now(self, peers: dict[str, Peer], now: float) -> list[Member]:
        """Who is missing by the event under way: since it, or shortly before it; not whose machine is reached."""
        since = (self.partition.since if self.partition else now) - _WINDOW_S
        found = ((at, peers[name]) for name, at in self._missing.items() if not peers[name].refused)
        return [one.member for at, one in found if at >= since or one.member.status is Status.SUSPECT]

    def _declare(self, island: list[Member], lost: list[Member], now: float) -> None:
        core = self._core
        self.declared += 1
        core.tempo.cut = True
        core.tempo.hasten(now)
        core.awareness.clear()  # that nobody answered was not this node's fault
        ident = f"{core.name}-{self.declared}"
        self.partition = _seen(ident, now, island, lost, settled=False)
        self.version += 1
        text = f"partition {ident}: {_counted(self.partition)} lost so far: {_some(self.partition.lost)}"
        core.emit("partition", core.name, text, now)

    def _follow(self, held: Partition, island: list[Member], lost: list[Member], now: float) -> None:
        settled = held.settled or now - max(self._missing.values()) > _ASK_FOR_S
        seen = _seen(held.ident, held.since, island, lost, settled=settled)
        if seen == held:
            return
        self.partition = seen
        self.version += 1
        if settled and (not held.settled or seen.majority != held.majority):
            side = "majority" if seen.majority else "minority"
            text = f"partition {seen.ident}: {_counted(seen)} lost, {len(island)} reached, the {side}"
            text = f"{text}; with {_some(seen.island)}; without {_some(seen.lost)}"
            self._core.emit("island", self._core.name, text, now)

    def _close(self, lost: list[Member], now: float) -> None:
        held = self.partition
        assert held
        self.partition = None
        self.version += 1
        core = self._core
        core.tempo.cut = False
        core.tempo.hasten(now)
        self._grace_until = now + _ASK_FOR_S
        left = f", {len(lost)} still missing" if lost else ""
        text = f"partition {held.ident} is healed after {now - held.since:.1f} s{left}: {_some(held.lost)} were away"
        core.emit("healed", core.name, text, now)


def closeness(island: list[Member], lost: list[Member], share: float, *, alone: bool) -> float:
    """How near the losses are to being a partition: 1 and more is one.

    Args:
        island: all members that are reached.
        lost: all that are suspect or unreachable together.
        share: of all members that makes a partition.
        alone: whether no peer is reached.
    """
    if not lost:
        return 0.0
    if alone:
        return 1.0
    close = len(lost) / (len(island) + len(lost)) / share
    if len(lost) < _TOGETHER:
        return min(close, _CLOSE) / 2
    for label in _LABELS:
        away = Counter(label(one) for one in lost)
        here = Counter(label(one) for one in island)
        for name, count in away.items():
            if name and count >= _TOGETHER:
                close = max(close, count / (count + here[name]) / _LABEL_SHARE)
    return close


def _nobody_told(_what: object, _now: float) -> None:
    """Until somebody wants to hear."""


def _seen(ident: str, since: float, island: list[Member], lost: list[Member], *, settled: bool) -> Partition:
    zones = tuple(sorted(Counter(one.zone for one in lost).items()))
    majority = settled and len(island) > len(lost)
    return Partition(ident, since, _names(island), _names(lost), zones, settled, majority)


def _names(members: list[Member]) -> tuple[str, ...]:
    return tuple(sorted(one.name for one in members))


def _counted(partition: Partition) -> str:
    """How many of each zone are lost, in words."""
    return ", ".join(f"{count} of {zone or 'no zone'}" for zone, count in partition.lost_zones)


def _some(names: tuple[str, ...]) -> str:
    """The first of many names."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
