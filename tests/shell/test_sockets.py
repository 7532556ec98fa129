import socket

import pytest

from edge.model import Address, ConfigError
from edge.shell.sockets import bind, local_address, refused_addresses, resolve
from waiting import until

ANY = Address("127.0.0.1", 0)


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_port_0_takes_a_free_one_and_a_taken_one_is_told(kind: socket.SocketKind) -> None:
    with bind(ANY, "gossip.bind", kind) as sock:
        taken = local_address(sock)
        assert taken.port > 0
        with pytest.raises(ConfigError) as told:
            bind(taken, "gossip.bind", kind)
    assert str(told.value) == f"gossip.bind: {taken} is in use; choose another port; port 0 takes a free one"


def test_a_foreign_address_and_an_unknown_name_are_told() -> None:
    with pytest.raises(ConfigError, match="is no address of this machine; bind to one of its own"):
        bind(Address("192.0.2.1", 7700), "admin.bind", socket.SOCK_STREAM)
    with pytest.raises(ConfigError, match=r"admin.bind: 'a\.\.b' has no address"):
        resolve(Address("a..b", 1), "admin.bind", socket.SOCK_STREAM)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_the_system_says_whose_datagram_was_refused(host: str) -> None:
    with bind(Address(host, 0), "a", socket.SOCK_DGRAM) as gone:
        nobody = local_address(gone)
    with bind(Address(host, 0), "b", socket.SOCK_DGRAM) as sock:
        assert refused_addresses(sock) == []
        sock.sendto(b"anybody there?", nobody)
        assert await until(lambda: refused_addresses(sock)) == [nobody]
