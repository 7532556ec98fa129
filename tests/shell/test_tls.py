"""A real handshake with what the files of the moment say."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from certificates import Authority
from edge.cache.upstream import PeerTls
from edge.config import PublicConfig
from edge.model import ConfigError
from edge.shell.tls import PublicTls


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def of(cert: Path, key: Path, ca: Path | None = None) -> PublicTls:
    files = PublicConfig(tls_cert_file=str(cert), tls_key_file=str(key), tls_ca_file=str(ca) if ca else "")
    return PublicTls(files, PeerTls())


@asynccontextmanager
async def listening(tls: PublicTls) -> AsyncIterator[int]:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls.server)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def shown(port: int, context: ssl.SSLContext, name: str = "127.0.0.1") -> x509.Certificate:
    """The certificate of a server; by address, so no name is told in the handshake."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(der)


def common_name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()


def trusting(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority.ca_file)


async def test_a_changed_certificate_is_shown_without_a_restart(authority: Authority) -> None:
    tls = of(*authority.sign("node", "127.0.0.1", "edge.example"))
    async with listening(tls) as port:
        client = trusting(authority)
        first = await shown(port, client)
        assert (tls.expires_s, tls.reloads) == (first.not_valid_after_utc.timestamp(), 0)
        tls.look()
        assert await shown(port, client) == first

        authority.sign("node", "127.0.0.1", "edge.example", lasts=timedelta(days=9))
        tls.look()
        for name in ("127.0.0.1", "edge.example"):
            assert await shown(port, client, name) != first
        assert (tls.reloads, tls.failures) == (1, 0)
    assert tls.expires_s == pytest.approx(first.not_valid_after_utc.timestamp() + 8 * 86_400, abs=5)


async def test_a_broken_new_file_is_left_and_the_old_one_goes_on(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    cert, key = authority.sign("node", "127.0.0.1")
    tls, kept = of(cert, key), cert.read_bytes()
    async with listening(tls) as port:
        client = trusting(authority)
        first = await shown(port, client)
        newer_cert, newer_key = authority.sign("other", "127.0.0.1")
        cert.write_bytes(newer_cert.read_bytes())  # as a tool does that writes one after the other
        tls.look()
        tls.look()  # nothing has changed since
        assert (await shown(port, client), tls.failures) == (first, 1)
        assert "do not make a pair" in caplog.text

        key.write_bytes(newer_key.read_bytes())
        tls.look()
        assert common_name(await shown(port, client)) == "CN=other"

        cert.unlink()
        tls.look()
        assert common_name(await shown(port, client)) == "CN=other"
        assert (tls.reloads, tls.failures) == (1, 2)
        cert.write_bytes(kept)


async def test_files_are_looked_at_by_themselves(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.shell.tls.LOOK_EVERY_S", 0.02)
    tls = of(*authority.sign("node", "127.0.0.1"))
    running = asyncio.create_task(tls.run())
    authority.sign("node", "127.0.0.1")
    async with asyncio.timeout(5):
        while not tls.reloads:
            await asyncio.sleep(0.01)
    running.cancel()


async def test_nothing_older_than_tls_1_2(authority: Authority) -> None:
    old = trusting(authority)
    with warnings.catch_warnings(action="ignore"):
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("DEFAULT@SECLEVEL=0")
    newer = trusting(authority)
    newer.maximum_version = ssl.TLSVersion.TLSv1_2
    async with listening(of(*authority.sign("node", "127.0.0.1"))) as port:
        assert common_name(await shown(port, newer)) == "CN=node"
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await shown(port, old)


def test_files_that_cannot_be_used_are_told(authority: Authority, tmp_path: Path) -> None:
    cert, key = authority.sign("node", "127.0.0.1")
    _, other = authority.sign("other", "127.0.0.1")
    _, locked = authority.sign("locked", "127.0.0.1", password="secret")
    text = tmp_path / "text"
    text.write_text("no certificate\n")
    for files, words in (
        ((tmp_path / "none", key), "public.tls_cert_file: .*none cannot be read: No such file"),
        ((cert, tmp_path / "none"), "public.tls_key_file: .*none cannot be read: No such file"),
        ((cert, other), "public.tls_cert_file: .* do not make a pair: KEY_VALUES_MISMATCH; wants PEM"),
        ((cert, locked), "public.tls_cert_file: .* do not make a pair: .*password"),
        ((text, key), "public.tls_cert_file: .* do not make a pair"),
        ((cert, key, text), "public.tls_ca_file: .*text: .*; wants certificates as PEM"),
    ):
        with pytest.raises(ConfigError, match=words):
            of(*files)


def test_without_files_there_is_nothing(authority: Authority) -> None:
    tls = PublicTls(PublicConfig(), PeerTls())
    tls.look()
    assert (tls.server, tls.expires_s, tls.reloads, tls.failures) == (None, None, 0, 0)


def test_new_authorities_count_for_what_is_asked_next(authority: Authority, tmp_path: Path) -> None:
    cert, key = authority.sign("node", "127.0.0.1")
    peers = PeerTls()
    files = PublicConfig(
        tls_cert_file=str(cert),
        tls_key_file=str(key),
        tls_ca_file=str(authority.ca_file),
        tls_peer_name="edge",
    )
    tls = PublicTls(files, peers)
    assert peers.name == "edge"
    assert isinstance(peers.context, ssl.SSLContext)
    [before] = peers.context.get_ca_certs()
    Authority(tmp_path)
    tls.look()
    [after] = peers.context.get_ca_certs()
    assert before["serialNumber"] != after["serialNumber"]
