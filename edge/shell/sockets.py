"""Bound sockets, and a clear word when an address cannot be had."""

import errno
import socket
from typing import NamedTuple

from edge.model import Address, ConfigError

_BACKLOG = 1024
_UDP_BUFFER_BYTES = 1 << 20  # a burst of some hundred full datagrams while the loop is busy
_IP_RECVERR = getattr(socket, "IP_RECVERR", 11)  # Linux; Python does not name it
_IPV6_RECVERR = getattr(socket, "IPV6_RECVERR", 25)
_ERRORS_AT_ONCE = 64
_HINTS = {
    errno.EADDRINUSE: ("is in use", "choose another port; port 0 takes a free one"),
    errno.EADDRNOTAVAIL: ("is no address of this machine", "bind to one of its own, or to 0.0.0.0"),
    errno.EACCES: ("needs privileges", "choose a port above 1023"),
}


class Resolved(NamedTuple):
    """A numeric address and its family."""

    family: socket.AddressFamily
    address: Address


def resolve(address: Address, field: str, kind: socket.SocketKind) -> Resolved:
    """The first numeric address of a name; may ask DNS, so use it at start only.

    Raises:
        ConfigError: the name has none.
    """
    try:
        found = socket.getaddrinfo(address.host, address.port, type=kind)[0]
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            field, f"{address.host!r} has no address ({error})", "write an IP address or a known name"
        ) from None
    return Resolved(found[0], Address(str(found[4][0]), address.port))


def bind(address: Address, field: str, kind: socket.SocketKind) -> socket.socket:
    """A non-blocking socket bound to `address`.

    Raises:
        ConfigError: naming `field`, when the address is in use, foreign or not allowed.
    """
    where = resolve(address, field, kind)
    sock = socket.socket(where.family, kind)
    try:
        if kind is socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(where.address)
    except OSError as error:
        sock.close()
        problem, hint = _HINTS.get(
            error.errno or 0, (f"cannot be bound: {error.strerror}", "choose another address")
        )
        raise ConfigError(field, f"{address} {problem}", hint) from None
    if kind is socket.SOCK_STREAM:
        sock.listen(_BACKLOG)
    else:
        _prepare_udp(sock)
    sock.setblocking(False)
    return sock


def _prepare_udp(sock: socket.socket) -> None:
    """A roomy buffer, and refusals by ICMP reported to us although the socket is not connected (ip(7))."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _UDP_BUFFER_BYTES)
    if sock.family is socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)


def local_address(sock: socket.socket) -> Address:
    """Where a socket is bound, with the port that the system chose."""
    host, port = sock.getsockname()[:2]
    return Address(host, port)


def refused_addresses(sock: socket.socket) -> list[Address]:
    """Drain the socket's error queue: whose datagrams came back as refused."""
    refused = []
    for _ in range(_ERRORS_AT_ONCE):
        try:
            _, _, _, address = sock.recvmsg(0, 512, socket.MSG_ERRQUEUE)
        except OSError:  # BlockingIOError when it is empty
            break
        if address:
            refused.append(Address(*address[:2]))
    return refused
