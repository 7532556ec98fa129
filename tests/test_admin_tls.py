"""Whole nodes whose admin ports speak TLS: sync between them, client certificates, new files, and the command line."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner

from certificates import Authority
from edge.app import Node
from edge.cli import main
from edge.model import ConfigError
from edge.shell import adminport
from running import Running
from waiting import until

TOKEN = "an-operator-s-long-token"
EVENTS = 200  # more than datagrams would bring at once


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def start(running: Running, name: str, authority: Authority, **settings: str) -> Node:
    cert, key = authority.sign(name, "127.0.0.1")
    given = {"admin__tls_cert_file": str(cert), "admin__tls_key_file": str(key)}
    given |= {"admin__tls_ca_file": str(authority.ca_file), "gossip__bulk_from": "16"}
    return await running.start(name, **given | settings)


def session(authority: Authority, *client: Path, **headers: str) -> aiohttp.ClientSession:
    context = ssl.create_default_context(cafile=authority.ca_file)
    if client:
        cert, key = client
        context.load_cert_chain(cert, key)
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context), headers=headers)


async def status(http: aiohttp.ClientSession, node: Node, path: str, body: Any = None) -> tuple[int, str]:
    async with http.request("GET" if body is None else "POST", node.member.admin + path, json=body) as answer:
        return answer.status, await answer.text()


async def test_nodes_sync_over_https(running: Running, authority: Authority) -> None:
    pune = await start(running, "pune", authority)
    assert pune.member.admin.startswith("https://127.0.0.1:")
    for number in range(EVENTS):
        pune.events.purge({"url": f"/{number}"})
    others = [await start(running, name, authority) for name in ("delhi", "mumbai")]
    await until(lambda: all(len(one.events.all()) == EVENTS for one in others))
    await until(lambda: all(one.gossip.counters.bulk_done for one in others))
    assert not any(one.gossip.counters.bulk_failed for one in others)


async def test_a_stranger_s_admin_port_is_not_believed(
    running: Running, authority: Authority, tmp_path: Path
) -> None:
    """What bulk sync does not bring, datagrams do."""
    (tmp_path / "other").mkdir()
    pune = await start(running, "pune", Authority(tmp_path / "other"))
    for number in range(EVENTS):
        pune.events.purge({"url": f"/{number}"})
    delhi = await start(running, "delhi", authority)
    await until(lambda: delhi.gossip.counters.bulk_failed > 0)
    assert delhi.gossip.counters.bulk_done == 0
    await until(lambda: len(delhi.events.all()) == EVENTS, 20)


async def test_v1_wants_a_client_certificate_and_probes_do_not(
    running: Running, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "strange").mkdir()
    settings = {"admin__tls_client_ca_file": str(authority.ca_file)}
    settings["admin__token_file"] = str(tmp_path / "token")
    node = await start(running, "pune", authority, **settings)
    for number in range(EVENTS):
        node.events.purge({"url": f"/{number}"})
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    async with session(authority, **bearer) as http:
        assert await status(http, node, "/v1/view") == (401, "wants a client certificate\n")
        assert [(await status(http, node, path))[0] for path in ("/healthz", "/readyz", "/metrics")] == [
            200
        ] * 3
    async with session(authority, *authority.sign("anja")) as http:
        assert (await status(http, node, "/v1/view"))[0] == 401  # it names no role, so a token is wanted too
    async with session(authority, *authority.sign("anja"), **bearer) as http:
        assert (await status(http, node, "/v1/view"))[0] == 200
    async with session(authority, *authority.sign("ci", unit="edge:purge")) as http:
        assert (await status(http, node, "/v1/purge", {"url": "/a"}))[0] == 202
        found = await status(http, node, "/v1/monsoon", {"level": 1})
        assert found == (403, "wants role operate, and ci has role purge\n")
    async with session(authority, *Authority(tmp_path / "strange").sign("eve", unit="edge:operate")) as http:
        with pytest.raises(aiohttp.ClientError):
            await status(http, node, "/healthz")
    delhi = await start(running, "delhi", authority, **settings)  # the frames of the sync are sealed
    await until(lambda: delhi.gossip.counters.bulk_done > 0)
    assert [one["who"] for one in node._admin.warden.audit.entries()] == ["ci", "ci"]


async def test_old_tls_is_refused(running: Running, authority: Authority) -> None:
    node = await start(running, "pune", authority)
    context = ssl.create_default_context(cafile=authority.ca_file)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as http:
        with pytest.raises(aiohttp.ClientError):
            await status(http, node, "/healthz")
    server = node._admin.warden.tls.server
    assert server
    assert server.minimum_version is ssl.TLSVersion.TLSv1_2


async def test_new_files_count_for_the_next_connection(
    running: Running, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adminport, "LOOK_EVERY_S", 0.05)
    (tmp_path / "next").mkdir()
    later = Authority(tmp_path / "next")
    clients = tmp_path / "clients.pem"
    clients.write_bytes(authority.ca_file.read_bytes())
    (tmp_path / "tokens").write_text(f"operate anja {TOKEN}\n")
    settings = {"admin__tls_client_ca_file": str(clients), "admin__tokens_file": str(tmp_path / "tokens")}
    node = await start(running, "pune", authority, **settings)
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    async with session(authority, *authority.sign("anja"), **bearer) as http:
        assert (await status(http, node, "/v1/view"))[0] == 200
        clients.write_bytes(later.ca_file.read_bytes())
        await until(lambda: node._admin.warden.files.reloads == 1)
        assert (await status(http, node, "/v1/view"))[0] == 200  # no connection is cut
    async with session(authority, *authority.sign("anja"), **bearer) as http:
        with pytest.raises(aiohttp.ClientError):
            await status(http, node, "/v1/view")
    async with session(authority, *later.sign("anja"), **bearer) as http:
        assert (await status(http, node, "/v1/view"))[0] == 200
        (tmp_path / "tokens").write_text("operate anja another-long-token-of-hers\n")
        await until(lambda: node._admin.warden.files.reloads == 2)
        assert (await status(http, node, "/v1/view"))[0] == 401
        clients.write_text("junk")
        await until(lambda: node._admin.warden.files.failures == 1)
        assert (await status(http, node, "/healthz"))[0] == 200


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"tls_cert_file": "a"}, "admin.tls_key_file: is needed with admin.tls_cert_file"),
        ({"tls_cert_file": "a", "tls_key_file": "b"}, "admin.tls_cert_file: a cannot be read"),
        ({"tls_client_ca_file": "a"}, "admin.tls_client_ca_file: is given without admin.tls_cert_file"),
        ({"tls_cert_file": "a", "tls_key_file": "b", "advertise": "http://x"}, "admin.advertise: is http://"),
    ],
)
async def test_mistakes(running: Running, settings: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError) as told:
        await running.start("pune", **{f"admin__{name}": value for name, value in settings.items()})
    assert str(told.value).startswith(words)


async def edge(*arguments: str) -> str:
    """What a command prints."""
    done = await asyncio.to_thread(CliRunner().invoke, main, arguments)
    return done.output


async def test_the_command_line_speaks_tls_too(
    running: Running, authority: Authority, tmp_path: Path
) -> None:
    node = await start(
        running,
        "pune",
        authority,
        admin__tls_client_ca_file=str(authority.ca_file),
        admin__token_file=_token(tmp_path),
    )
    cert, key = authority.sign("ci", unit="edge:operate")
    trusting = ["--admin", node.member.admin, "--ca", str(authority.ca_file)]
    holding = [*trusting, "--cert", str(cert), "--key", str(key)]
    assert "1 of 1 alive" in await edge("members", *holding)
    assert "1 of 1 members have acted" in await edge("purge", "--url", "/a", *holding)
    assert "answered 401: wants a client certificate; name" in await edge("members", *trusting)
    assert "name its authority: --ca FILE" in await edge("members", *trusting[:2])
    assert "--ca: none: No such file" in await edge("members", "--ca", "none")
    assert "--cert: " in await edge("members", *trusting, "--cert", str(cert), "--key", str(cert))


def _token(folder: Path) -> str:
    (folder / "token").write_text(TOKEN)
    return str(folder / "token")
