"""TLS and HTTP/2 end in nginx; the node behind it speaks neither."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509

from cache.pretend_origin import MEDIA_PLAYLIST, PLAYLIST, SEGMENT, PretendOrigin
from certificates import Authority
from edge.shell import tls
from needs import needs
from nginx.site import Site, backend, takers
from running import Running
from waiting import until

pytestmark = needs("nginx")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def site_of(authority: Authority, http: aiohttp.ClientSession, folder: Path, origin: str) -> Site:
    cert, key = authority.sign(folder.name, "127.0.0.1")
    files = {"cert": cert, "key": key, "ca": authority.ca_file}
    given = {f"public__tls_{name}_file": str(path) for name, path in files.items()}
    made = Site(folder, origin, http, node__name=folder.name, node__zone="west", **given)
    made.trust = ssl.create_default_context(cafile=authority.ca_file)
    return made


@pytest.fixture
async def site(
    origin: PretendOrigin, http: aiohttp.ClientSession, authority: Authority, tmp_path: Path
) -> AsyncIterator[Site]:
    made = site_of(authority, http, tmp_path / "pune", origin.url)
    await made.start_nginx(by_script=True, LOOK_EVERY_S="0.1")
    yield made
    await made.stop_nginx()


async def served(site: Site, *protocols: str) -> tuple[int, str | None]:
    """Serial number of the certificate, and the protocol, that a new connection gets."""
    context = ssl.create_default_context(cafile=site.settings["public__tls_ca_file"])
    context.set_alpn_protocols(protocols or ["http/1.1"])
    host, port = site.url.removeprefix("https://").split(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context, server_hostname=host)
    found: ssl.SSLObject = writer.get_extra_info("ssl_object")
    given = found.getpeercert(binary_form=True)
    assert given
    protocol = found.selected_alpn_protocol()
    writer.close()
    return x509.load_der_x509_certificate(given).serial_number, protocol


def serial_of(path: str) -> int:
    return x509.load_pem_x509_certificate(Path(path).read_bytes()).serial_number


async def test_viewers_are_served_by_https(site: Site, running: Running) -> None:
    node = await site.start_node(running)
    assert node.member.public == site.url
    first, second = await site.get(SEGMENT), await site.get(SEGMENT)
    assert (first.status, first.body) == (second.status, second.body) == (200, b"media")
    assert (first.cache.startswith("fwd"), second.cache.startswith("hit")) == (True, True)


async def test_the_newest_segment_is_fetched_through_tls(
    site: Site, running: Running, origin: PretendOrigin
) -> None:
    """The node asks nginx as a viewer would."""
    node = await site.start_node(running)
    newest = SEGMENT.replace("/7", "/8")
    origin.serve(newest, b"newer", {"Cache-Control": "max-age=300"})
    await site.get(PLAYLIST)
    for _ in range(20):
        await site.get(SEGMENT)
    origin.serve(PLAYLIST, MEDIA_PLAYLIST + b"#EXTINF:2,\n8.m4s\n")
    async with asyncio.timeout(5):
        while b"8.m4s" not in (await site.get(PLAYLIST)).body:
            await asyncio.sleep(0.05)
    assert (await site.get(newest)).cache == "hit"
    figures = backend(node).figures().totals
    assert (figures["nginx_warmed"], figures["nginx_warm_errors"]) == (1, 0)


@needs("curl")
async def test_http_2_is_offered(site: Site, running: Running) -> None:
    await site.start_node(running)
    command = ["curl", "--silent", "--http2", "--cacert", site.settings["public__tls_ca_file"]]
    shown = ["--output", "-", "--write-out", " %{http_version} %{http_code}"]
    for _ in range(2):
        done = await asyncio.to_thread(
            subprocess.run,
            [*command, *shown, site.url + SEGMENT],
            capture_output=True,
            timeout=10,
            check=True,
        )
        assert done.stdout == b"media 2 200"
    assert [(await served(site, *offer))[1] for offer in (["h2", "http/1.1"], ["http/1.1"])] == [
        "h2",
        "http/1.1",
    ]


async def test_a_renewed_certificate_is_served_and_no_connection_is_cut(
    site: Site, running: Running, authority: Authority, origin: PretendOrigin
) -> None:
    origin.serve("/big.m4s", bytes(20_000_000), {"Cache-Control": "max-age=300"})
    node = await site.start_node(running)
    cert = site.settings["public__tls_cert_file"]
    old = serial_of(cert)
    assert (await served(site))[0] == old
    async with (
        aiohttp.ClientSession() as other,
        other.get(f"{site.url}/big.m4s", ssl=site.trust) as download,
    ):
        await download.content.readexactly(1000)
        authority.sign("pune", "127.0.0.1")
        async with asyncio.timeout(5):  # for a moment workers of both take connections
            while (await served(site))[0] != serial_of(cert):
                await asyncio.sleep(0.05)
        assert len(await download.content.read()) == 20_000_000 - 1000
    await until(lambda: node._tls.reloads > 0, tls.LOOK_EVERY_S + 3)


async def test_files_that_do_not_fit_leave_the_old_certificate(
    site: Site, running: Running, authority: Authority
) -> None:
    await site.start_node(running)
    cert = site.settings["public__tls_cert_file"]
    old = serial_of(cert)
    other, _ = authority.sign("other", "127.0.0.1")
    shutil.copy(other, cert)
    await asyncio.sleep(0.5)
    assert (await served(site))[0] == old
    assert (await site.get(SEGMENT)).status == 200
    authority.sign("pune", "127.0.0.1")
    async with asyncio.timeout(5):
        while (await served(site))[0] == old:
            await asyncio.sleep(0.05)


async def test_nodes_fill_from_each_other_through_tls(
    site: Site, running: Running, authority: Authority, origin: PretendOrigin, tmp_path: Path
) -> None:
    paths = [f"/live/v240/{number}.m4s" for number in range(12)]
    for path in paths:
        origin.serve(path, b"media", {"Cache-Control": "max-age=300"})
    async with aiohttp.ClientSession() as http:
        other = site_of(authority, http, tmp_path / "delhi", origin.url)
        await other.start_nginx(by_script=True)
        try:
            nodes = [await one.start_node(running) for one in (site, other)]
            await until(lambda: all(takers(node) == 2 for node in nodes))
            for one in (site, other):
                assert {(await one.get(path)).status for path in paths} == {200}
            assert origin.counts.total() == len(paths)
            assert sum(node.cache.counters.peer_fills for node in nodes) == len(paths)
            assert not any(node.cache.counters.peer_errors for node in nodes)
        finally:
            await other.stop_nginx()
