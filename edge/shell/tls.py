"""TLS on the public port, and between nodes: certificates from files, read again when these change.

What listens hands each handshake to the newest context, so that nothing is restarted and no connection is cut.
"""

import pathlib
import ssl
from typing import NamedTuple

from edge.cache.upstream import PeerTls
from edge.config import PublicConfig
from edge.model import ConfigError
from edge.shell.reread import Rereader

LOOK_EVERY_S = 2.0


class Named(NamedTuple):
    """A file, and the setting that names it."""

    file: str
    field: str


class Pair(NamedTuple):
    """A server's certificate, read."""

    context: ssl.SSLContext
    expires_s: float  # seconds since 1970


class PublicTls:
    """The certificates of one node.

    Args:
        config: names the files; without any there is nothing to do, and `server` is None.
        peers: is kept up to date; how other nodes are verified.

    Raises:
        ConfigError: a file cannot be used.
    """

    def __init__(self, config: PublicConfig, peers: PeerTls) -> None:
        self._cert = Named(config.tls_cert_file, "public.tls_cert_file")
        self._key = Named(config.tls_key_file, "public.tls_key_file")
        self._ca = Named(config.tls_ca_file, "public.tls_ca_file")
        self._peers = peers
        peers.name = config.tls_peer_name or None
        self._files = Rereader()
        self._newest: ssl.SSLContext | None = None
        self.server: ssl.SSLContext | None = None  # for what listens
        self.expires_s: float | None = None  # of the certificate; seconds since 1970
        self._files.add((self._cert.file, self._key.file), self._read_pair)
        self._files.add((self._ca.file,), self._read_ca)
        if config.tls_cert_file:
            self.server = server_context()
            self.server.sni_callback = self._hand_over

    @property
    def reloads(self) -> int:
        """Changed files that were read."""
        return self._files.reloads

    @property
    def failures(self) -> int:
        """Changed files that could not be used."""
        return self._files.failures

    async def run(self) -> None:
        """Look for changed files until cancelled."""
        await self._files.run(LOOK_EVERY_S)

    def look(self) -> None:
        """Read what has changed."""
        self._files.look()

    def _read_pair(self) -> None:
        self._newest, self.expires_s = read_pair(self._cert, self._key)

    def _read_ca(self) -> None:
        self._peers.context = client_context(self._ca)

    def _hand_over(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """A handshake begins, with a name or without: it goes on with the newest certificate."""
        if self._newest:
            connection.context = self._newest


def server_context() -> ssl.SSLContext:
    """What a port of this program speaks, but for its certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    return context


def read_pair(cert: Named, key: Named) -> Pair:
    """A server's certificate and its key.

    Raises:
        ConfigError: they cannot be read, or do not fit together.
    """
    from cryptography import x509  # noqa: PLC0415  # 1.5 MB, and most nodes have no certificate

    check_readable(cert)
    check_readable(key)
    context = server_context()
    try:
        context.load_cert_chain(cert.file, key.file, password=_no_password)
        data = pathlib.Path(cert.file).read_bytes()
        expires_s = x509.load_pem_x509_certificate(data).not_valid_after_utc.timestamp()
    except (ssl.SSLError, OSError, ValueError) as error:
        hint = f"wants PEM: the certificate and those above it, and in {key.field} its key without a password"
        raise ConfigError(
            cert.field, f"{cert.file} and {key.file} do not make a pair: {reason_of(error)}", hint
        ) from None
    return Pair(context, expires_s)


def client_context(ca: Named) -> ssl.SSLContext:
    """What verifies servers by the authorities of a file; by the system's where it has no name.

    Raises:
        ConfigError: the file cannot be used.
    """
    if ca.file:
        check_readable(ca)
    try:
        return ssl.create_default_context(cafile=ca.file or None)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise ConfigError(ca.field, f"{ca.file}: {reason_of(error)}", "wants certificates as PEM") from None


def check_readable(named: Named) -> None:
    """See whether a file can be read.

    Raises:
        ConfigError: it cannot.
    """
    try:
        pathlib.Path(named.file).read_bytes()
    except OSError as error:
        raise ConfigError(
            named.field, f"{named.file} cannot be read: {error.strerror}", "name a readable PEM file"
        ) from None


def reason_of(error: Exception) -> str:
    """What was wrong with a file, in words."""
    return error.reason if isinstance(error, ssl.SSLError) and error.reason else str(error)


def _no_password() -> str:
    """Asked for where a key is encrypted; the default would ask on the terminal."""
    raise ValueError("the key has a password")
