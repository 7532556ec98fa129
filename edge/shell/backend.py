"""Which backend serves hits, as the settings say."""

import socket
import ssl
import time

from edge.cache.backend import Backend
from edge.cache.cache import EdgeCache
from edge.config import Config
from edge.model import Address
from edge.nginx.backend import NginxBackend, NginxParts
from edge.shell.gate import Gate
from edge.shell.public import PublicFace
from edge.shell.sockets import local_address
from edge.shell.tls import PublicTls
from edge.state.traffic import Traffic


def backend_of(config: Config, cache: EdgeCache, traffic: Traffic, gate: Gate) -> Backend:
    """The cache itself, or nginx in front of it.

    Args:
        config: the node's.
        cache: fills.
        traffic: hears of what nginx serves.
        gate: knows how degraded service is.
    """
    if config.cache.backend == "embedded":
        return cache
    parts = NginxParts(cache, traffic, lambda: gate.measures, time.monotonic)
    reached = _reached(Address.parse(config.public.bind, "public.bind"))
    return NginxBackend(parts, config.nginx, f"{config.public.scheme}://{reached}")


def join(face: PublicFace, backend: Backend) -> None:
    """Have the public port answer nginx, where that is the backend."""
    if isinstance(backend, NginxBackend):
        face.front = backend.front
        face.front.shape = face.shaped
        face.routes.locator.behind_nginx = True
        if face.steering:
            face.steering.copies = backend.steering
        if face.signing:
            face.signing.nobody = backend.nobody
        if face.audience:
            backend.on_said(face.audience.heard_line)
            face.audience.viewer_of = face.front.viewer_of


def public_bind(config: Config) -> tuple[str, str]:
    """Where this process listens for requests, and the setting that says so."""
    if config.cache.backend == "nginx":
        return config.nginx.bind, "nginx.bind"
    return config.public.bind, "public.bind"


def public_tls(config: Config, tls: PublicTls) -> ssl.SSLContext | None:
    """What this process speaks there: viewers' TLS ends in nginx, where that is the backend."""
    return None if config.cache.backend == "nginx" else tls.server


def public_address(config: Config, sock: socket.socket) -> Address:
    """Where viewers reach this node, on this machine: nginx, or the socket itself."""
    if config.cache.backend == "nginx":
        return Address.parse(config.public.bind, "public.bind")
    return local_address(sock)


def _reached(bound: Address) -> Address:
    """Where this machine reaches what listens at an address, which may be any."""
    return Address({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bound.host, bound.host), bound.port)  # noqa: S104
