"""Ports for the demo: the well-known ones where they are free, others where not."""

import socket
from typing import NamedTuple

HOST = "127.0.0.1"
FIRST_PORT = 7700
ORIGIN_PORT = 7790
_STEP = 10


class CityPorts(NamedTuple):
    """Where one node listens."""

    gossip: int  # UDP
    admin: int
    public: int


def city_ports(index: int) -> CityPorts:
    """Ports of the city number `index`: 7700, 7701, 7702 for the first; ten further for each next."""
    first = FIRST_PORT + _STEP * index
    kinds = (socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_STREAM)
    return CityPorts(*(free_port(first + offset, kind) for offset, kind in enumerate(kinds)))


def free_port(preferred: int, kind: socket.SocketKind) -> int:
    """`preferred` if nobody has it, else one that the system chooses."""
    for port in (preferred, 0):
        with socket.socket(socket.AF_INET, kind) as sock:
            if kind is socket.SOCK_STREAM:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind((HOST, port))
                if kind is socket.SOCK_STREAM:
                    sock.listen(1)
            except OSError:
                continue
            return int(sock.getsockname()[1])
    raise AssertionError("the system has no free port")
