"""The key ring of real nodes: changed by file and by order, and never shown."""

import base64
import logging
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from edge.app import Node
from edge.gossip import keys as gossip_keys
from edge.shell import keykeeper
from edge.wire import keyorders
from edge.wire.errors import Drop
from edge.wire.keys import KEY_BYTES, KeyRing, key_id
from running import Running
from waiting import until

OLD, NEW, NEWER = (bytes([number]) * KEY_BYTES for number in (1, 2, 3))
ID_OLD, ID_NEW = f"{key_id(OLD):02x}", f"{key_id(NEW):02x}"


def text(*keys: bytes) -> str:
    return "".join(base64.b64encode(key).decode() + "\n" for key in keys)


class Site:
    """Nodes that have a keys file each."""

    def __init__(self, running: Running, folder: Path, http: aiohttp.ClientSession) -> None:
        self.running = running
        self.folder = folder
        self.http = http
        self.nodes: list[Node] = []

    def file(self, name: str) -> Path:
        return self.folder / f"{name}.keys"

    async def start(self, *names: str) -> list[Node]:
        for name in names:
            if not self.file(name).exists():
                self.file(name).write_text(text(OLD))
            self.nodes.append(await self.running.start(name, gossip__keys_file=str(self.file(name))))
        await until(lambda: all(len(one.gossip.view().alive) == len(self.nodes) for one in self.nodes))
        await until(lambda: not any(one.gossip.keys.lacking(key_id(OLD)) for one in self.nodes))
        return self.nodes

    async def ask(self, node: Node, body: dict[str, Any] | None = None) -> tuple[int, str]:
        method = "POST" if body else "GET"
        async with self.http.request(method, node.member.admin + "/v1/keys", json=body) as answer:
            return answer.status, await answer.text()

    async def settle(self, *keys: bytes) -> None:
        """Wait until all hold these, and know it of each other."""
        told = bytes(map(key_id, keys))
        rings = [one.gossip.keys for one in self.nodes]
        names = [one.member.name for one in self.nodes]
        await until(lambda: all(ring.told(name) == told for ring in rings for name in names), 10)

    def says(self, name: str, *keys: bytes) -> bool:
        """Whether a file holds these keys and no others."""
        lines = self.file(name).read_text().splitlines()
        return [one for one in lines if not one.startswith("#")] == text(*keys).split()

    def unopened(self) -> int:
        reasons = (Drop.UNKNOWN_KEY, Drop.AUTHENTICATION)
        return sum(one.gossip.counters.dropped[reason] for one in self.nodes for reason in reasons)


