"""Ports for the demo: the well-known ones where they are free, others where not.

Choosing and binding are two steps, so two demos that start at once could choose the same ports. Therefore the
well-known ones belong to whoever holds `CLAIM_PORT`; every other demo takes ports that the kernel picks at random.
"""

import contextlib
import socket
from collections.abc import Iterator
from typing import NamedTuple

HOST = "127.0.0.1"
FIRST_PORT = 7700
PAGE_PORT = 7701  # where `edge members` asks by default
ORIGIN_PORT = 7790
CONTROL_PORT = 7798
CLAIM_PORT = 7799
_STEP = 10


class CityPorts(NamedTuple):
    """Where one node listens."""

    gossip: int  # UDP; the relay's, which the node advertises
    admin: int
    public: int
    inner: int  # UDP; the node's own, which only the relay knows
    backup: int  # UDP; of the second path, which no fault cuts


class DemoPorts(NamedTuple):
    """All ports of one demo, each free when it was chosen."""

    origin: int
    control: int  # of the faults
    cities: tuple[CityPorts, ...]


@contextlib.contextmanager
def claimed(port: int = CLAIM_PORT) -> Iterator[bool]:
    """Hold `port` while in use, without serving on it; whether it could be had."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        yield _take(sock, port)


def choose_ports(cities: int, *, well_known: bool, page_port: int = PAGE_PORT) -> DemoPorts:
    """Ports for an origin and this many cities: 7700 to 7704 for the first, ten further for each next.

    Args:
        cities: how many nodes.
        well_known: prefer the numbers above; otherwise only `page_port` is preferred, and only if it is another one.
        page_port: admin port of the first city.
    """
    with contextlib.ExitStack() as held:  # held until all are chosen, so that none is given twice

        def take(preferred: int, kind: socket.SocketKind) -> int:
            return _free_port(held, preferred if well_known else 0, kind)

        origin = take(ORIGIN_PORT, socket.SOCK_STREAM)
        control = take(CONTROL_PORT, socket.SOCK_STREAM)
        page = _free_port(held, page_port if well_known or page_port != PAGE_PORT else 0, socket.SOCK_STREAM)
        chosen = []
        for index in range(cities):
            first = FIRST_PORT + _STEP * index
            gossip = take(first, socket.SOCK_DGRAM)
            admin = take(first + 1, socket.SOCK_STREAM) if index else page
            public, inner = take(first + 2, socket.SOCK_STREAM), take(first + 3, socket.SOCK_DGRAM)
            backup = take(first + 4, socket.SOCK_DGRAM)
            chosen.append(CityPorts(gossip, admin, public, inner, backup))
        return DemoPorts(origin, control, tuple(chosen))


def _free_port(held: contextlib.ExitStack, preferred: int, kind: socket.SocketKind) -> int:
    """`preferred` if nobody has it, else one that the kernel chooses; taken until `held` closes."""
    for port in (preferred, 0):
        sock = held.enter_context(socket.socket(socket.AF_INET, kind))
        if _take(sock, port):
            return int(sock.getsockname()[1])
    raise AssertionError("the system has no free port")


def _take(sock: socket.socket, port: int) -> bool:
    try:
        if sock.type is socket.SOCK_STREAM:  # as the servers bind: connections of the past do not count
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
        if sock.type is socket.SOCK_STREAM:
            sock.listen(1)
    except OSError:
        return False
    return True
