"""`/v1/keys`: which keys the cluster holds, and orders to install one, to use it, to remove it.

GET                                   who holds and seals with which; ids and fingerprints, never keys
POST {"install": "<base64 key>"}      from loopback or by TLS only
POST {"use": "a1", "force": false}    refused while a member that is there lacks it
POST {"remove": "3f", "force": false} refused while a member needs it; forced: one that is gone does not count
"""

import ipaddress
import secrets
from typing import Any

import orjson
from aiohttp import web

from edge.model import ConfigError, Status
from edge.shell.events import EventActor
from edge.shell.keykeeper import KeyKeeper
from edge.shell.orders import obeyed
from edge.wire import keyorders
from edge.wire.keyorders import Order
from edge.wire.keys import RING_MAX, fingerprint, key_id, parse_key

_WORDS = ("install", "use", "remove")
_EXAMPLE = 'write e.g. {"use": "a1"}'
_PRESENT = (Status.ALIVE, Status.SUSPECT)


class KeyDesk:
    """Takes orders, and tells.

    Args:
        keeper: of this node's ring.
        events: tells the others.
    """

    def __init__(self, keeper: KeyKeeper, events: EventActor) -> None:
        self._keeper = keeper
        self._keys = keeper.node.keys
        self._events = events

    async def show(self, _request: web.Request) -> web.Response:
        """Answer GET."""
        return web.Response(body=orjson.dumps(self.status()), content_type="application/json")

    async def take(self, request: web.Request, asked: Any) -> web.Response:
        """Answer POST. What a body says is told to nobody: it may be a key."""
        if isinstance(asked, dict) and "install" in asked and not _private(request):
            text = "a key does not cross a network in the clear: ask the node from its own machine, or by https\n"
            return web.Response(status=403, text=text)
        return await obeyed(self._events, self.order, asked, 202)

    def status(self) -> dict[str, Any]:
        """The ring of the cluster, as this node knows it."""
        keys, names = self._keys, self._names()
        told = {name: keys.told(name) for name in names}
        prints = {key_id(key): fingerprint(key) for key in keys.ring.keys}
        known = sorted({one for ids in told.values() for one in ids if one not in prints})
        return {
            "self": self._events.node_name,
            "cluster": self._keeper.cluster,
            "file": str(self._keeper.path or ""),
            "trouble": self._keeper.trouble,
            "unread": self._keeper.unread,
            "unsaved": self._keeper.unsaved,
            "waits": keys.waits(),
            "members": len(names),
            "silent": [name for name, ids in told.items() if not ids],
            "keys": [self._told(one, prints.get(one, ""), told) for one in [*prints, *known]],
        }

    def order(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Accept one of the orders.

        Raises:
            ConfigError: what is wrong with it, or who stands against it.
            Refusal: too much is being told already.
        """
        words, force = [one for one in _WORDS if one in asked], asked.get("force", False)
        if len(words) != 1 or not isinstance(force, bool) or len(asked) > 1 + ("force" in asked):
            raise ConfigError("keys", "is no order: one of install, use, remove, and perhaps force", _EXAMPLE)
        if self._keeper.path is None:
            hint = "start all nodes with gossip.keys_file (`edge keygen`)"
            raise ConfigError("keys", "this node has no keys file, so everybody knows its key", hint)
        [word] = words
        if word == "install":
            made = self._install(asked[word])
        else:
            made = (self._use if word == "use" else self._remove)(self._id(asked[word]), force)
        return self._events.keys(made) | {"id": f"{made.key:02x}"} | {"status": self.status()}

    def _install(self, text: Any) -> Order:
        keys = self._keys
        if not isinstance(text, str) or (key := parse_key(text)) is None:
            raise ConfigError("install", "is no key", "give a line that `edge keygen` prints")
        if key in keys.ring.keys:
            raise ConfigError(
                "install", f"key {key_id(key):02x} is held already", "`edge keys list` shows it"
            )
        if key_id(key) in keys.ring.ids:
            raise ConfigError(
                "install", "another key has its id (one pair in 256 does)", "generate another one"
            )
        if len(keys.ring.keys) >= RING_MAX:
            raise ConfigError("install", f"{RING_MAX} keys are held", "remove one that is not needed")
        if silent := [name for name in self._present() if not keys.told(name)]:
            problem = f"{', '.join(silent)} told nothing of keys"
            raise ConfigError(
                "install", problem, "wait for who has just come, upgrade who is of an older version"
            )
        return keyorders.install(
            key, keys.ring, self._keeper.cluster, secrets.token_bytes(keyorders.NONCE_BYTES)
        )

    def _use(self, key: int, force: bool) -> Order:
        if not force and (lacking := self._keys.lacking(key)):
            hint = "wait for them, install it, or --force: they are spoken to under what they hold"
            raise ConfigError("use", f"key {key:02x} is lacked by {', '.join(lacking)}", hint)
        return Order("use", key, force)

    def _remove(self, key: int, force: bool) -> Order:
        keys = self._keys
        if key in (keys.ring.ids[0], key_id(keys.wanted.keys[0])):
            raise ConfigError("remove", f"key {key:02x} is the one that seals", "use another one first")
        needing = keys.needing(key)
        if force:
            present = self._present()
            needing = [name for name in needing if name in present]
        if needing:
            hint = "wait until they seal with another one; --force locks out those of them that are gone"
            raise ConfigError("remove", f"key {key:02x} is needed by {', '.join(needing)}", hint)
        return Order("remove", key, force)

    def _id(self, text: Any) -> int:
        """The id of a key that is held here."""
        held = {f"{one:02x}": one for one in self._keys.ring.ids}
        if text not in held:
            raise ConfigError("keys", f"{text!r} is held under no id here", f"there are {', '.join(held)}")
        return held[text]

    def _told(self, key: int, printed: str, told: dict[str, bytes]) -> dict[str, Any]:
        return {
            "id": f"{key:02x}",
            "fingerprint": printed,
            "held": [name for name, ids in told.items() if key in ids],
            "seals": [name for name, ids in told.items() if ids[:1] == bytes((key,))],
            "lacking": [name for name, ids in told.items() if key not in ids],
            "needing": self._keys.needing(key) if printed else [],
            "wanted": key in self._keys.wanted.ids,
        }

    def _present(self) -> list[str]:
        return [one.member.name for one in self._keeper.node.view().nodes if one.member.status in _PRESENT]

    def _names(self) -> list[str]:
        """Of all that are waited for: not of those who left."""
        nodes = self._keeper.node.view().nodes
        return sorted(one.member.name for one in nodes if one.member.status is not Status.LEFT)


def _private(request: web.Request) -> bool:
    """Whether nobody between can read a request."""
    try:
        return request.secure or ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False