@pytest.fixture(autouse=True)
def hurries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a look at the files, or for frames on the way."""
    monkeypatch.setattr(keykeeper, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(gossip_keys, "GRACE_S", 0.1)


@pytest.fixture
def site(running: Running, tmp_path: Path, http: aiohttp.ClientSession) -> Site:
    return Site(running, tmp_path, http)


async def test_a_key_is_installed_used_and_the_old_one_removed_by_orders_to_any_node(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    pune, delhi, _ = await site.start("pune", "delhi", "kochi")
    told = [await site.ask(pune, {"install": text(NEW).strip()})]
    await site.settle(OLD, NEW)
    told += [await site.ask(delhi, {"use": ID_NEW})]
    await site.settle(NEW, OLD)
    told += [await site.ask(pune, {"remove": ID_OLD})]
    await site.settle(NEW)
    told += [await site.ask(pune)]
    assert [status for status, _ in told] == [202, 202, 202, 200]
    assert site.unopened() == 0
    for name in ("pune", "delhi", "kochi"):
        await until(partial(site.says, name, NEW))
    async with site.http.get(pune.member.admin + "/v1/events") as answer:
        told.append((200, await answer.text()))
    shown = caplog.text + "".join(text for _, text in told)
    for key in (OLD, NEW):
        assert text(key).strip() not in shown
        assert key.hex() not in shown
    assert '"keys:use"' in shown
    assert "+" + ID_OLD not in shown, "nor what is sealed"


async def test_orders_that_would_lock_somebody_out_are_refused_and_say_whom(site: Site) -> None:
    pune, _ = await site.start("pune", "delhi")
    for body, said in [
        ({"use": ID_NEW}, f"'{ID_NEW}' is held under no id here; there are {ID_OLD}"),
        ({"remove": ID_OLD}, f"key {ID_OLD} is the one that seals; use another one first"),
        ({"install": "hunter2"}, "is no key"),
        ({"install": text(OLD).strip()}, f"key {ID_OLD} is held already"),
        ({"use": ID_OLD, "remove": ID_OLD}, "is no order"),
    ]:
        status, told = await site.ask(pune, body)
        assert (status, said in told) == (400, True), told
        assert "hunter2" not in told
    site.file("pune").write_text(text(OLD, NEW))  # and nobody else's
    await until(lambda: len(pune.gossip.keys.ring.keys) == 2)
    status, told = await site.ask(pune, {"use": ID_NEW})
    assert (status, f"key {ID_NEW} is lacked by delhi" in told) == (400, True)


async def test_a_changed_file_is_read_and_a_broken_one_changes_nothing(site: Site) -> None:
    pune, delhi = await site.start("pune", "delhi")
    site.file("pune").write_text(f"{text(OLD)}not a key at all\n")
    await until(lambda: "line 2 is no key" in pune._keys.trouble)
    assert (pune._keys.failures, pune.gossip.keys.ring.keys) == (1, (OLD,))
    assert any("line 2 is no key" in one.text for one in pune._events)
    for name in ("pune", "delhi"):
        site.file(name).write_text(text(NEW))
    await site.settle(NEW)
    assert pune._keys.trouble == ""
    assert (pune._keys.reloads, delhi._keys.reloads) == (1, 1)
    assert site.unopened() == 0


async def test_a_secret_is_read_when_its_links_are_changed_but_never_written(
    site: Site, tmp_path: Path
) -> None:
    """Kubernetes swaps a link to a folder, and the files in the mount are links through it."""
    for number, keys in enumerate([(OLD,), (OLD, NEW)]):
        (tmp_path / f"..{number}").mkdir()
        (tmp_path / f"..{number}" / "keys").write_text(text(*keys))
    (tmp_path / "..data").symlink_to("..0")
    (tmp_path / "pune.keys").symlink_to("..data/keys")
    pune, delhi = await site.start("pune", "delhi")
    await site.ask(delhi, {"install": text(NEW).strip()})
    await site.settle(OLD, NEW)
    await until(lambda: "symbolic link" in pune._keys.unsaved)
    assert (tmp_path / "..0" / "keys").read_text() == text(OLD)
    (tmp_path / "..new").symlink_to("..1")
    (tmp_path / "..new").rename(tmp_path / "..data")
    await until(lambda: pune._keys.reloads == 1)
    assert pune._keys.unsaved == ""


async def test_nodes_know_each_other_s_requests_while_keys_rotate(site: Site) -> None:
    pune, delhi = await site.start("pune", "delhi")
    site.file("pune").write_text(text(OLD, NEW))
    await until(lambda: len(pune.gossip.keys.ring.keys) == 2)
    pune.gossip.keys.want(pune.gossip.keys.ring.led_by(key_id(NEW)), 0.0, (key_id(NEW),))
    assert pune.gossip.keys.ring.keys[0] == NEW
    assert pune._face._peers
    assert delhi._face._peers
    assert delhi._face._peers.known({"Edge-Peer": pune._face._peers.stamp("delhi")})
    assert pune._face._peers.known({"Edge-Peer": delhi._face._peers.stamp("pune")})


async def test_a_cluster_without_keys_takes_no_orders(running: Running, http: aiohttp.ClientSession) -> None:
    node = await running.start("pune")
    async with http.post(node.member.admin + "/v1/keys", json={"install": text(NEW).strip()}) as answer:
        assert (answer.status, "no keys file" in await answer.text()) == (400, True)


async def test_a_key_that_cannot_be_read_is_told_and_read_later(site: Site) -> None:
    """It is sealed under one that this node does not hold yet."""
    pune, delhi = await site.start("pune", "delhi")
    order = keyorders.install(NEWER, KeyRing((NEW,)), pune.config.node.cluster, bytes(keyorders.NONCE_BYTES))
    pune.events.keys(order)
    await until(lambda: f"sealed under {ID_NEW}, which is not held" in delhi._keys.unread)
    await site.ask(pune, {"install": text(NEW).strip()})
    await site.settle(OLD, NEW, NEWER)
    assert delhi._keys.unread == ""
