"""Whole nodes whose public ports speak TLS."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from cache.pretend_origin import SEGMENT, PretendOrigin
from certificates import Authority
from edge.app import Node
from edge.model import ConfigError
from running import Running
from waiting import until

SEGMENTS = [f"/live/v240/{number}.m4s" for number in range(12)]


@pytest.fixture
async def origin() -> AsyncIterator[PretendOrigin]:
    made = PretendOrigin()
    await made.start()
    for path in SEGMENTS:
        made.serve(path, b"media", {"Cache-Control": "max-age=300"})
    yield made
    await made.stop()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def start(running: Running, name: str, authority: Authority, *names: str, **settings: str) -> Node:
    cert, key = authority.sign(name, *(names or ("127.0.0.1",)))
    given = {"public__tls_cert_file": str(cert), "public__tls_key_file": str(key)}
    given |= {"public__tls_ca_file": str(authority.ca_file), "node__zone": "west"}
    return await running.start(name, **given | settings)


async def both(running: Running, authority: Authority, *names: str, **settings: str) -> list[Node]:
    """Two nodes of one zone that know each other."""
    nodes = [await start(running, name, authority, *names, **settings) for name in ("pune", "mumbai")]
    await until(lambda: all(len(node.gossip.view().alive) == 2 for node in nodes))
    return nodes


async def get_all(node: Node, authority: Authority, name: str | None = None) -> list[int]:
    context = ssl.create_default_context(cafile=authority.ca_file)
    found = []
    async with aiohttp.ClientSession() as http:
        for path in SEGMENTS:
            url = f"{node.member.public}{path}"
            async with http.get(url, ssl=context, server_hostname=name) as answer:
                assert await answer.read() == b"media"
                found.append(answer.status)
    return found


async def test_viewers_and_other_nodes_are_served_by_https(
    origin: PretendOrigin, running: Running, authority: Authority
) -> None:
    nodes = await both(running, authority)
    assert all(node.member.public.startswith("https://127.0.0.1:") for node in nodes)
    for node in nodes:
        assert await get_all(node, authority) == [200] * len(SEGMENTS)
    assert origin.counts.total() == len(SEGMENTS)
    assert sum(node.cache.counters.peer_fills for node in nodes) == len(SEGMENTS)
    assert not any(node.cache.counters.peer_errors for node in nodes)


async def test_a_viewer_is_sent_on_by_https(
    origin: PretendOrigin, running: Running, authority: Authority
) -> None:
    pune = await start(running, "pune", authority)
    context = ssl.create_default_context(cafile=authority.ca_file)
    url = f"{pune.member.public}/v1/route?path={SEGMENT}"
    async with (
        aiohttp.ClientSession() as http,
        http.get(url, ssl=context, allow_redirects=False) as answer,
    ):
        assert (answer.status, answer.headers["Location"]) == (302, pune.member.public + SEGMENT)


async def test_a_name_that_all_certificates_bear(
    origin: PretendOrigin, running: Running, authority: Authority
) -> None:
    nodes = await both(running, authority, "edge.example", public__tls_peer_name="edge.example")
    await get_all(nodes[0], authority, "edge.example")
    assert nodes[0].cache.counters.peer_fills > 0
    assert nodes[0].cache.counters.peer_errors == {}


async def test_a_node_of_another_authority_is_not_filled_from(
    origin: PretendOrigin, running: Running, authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger")
    nodes = await both(running, authority, public__tls_ca_file=str(stranger.ca_file))
    assert await get_all(nodes[0], authority) == [200] * len(SEGMENTS)
    assert nodes[0].cache.counters.peer_fills == 0
    assert list(nodes[0].cache.counters.peer_errors) == ["tls"]
    assert origin.counts.total() == len(SEGMENTS)


async def test_nodes_with_and_without_tls_fill_from_each_other(
    origin: PretendOrigin, running: Running, authority: Authority
) -> None:
    """As in a rolling update that turns it on."""
    newer = await start(running, "pune", authority)
    older = await running.start("mumbai", node__zone="west", public__tls_ca_file=str(authority.ca_file))
    await until(lambda: len(newer.gossip.view().alive) == len(older.gossip.view().alive) == 2)
    for node in (newer, older):
        await get_all(node, authority)
        assert node.cache.counters.peer_fills > 0
    assert origin.counts.total() == len(SEGMENTS)


async def test_metrics_say_when_the_certificate_expires(
    running: Running, authority: Authority, http: aiohttp.ClientSession
) -> None:
    pune = await start(running, "pune", authority)
    async with http.get(pune.member.admin + "/metrics") as answer:
        lines = (await answer.text()).splitlines()
    name = "edge_tls_certificate_expiry_timestamp_seconds"
    [told] = [line for line in lines if line.startswith(f"{name} ")]
    assert float(told.split()[1]) == pune._tls.expires_s
    assert "edge_tls_reloads_total 0.0" in lines


async def test_a_node_does_not_start_with_files_that_do_not_fit(
    running: Running, authority: Authority, tmp_path: Path
) -> None:
    authority.sign("other", "127.0.0.1")
    with pytest.raises(ConfigError, match=r"public.tls_cert_file: .* do not make a pair"):
        await start(running, "pune", authority, public__tls_key_file=str(tmp_path / "other.key"))
