"""TLS on the public port, and between nodes: certificates from files, read again when these change.

A Secret's files are replaced at once, a tool's one after the other; so files that do not fit together are logged,
counted and tried again when they change, and what was read before goes on. What listens hands each handshake to the
newest context, so that nothing is restarted and no connection is cut.
"""

import asyncio
import logging
import pathlib
import ssl
from collections.abc import Sequence

from cryptography import x509

from edge.cache.upstream import PeerTls
from edge.config import PublicConfig
from edge.model import ConfigError
from edge.shell.files import Stamp, stamp

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
_CERT, _KEY, _CA = "public.tls_cert_file", "public.tls_key_file", "public.tls_ca_file"


class PublicTls:
    """The certificates of one node.

    Args:
        config: names the files; without any there is nothing to do, and `server` is None.
        peers: is kept up to date; how other nodes are verified.

    Raises:
        ConfigError: a file cannot be used.
    """

    def __init__(self, config: PublicConfig, peers: PeerTls) -> None:
        self._pair = [pathlib.Path(name) for name in (config.tls_cert_file, config.tls_key_file) if name]
        self._ca = [pathlib.Path(name) for name in (config.tls_ca_file,) if name]
        self._peers = peers
        peers.name = config.tls_peer_name or None
        self._stamps = [_stamp(self._pair), _stamp(self._ca)]
        self._newest: ssl.SSLContext | None = None
        self.server: ssl.SSLContext | None = None  # for what listens
        self.expires_s: float | None = None  # of the certificate; seconds since 1970
        self.reloads = 0
        self.failures = 0  # new files that could not be used
        if self._pair:
            self._read_pair()
            self.server = _server_context()
            self.server.sni_callback = self._hand_over
        if self._ca:
            self._read_ca()

    async def run(self) -> None:
        """Look for changed files until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Read what has changed."""
        for index, (files, read) in enumerate(((self._pair, self._read_pair), (self._ca, self._read_ca))):
            stamp = _stamp(files)
            if not files or stamp == self._stamps[index]:
                continue
            self._stamps[index] = stamp
            try:
                read()
            except ConfigError as error:
                self.failures += 1
                log.warning("what was read before goes on: %s", error)
            else:
                self.reloads += 1
                log.info("read again: %s", ", ".join(map(str, files)))

    def _read_pair(self) -> None:
        cert, key = self._pair
        _check_readable(cert, _CERT)
        _check_readable(key, _KEY)
        context = _server_context()
        try:
            context.load_cert_chain(cert, key, password=_no_password)
            expires_s = x509.load_pem_x509_certificate(cert.read_bytes()).not_valid_after_utc.timestamp()
        except (ssl.SSLError, OSError, ValueError) as error:
            hint = f"wants PEM: the certificate and those above it, and in {_KEY} its key without a password"
            raise ConfigError(_CERT, f"{cert} and {key} do not make a pair: {_reason(error)}", hint) from None
        self._newest, self.expires_s = context, expires_s

    def _read_ca(self) -> None:
        [ca] = self._ca
        _check_readable(ca, _CA)
        try:
            self._peers.context = ssl.create_default_context(cafile=ca)
        except (ssl.SSLError, OSError, ValueError) as error:
            raise ConfigError(_CA, f"{ca}: {_reason(error)}", "wants certificates as PEM") from None

    def _hand_over(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """A handshake begins, with a name or without: it goes on with the newest certificate."""
        if self._newest:
            connection.context = self._newest


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    return context


def _no_password() -> str:
    """Asked for where a key is encrypted; the default would ask on the terminal."""
    raise ValueError("the key has a password")


def _check_readable(path: pathlib.Path, field: str) -> None:
    try:
        path.read_bytes()
    except OSError as error:
        raise ConfigError(
            field, f"{path} cannot be read: {error.strerror}", "name a readable PEM file"
        ) from None


def _stamp(files: Sequence[pathlib.Path]) -> tuple[Stamp, ...]:
    return tuple(stamp(path) for path in files)


def _reason(error: Exception) -> str:
    return error.reason if isinstance(error, ssl.SSLError) and error.reason else str(error)
