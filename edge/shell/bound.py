"""The sockets of a node, and the record by which others know where they are."""

import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass

from edge.config import Config
from edge.model import Address, Member, Status, first_incarnation
from edge.shell.backend import public_address, public_bind
from edge.shell.sockets import bind, local_address, resolve


@dataclass(frozen=True, slots=True)
class Bound:
    """The node's sockets."""

    gossip: socket.socket
    backup: socket.socket | None
    public: socket.socket
    admin: socket.socket


def bind_all(config: Config, undo: ExitStack) -> Bound:
    """The sockets; `undo` closes those that were had, should anything after them fail.

    Raises:
        ConfigError: an address cannot be had.
    """

    def bound(address: str, field: str, kind: socket.SocketKind) -> socket.socket:
        return undo.enter_context(bind(Address.parse(address, field), field, kind))

    gossip, backup = config.gossip.bind, config.gossip.backup_bind
    return Bound(
        bound(gossip, "gossip.bind", socket.SOCK_DGRAM),
        bound(backup, "gossip.backup_bind", socket.SOCK_DGRAM) if backup else None,
        bound(*public_bind(config), socket.SOCK_STREAM),
        bound(config.admin.bind, "admin.bind", socket.SOCK_STREAM),
    )


def own_record(config: Config, bound: Bound) -> Member:
    """This node's own record, with the ports that it really got.

    Raises:
        ConfigError: an address that it advertises cannot be found.
    """
    node, gossip = config.node, config.gossip
    address = _advertised(gossip.advertise, "gossip.advertise", bound.gossip)
    backup = _advertised(gossip.backup_advertise, "gossip.backup_advertise", bound.backup)
    return Member(
        name=node.name,
        incarnation=first_incarnation(time.time()),
        status=Status.ALIVE,
        host=address.host,
        port=address.port,
        admin=config.admin.advertise or f"{config.admin.scheme}://{local_address(bound.admin)}",
        public=config.public.advertise or f"{config.public.scheme}://{public_address(config, bound.public)}",
        region=node.region,
        zone=node.zone,
        isp=node.isp,
        tags=node.tags,
        backup_host=backup.host,
        backup_port=backup.port,
    )


def _advertised(given: str, field: str, sock: socket.socket | None) -> Address:
    """Where others reach a socket: as given, or else where it is bound; nowhere if there is none."""
    if sock is None:
        return Address("", 0)
    bound = local_address(sock)
    if not given:
        return bound
    numeric = resolve(Address.parse(given, field), field, socket.SOCK_DGRAM).address
    return Address(numeric.host, numeric.port or bound.port)
