"""Identities of real nodes: the key file, who is known by which key, and a thief of a name."""

import stat
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner

from edge.app import Node
from edge.cli import keygen as module
from edge.gossip.signatures import Refusal
from edge.model import ConfigError, Status
from edge.shell.identity import make_key, read_key
from edge.wire.signatures import Signer, fingerprint, proven
from running import Running
from waiting import until

FIELD = "identity.file"


def known(at: Node, name: str) -> bytes:
    found = at.gossip.view().node(name)
    return found.member.key if found and found.alive else b""


def signing(folder: Path, name: str, **settings: str) -> dict[str, str]:
    return {"identity__signatures": "verify", "identity__file": str(folder / f"{name}.pem")} | settings


async def together(*nodes: Node) -> None:
    await until(lambda: all(len(one.gossip.view().alive) == len(nodes) for one in nodes))


async def figures(http: aiohttp.ClientSession, node: Node) -> dict[str, Any]:
    async with http.get(node.member.admin + "/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return {name: float(value) for name, _, value in (one.rpartition(" ") for one in lines) if name[0] != "#"}


async def test_who_signs_is_known_by_its_key_after_a_restart_too(
    running: Running, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    plain = await running.start("plain")  # of before there were keys; the only seed of the next one
    nodes = [await running.start(name, **signing(tmp_path, name)) for name in ("pune", "delhi", "kochi")]
    await together(plain, *nodes)
    made = (tmp_path / "pune.pem").read_bytes()
    key = Signer(read_key(str(tmp_path / "pune.pem"), FIELD), "").key
    for one in (plain, *nodes):
        await until(lambda one=one: known(one, "pune") == key)  # type: ignore[misc]
        held = one.gossip.view().node("pune")
        assert held
        assert proven(held.member, "edge")
    await running.crash("pune")
    again = await running.start("pune", **signing(tmp_path, "pune"))
    await together(plain, *nodes[1:], again)
    assert (tmp_path / "pune.pem").read_bytes() == made
    assert known(nodes[1], "pune") == key
    for one in (plain, *nodes[1:], again):
        assert not any(one.gossip.signatures.refused.values())
    told = await figures(http, nodes[1])
    assert told["edge_signatures_members"] == 3
    assert told["edge_signatures_verified_total"] >= 2
    assert told['edge_signatures_refused_total{reason="wrong"}'] == 0
    async with http.get(nodes[1].member.admin + "/v1/members") as answer:
        members = {one["name"]: one["key"] for one in (await answer.json())["members"]}
    assert (members["pune"], members["plain"]) == (fingerprint(key), "")


async def test_a_thief_is_refused_until_the_owner_is_long_gone(running: Running, tmp_path: Path) -> None:
    usual = {"identity__pin_s": "2"}
    pune, delhi, kochi = [
        await running.start(name, **signing(tmp_path, name, **usual)) for name in ("pune", "delhi", "kochi")
    ]
    await together(pune, delhi, kochi)
    key = known(pune, "kochi")
    thief = await Running.start(running, "kochi", **signing(tmp_path, "thief", **usual))
    await until(lambda: pune.gossip.signatures.refused[Refusal.OTHER] > 0)
    await until(lambda: any(one.kind == "refused" for one in thief._events))
    assert known(pune, "kochi") == known(delhi, "kochi") == key
    assert not kochi.gossip.conflict
    await running.crash("kochi")


async def test_who_lost_its_key_is_back_at_its_address_after_a_while(
    running: Running, tmp_path: Path
) -> None:
    usual = {"identity__pin_s": "1", "gossip__suspicion_min_s": "0.3"}
    pune, delhi = [
        await running.start(name, **signing(tmp_path, name, **usual)) for name in ("pune", "delhi")
    ]
    kochi = await running.start("kochi", identity__signatures="verify", **usual)  # a new key at each start
    await together(pune, delhi, kochi)
    key, address = known(pune, "kochi"), str(kochi.member.address)
    await running.crash("kochi")
    again = await running.start("kochi", identity__signatures="verify", gossip__bind=address, **usual)
    await until(lambda: _status(pune) in (Status.UNREACHABLE, None), 10)
    await until(
        lambda: known(pune, "kochi") not in (b"", key) and known(delhi, "kochi") not in (b"", key), 20
    )
    await together(pune, delhi, again)


def _status(at: Node) -> Status | None:
    found = at.gossip.view().node("kochi")
    return found.member.status if found else None


def test_a_key_file_is_its_owners_and_never_written_over(tmp_path: Path) -> None:
    file = tmp_path / "own.pem"
    done = CliRunner().invoke(module.keygen, ["--identity", str(file)])
    key = Signer(read_key(str(file), FIELD), "").key
    assert done.output == f"{file}: key {fingerprint(key)}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(ConfigError, match="cannot be made: File exists"):
        make_key(str(file), FIELD)
    assert list(tmp_path.iterdir()) == [file]
    with pytest.raises(ConfigError, match="make one key at a time"):
        CliRunner().invoke(module.keygen, ["--identity", "x", "--jwks", "EdDSA"], catch_exceptions=False)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "holds no key in PEM"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "holds no key in PEM"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_file_that_is_no_key_is_named(text: str | None, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "own.pem"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError, match=problem):
        read_key(str(file), FIELD)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be made: No such file"):
        make_key(str(tmp_path / "nowhere" / "own.pem"), FIELD)
