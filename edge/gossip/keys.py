"""Which keys this node holds and which one seals: a change of the ring while it runs, in an order that loses no frame.

Every node tells which keys it holds, the one it seals with first: those that its process started with in its record,
and in each row of its load those of the moment, once they are others. From what they tell, and nothing else, follows

- what opens: a new key at once;
- what seals: the first that is wanted, once all members that are there hold it. Until then what sealed before;
- what a frame for one member is sealed with: that key; for one who does not hold it, the first that it does hold. So a
  node that comes back with yesterday's keys is spoken to under these, for as long as they are held;
- what goes: a key that is not wanted any more, once all members, those included that are unreachable but not yet
  forgotten (`keep_s`), seal with another key that is held here, and a little later, for frames on the way.

What is not known, an older version or somebody who has not spoken yet, is waited for, never guessed.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from edge.gossip.timers import Timer
from edge.model import Address, Member, Status, first_version
from edge.wire.compress import shipped
from edge.wire.frame import HEADER, Opener, Recipient, Sealer
from edge.wire.keys import KeyRing, key_id

if TYPE_CHECKING:
    from edge.gossip.core import Core

GRACE_S = 2.0  # frames under a key that nobody seals with any more may be on the way so long
_LOOK_EVERY_S = 0.25
_HINT_EVERY_S = 60.0
_PATIENCE_S = 5.0  # after which it is said what a change waits for
_ADDRESSES_MAX = 256  # of who is no member there
_PRESENT = (Status.ALIVE, Status.SUSPECT)

Value = TypeVar("Value")


class Keys:
    """The ring of one node, and what it knows of the others'.

    Args:
        ring: with which the process starts.
        cluster: its id.
        session: of this process.
    """

    def __init__(self, ring: KeyRing, cluster: str, session: bytes) -> None:
        compressor = shipped()
        self.ring = self.wanted = ring
        self.opener = Opener(ring, cluster, compressor)
        self.sealer = Sealer(ring, cluster, session, compressor)
        self.sealer.choose = self._key_for
        self._forced: Sequence[int] = ()  # ids for which nobody who is gone is waited for
        self._core: Core | None = None
        self._told: dict[str, bytes] = {}  # by node: in its newest row; a part of the member table
        self._at: OrderedDict[Address, str] = OrderedDict()  # names at addresses of the second path
        self._joins: OrderedDict[Address, bytes] = OrderedDict()  # what is held where somebody asked to join
        self._turn = 0  # which key those are asked under of whom nothing is known
        self._timer: Timer | None = None
        self._changed_at = 0.0  # when something else was wanted last
        self._free_since: dict[int, float] = {}  # ids that nobody needs: since when
        self._said = True
        self._hinted_at = float("-inf")
        self._ids = ring.ids
        self._moved = False  # whether other keys were held than those of the own record

    def attach(self, core: "Core") -> None:
        """Know the members; to be called once."""
        self._core = core

    @property
    def own(self) -> bytes:
        """What this node tells; nothing of a key that everybody knows."""
        return self._ids if self.ring.secret else b""

    def record(self, member: Member) -> Member:
        """This node's own record, with the keys that its process starts with."""
        own = self.own
        return replace(member, keys=own[0] if len(own) == 1 else own)

    def told(self, name: str) -> bytes:
        """What a member holds as far as it has told, that it seals with first."""
        assert self._core
        if name == self._core.name:
            return self.own
        if (told := self._told.get(name)) is not None:
            return told
        peer = self._core.members.get(name)
        return peer.member.key_ids if peer else b""

    def row(self, name: str) -> bytes:
        """What a row of a member's load says: nothing, as long as it is what its record says."""
        assert self._core
        if name == self._core.name:
            return self.own if self._moved else b""
        return self._told.get(name, b"")

    def heard(self, name: str, keys: bytes, version: int) -> None:
        """A row of a member's load says what it holds; a row that was passed on by an older version says nothing."""
        assert self._core
        peer = self._core.members.get(name)
        if keys and peer and version >= first_version(peer.member.incarnation):
            self._told[name] = keys
            self._joins.pop(peer.member.address, None)

    def forget(self, name: str) -> None:
        """Another process has a name, or nobody any more: what an earlier one told counts no longer."""
        self._told.pop(name, None)
        if self._core and (peer := self._core.members.get(name)):
            self._joins.pop(peer.member.address, None)

    def found(self, name: str, address: Address) -> None:
        """A member is at an address of the second path."""
        _remember(self._at, address, name)

    def joins(self, address: Address, keys: bytes) -> None:
        """Who asks to join from an address holds these, until what it says of itself is known by its name."""
        _remember(self._joins, address, keys)

    def unanswered(self, *, answered: bool) -> None:
        """Seeds were silent, or were not: they may hold another key than the first."""
        self._turn = 0 if answered else self._turn + 1

    def want(self, ring: KeyRing, now: float, forced: Sequence[int] = ()) -> None:
        """Come to hold these keys and to seal with the first, when it is safe.

        Args:
            ring: the keys.
            now: the time.
            forced: ids; whether one seals, or goes, waits for no member that is gone.

        Raises:
            ConfigError: with those that must still be held they are too many, or two share an id.
        """
        leaving = [key for key in self.ring.keys if key not in ring.keys]
        KeyRing.of([*ring.keys, *leaving], "keys")
        if (ring, tuple(forced)) == (self.wanted, tuple(self._forced)):
            return
        self.wanted, self._forced = ring, tuple(forced)
        self._changed_at, self._said, self._free_since = now, False, {}
        if self._timer:
            self._timer.cancel()
        self._look(now)

    def ring_for(self, name: str) -> KeyRing:
        """The ring, led by the key that is used towards a member."""
        return self.ring.led_by(self._key_for(name))

    def lacking(self, key: int) -> list[str]:
        """Members that are there and have not told that they hold a key."""
        return [one.name for one in self._members(*_PRESENT) if key not in self.told(one.name)]

    def needing(self, key: int) -> list[str]:
        """Members for which a key must be kept: they seal with it, or with what is not held here without it."""
        rest = self._ids.replace(bytes((key,)), b"")
        return [one.name for one in self._waited_for(key) if not _within(self.told(one.name)[:1], rest)]

    @property
    def settled(self) -> bool:
        """Whether all is as it is wanted."""
        return self.ring == self.wanted

    def waits(self) -> str:
        """What a change waits for, in words; empty if there is none."""
        first = key_id(self.wanted.keys[0])
        found = []
        if first != self._ids[0] and (lacking := self.lacking(first)):
            found.append(f"to seal with key {first:02x}: {_names(lacking)} must hold it first")
        for key in self._leaving():
            if key == self._ids[0]:
                found.append(f"to drop key {key:02x}: it still seals here")
            elif needing := self.needing(key):
                found.append(f"to drop key {key:02x}: {_names(needing)} must seal with another one first")
        return "; ".join(found)

    def strange(self, datagram: bytes, address: Address, now: float) -> None:
        """A frame came under a key that is not held: say so, now and then."""
        if self._core is None or now - self._hinted_at < _HINT_EVERY_S:
            return
        self._hinted_at = now
        named = HEADER.unpack(datagram[: HEADER.size])[2]
        text = f"frames come from {address} under key {named:02x}, which this node does not hold: "
        text += (
            "it was removed here, or is not here yet; one of the two has an old keys file (`edge keys list`)"
        )
        self._core.emit("keys", self._core.name, text, now)

    def _key_for(self, recipient: Recipient) -> int:
        ids = self._ids
        if len(ids) == 1 or self._core is None:
            return ids[0]
        told = b"" if isinstance(recipient, str) else self._joins.get(recipient, b"")
        if not told:
            name = recipient if isinstance(recipient, str) else self._name_at(recipient)
            if not name:
                return self._for_strangers()
            told = self.told(name)
        return next((one for one in ids if one in told), ids[0])

    def _for_strangers(self) -> int:
        """For whom nothing is known of: the oldest key, which all hold until it is removed; then the others in turn."""
        wanted, ids = self.wanted.ids, self._ids
        oldest = wanted[-1] if len(wanted) > 1 else ids[0]
        return [oldest, *(one for one in ids if one != oldest)][self._turn % len(ids)]

    def _name_at(self, address: Address) -> str:
        assert self._core
        peer = self._core.members.at(address)
        return peer.member.name if peer else self._at.get(address, "")

    def _members(self, *statuses: Status) -> list[Member]:
        return self._core.others(*statuses) if self._core else []

    def _waited_for(self, key: int) -> list[Member]:
        gone = () if key in self._forced else (Status.UNREACHABLE,)
        return self._members(*_PRESENT, *gone)

    def _leaving(self) -> list[int]:
        return [one for one in self._ids if one not in self.wanted.ids]

    def _look(self, now: float) -> None:
        """Go as far towards what is wanted as is safe now, and look again soon if that is not all the way."""
        self._timer = None
        first = key_id(self.wanted.keys[0])
        may = first in self._forced or not self.lacking(first)
        seals = first if may else self._ids[0]
        going = [key for key in self._leaving() if key != seals and self._may_go(key, now)]
        held = {key_id(key): key for key in (*self.wanted.keys, *self.ring.keys) if key_id(key) not in going}
        self._take(KeyRing(tuple(held.values())).led_by(seals), now)
        if not self.settled and self._core:
            if not self._said and now - self._changed_at > _PATIENCE_S and (reason := self.waits()):
                self._said = True
                self._core.emit("keys", self._core.name, f"{self._core.name} waits {reason}", now)
            self._timer = self._core.timers.at(now + _LOOK_EVERY_S, self._look)

    def _may_go(self, key: int, now: float) -> bool:
        """Whether nobody has needed a key for a while."""
        if self.needing(key):
            self._free_since.pop(key, None)
            return False
        return now - self._free_since.setdefault(key, now) >= GRACE_S

    def _take(self, ring: KeyRing, now: float) -> None:
        if ring == self.ring:
            return
        before, self.ring, self._ids, self._moved = self._ids, ring, ring.ids, True
        self.opener.take(ring)
        self.sealer.take(ring)
        if self._core is None:
            return
        name, said = self._core.name, [f"holds key {one:02x}" for one in self._ids if one not in before]
        said += [f"holds key {one:02x} no more" for one in before if one not in self._ids]
        if self._ids[0] != before[0]:
            said.append(f"seals with key {self._ids[0]:02x}")
        for one in said:
            self._core.emit("keys", name, f"{name} {one}", now)


def _remember(table: OrderedDict[Address, Value], address: Address, value: Value) -> None:
    table[address] = value
    table.move_to_end(address)
    if len(table) > _ADDRESSES_MAX:
        table.popitem(last=False)


def _within(key: bytes, ids: bytes) -> bool:
    return bool(key) and key in ids


def _names(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
