"""TLS on the admin port: its certificate, and whose client certificates are believed.

Each connection is taken with the newest of what the files say. A client certificate is asked for, but not insisted on
here: the kubelet and Prometheus have none. `edge.shell.warden` insists where it matters.
"""

import ssl
from collections.abc import Mapping
from typing import Any

from edge.cache.upstream import PeerTls
from edge.config import AdminConfig
from edge.model import ConfigError
from edge.shell.credentials import Caller, Role
from edge.shell.reread import Rereader
from edge.shell.tls import Named, check_readable, client_context, read_pair, reason_of

_UNIT = "edge:"  # an organizational unit that begins so names a role
_NAME_MAX = 128

Certificate = Mapping[str, Any]  # as `ssl.SSLSocket.getpeercert` gives it


class AdminTls:
    """The certificates of one node's admin port.

    Args:
        config: names the files; without a certificate `server` is None.
        files: looks after them.

    Raises:
        ConfigError: a file cannot be used.
    """

    def __init__(self, config: AdminConfig, files: Rereader) -> None:
        self._cert = Named(config.tls_cert_file, "admin.tls_cert_file")
        self._key = Named(config.tls_key_file, "admin.tls_key_file")
        self._clients = Named(config.tls_client_ca_file, "admin.tls_client_ca_file")
        self._ca = Named(config.tls_ca_file, "admin.tls_ca_file")
        self.wants_client = bool(config.tls_client_ca_file)
        self.server: ssl.SSLContext | None = None  # for the next connection
        self.expires_s: float | None = None  # of the certificate; seconds since 1970
        self.peers = PeerTls(name=config.tls_peer_name or None)  # how other nodes' admin ports are verified
        files.add((self._cert.file, self._key.file, self._clients.file), self._read_server)
        files.add((self._ca.file,), self._read_ca)

    def _read_server(self) -> None:
        context, expires_s = read_pair(self._cert, self._key)
        if self._clients.file:
            check_readable(self._clients)
            try:
                context.load_verify_locations(self._clients.file)
            except (ssl.SSLError, OSError, ValueError) as error:
                problem = f"{self._clients.file}: {reason_of(error)}"
                raise ConfigError(self._clients.field, problem, "wants certificates as PEM") from None
            context.verify_mode = ssl.CERT_OPTIONAL
        self.server, self.expires_s = context, expires_s

    def _read_ca(self) -> None:
        self.peers.context = client_context(self._ca)


def holder(certificate: Certificate, otherwise: Role | None) -> Caller | None:
    """Whose certificate it is, and the role that an organizational unit in it names, such as `edge:purge`.

    Args:
        certificate: one that was verified.
        otherwise: the role where it names none; None: then it is nobody's.
    """
    fields = [pair for part in certificate.get("subject", ()) for pair in part]
    name = next((value for key, value in fields if key == "commonName"), "a certificate without a name")
    units = [value for key, value in fields if key == "organizationalUnitName" and value.startswith(_UNIT)]
    if units:  # one that names no role, or several, gives none
        otherwise = Role.named(units[0].removeprefix(_UNIT)) if len(units) == 1 else None
    shown = "".join(one if one.isprintable() else "?" for one in name[:_NAME_MAX])
    return Caller(shown, otherwise) if otherwise else None
