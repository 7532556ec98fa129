import contextlib
import socket
from collections.abc import Iterator

import pytest

from edge.demo import ports
from edge.demo.ports import HOST, choose_ports, claimed

BLOCK = 80  # ports that eight cities span


@contextlib.contextmanager
def occupied(port: int, kind: socket.SocketKind) -> Iterator[int]:
    """Somebody else's socket."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind((HOST, port))
        if kind is socket.SOCK_STREAM:
            sock.listen(1)
        yield sock.getsockname()[1]


def is_free(port: int, kind: socket.SocketKind) -> bool:
    try:
        with occupied(port, kind):
            return True
    except OSError:
        return False


@pytest.fixture
def first(monkeypatch: pytest.MonkeyPatch) -> int:
    """Where the well-known ports begin in this test: a free block below the kernel's own choice."""
    for start in range(21_000, 30_000, 100):
        block = range(start, start + BLOCK)
        if all(is_free(port, kind) for port in block for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)):
            monkeypatch.setattr(ports, "FIRST_PORT", start)
            monkeypatch.setattr(ports, "PAGE_PORT", start + 1)
            monkeypatch.setattr(ports, "ORIGIN_PORT", start + 79)
            monkeypatch.setattr(ports, "CONTROL_PORT", start + 78)
            return start
    pytest.fail("no free block of ports")


def test_free_ports_are_the_well_known_ones(first: int) -> None:
    chosen = choose_ports(8, well_known=True, page_port=first + 1)

    assert (chosen.control, chosen.origin) == (first + 78, first + 79)
    assert chosen.cities[0] == tuple(range(first, first + 5))
    assert chosen.cities[7] == tuple(range(first + 70, first + 75))


@pytest.mark.parametrize(
    ("offset", "kind"),
    [
        (0, socket.SOCK_DGRAM),
        (1, socket.SOCK_STREAM),
        (2, socket.SOCK_STREAM),
        (3, socket.SOCK_DGRAM),
        (4, socket.SOCK_DGRAM),
    ],
)
def test_only_the_taken_port_moves(first: int, offset: int, kind: socket.SocketKind) -> None:
    with occupied(first + offset, kind):
        chosen = choose_ports(2, well_known=True, page_port=first + 1)

        moved = chosen.cities[0][offset]
        assert moved != first + offset
        assert is_free(moved, kind)
    assert [chosen.cities[0][other] for other in range(5) if other != offset] == [
        first + other for other in range(5) if other != offset
    ]
    assert chosen.cities[1] == tuple(range(first + 10, first + 15))


def test_tcp_and_udp_are_different_ports(first: int) -> None:
    with occupied(first, socket.SOCK_STREAM):  # the gossip port is a UDP port
        assert choose_ports(1, well_known=True, page_port=first + 1).cities[0].gossip == first


def test_a_page_port_that_another_city_wants_is_given_once(first: int) -> None:
    chosen = choose_ports(2, well_known=True, page_port=first + 11)

    assert chosen.cities[0].admin == first + 11
    assert chosen.cities[1].admin != first + 11


def test_the_second_demo_takes_none_of_the_well_known_ports(first: int) -> None:
    one = choose_ports(8, well_known=True, page_port=first + 1)
    other = choose_ports(8, well_known=False, page_port=first + 1)  # before the first has bound any

    mine = {one.origin, one.control, *(port for city in one.cities for port in city)}
    theirs = {other.origin, other.control, *(port for city in other.cities for port in city)}
    assert not mine & theirs


def test_only_one_holds_the_claim_and_its_end_frees_it(first: int) -> None:
    with claimed(first) as one, claimed(first) as other:
        assert (one, other) == (True, False)
    with claimed(first) as again:
        assert again
