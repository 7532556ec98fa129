"""How nodes find each other and find back: seeds, again and again, and members that were lost.

A partition heals because both sides keep trying: an unreachable member is pinged with back-off for as long as it is
kept, and seeds are asked for ever (PROTOCOL.md, Failure detection and Partition).
"""

from msgspec import structs

from edge.gossip.core import Core
from edge.gossip.membership import Membership
from edge.gossip.sync import Sync
from edge.model import Address, Status, generation_of
from edge.wire.messages import Announce, Join, Welcome, encode

_SEEDS_AT_ONCE = 8
_RETRY_MIN_S = 0.25
_RETRY_MAX_S = 5.0
_LOOK_EVERY_S = 0.1


class Contact:
    """Joins through seeds, welcomes those who join, and calls after the lost."""

    def __init__(self, core: Core, membership: Membership, sync: Sync, now: float) -> None:
        self._core = core
        self._membership = membership
        self._sync = sync
        self._seeds: list[Address] = []
        self._retry_s = _RETRY_MIN_S
        self._answered = True
        self._calls: dict[str, tuple[float, float]] = {}  # lost member: next call, pause after it
        self._seed_timer = core.timers.at(now, self._ask_seeds)
        core.timers.at(now + _LOOK_EVERY_S, self._call_lost)

    def set_seeds(self, seeds: list[Address], now: float) -> None:
        """Addresses to join through; while alone, new ones are asked at once."""
        fresh = seeds != self._seeds
        self._seeds = seeds
        if fresh and not self._core.others(Status.ALIVE):
            self._seed_timer.cancel()
            self._retry_s = _RETRY_MIN_S
            self._ask_seeds(now)

    def join(self, message: Join, source: Address, now: float) -> None:
        """Somebody is new here, or asks again: say what we know of it, and take it in."""
        core, member = self._core, message.member
        if member.name == core.name and member.address == core.me.address:
            return  # our own question, by way of a seed address that is ours
        peer = core.members.get(member.name)
        # an equal incarnation of other contents is a process that was started in the same second
        past = peer is not None and (
            peer.member.incarnation > member.incarnation
            or (
                peer.member.incarnation == member.incarnation
                and structs.replace(peer.member, status=member.status) != member
            )
        )
        known = peer.member.incarnation if peer and past else 0
        if known or member.address != source:
            core.keys.joins(source, member.key_ids)
        core.outbox.send(source, encode(Welcome(core.name, known, self._sync.records_held)))
        core.outbox.send(source, *self._sync.records([core.name], now))
        if not known:
            self._membership.record(Announce(member), now, source)

    def welcome(self, message: Welcome, source: Address, now: float) -> None:
        """A seed answered; if it knows a later self of ours, become later still. Then learn the rest."""
        self._answered = True
        self._core.keys.unanswered(answered=True)
        me = self._core.me
        if message.known_incarnation >= me.incarnation:
            self._membership.renew(generation_of(message.known_incarnation) + 1, now)
            self._core.outbox.send(source, encode(Join(self._core.me)))
        else:
            self._sync.welcomed(source, message.records, now)

    def _ask_seeds(self, now: float) -> None:
        """Alone: all seeds, soon again. Among others: some seeds, now and then, for ever."""
        core = self._core
        alone = not core.others(Status.ALIVE, Status.SUSPECT)
        others = [one for one in self._seeds if one != core.me.address]
        if not self._answered:
            core.counters.seeds_failed += 1
            core.keys.unanswered(answered=False)
        if others and not self._membership.leaving:
            self._answered = False
            message = encode(Join(core.me))
            for seed in core.rng.sample(others, min(_SEEDS_AT_ONCE, len(others))):
                core.outbox.send(seed, message)
        pause_s = self._retry_s if alone else core.config.reseed_s
        self._retry_s = min(_RETRY_MAX_S, 2 * self._retry_s) if alone else _RETRY_MIN_S
        self._seed_timer = core.timers.at(now + core.jitter(pause_s), self._ask_seeds)

    def _call_lost(self, now: float) -> None:
        """Ping each unreachable member when its pause is over, with the claim that it must refute."""
        core, config = self._core, self._core.config
        core.timers.at(now + _LOOK_EVERY_S, self._call_lost)
        if not core.members.count(Status.UNREACHABLE):
            return
        lost = [one for one in core.others(Status.UNREACHABLE) if not core.members.is_cut(one.name)]
        names = {one.name for one in lost}
        self._calls = {name: call for name, call in self._calls.items() if name in names}
        for one in lost:
            due, pause_s = self._calls.get(
                one.name, (now + core.jitter(config.reconnect_min_s), config.reconnect_min_s)
            )
            if now >= due:
                pause_s = min(config.reconnect_max_s, 2 * pause_s)
                due = now + core.jitter(pause_s)
                self._membership.call(one)
            self._calls[one.name] = (due, pause_s)
