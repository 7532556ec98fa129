"""Hundreds of members around one real node: they answer its probes and tell it their loads, in real frames."""

import asyncio
import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from edge.model import Address, HotSegment, Load, Member, Status, first_version, incarnation_of
from edge.wire.compress import shipped
from edge.wire.frame import SESSION_BYTES, Opener, Sealer
from edge.wire.keys import KeyRing
from edge.wire.messages import (
    Ack,
    Announce,
    AnyMessage,
    Claim,
    LoadRow,
    Loads,
    Nack,
    Ping,
    PingReq,
    TopRow,
    Tops,
    decode,
    encode,
    join,
)
from live_demo.cluster import Node
from loadtest.sim.cities import places

CLUSTER = "many"
CAPACITY = 1000
_ROWS = 12  # of one datagram
_ANNOUNCED = 5
_TURN_S = 1.0  # in which every member tells its load once


class Many:
    """Members beside `node`, in the eight cities by their shares.

    Args:
        node: the real one, which takes them for a cluster.
        count: how many.
    """

    def __init__(self, node: Node, count: int) -> None:
        self._node = node
        ring = KeyRing.insecure(CLUSTER)
        self._sealer = Sealer(ring, CLUSTER, bytes(SESSION_BYTES), shipped())
        self._opener = Opener(ring, CLUSTER, shipped())
        self._rng = random.Random(1)
        self._sockets: dict[str, socket.socket] = {}
        self._silent: set[str] = set()
        self._turn = 0
        self.members = [self._member(number) for number in range(count)]

    def tell(self) -> None:
        """All members once."""
        self._say([Announce(one) for one in self.members], _ANNOUNCED)
        self.loads(self.members)

    def loads(self, members: list[Member]) -> None:
        """These members' new loads, and what is hot with them."""
        self._turn += 1
        told = [one for one in members if one.name not in self._silent]
        rows = [LoadRow(one.name, first_version(one.incarnation) + self._turn, self._load()) for one in told]
        for begin in range(0, len(rows), _ROWS):
            self._send(told[begin], Loads(rows[begin : begin + _ROWS]))
        for one in told[::10]:
            newest = int(time.time())
            hot = tuple(HotSegment(f"/live/v360/{newest - back}.m4s", 40.0 - back) for back in range(5))
            self._send(one, Tops([TopRow(one.name, first_version(one.incarnation) + self._turn, hot)]))

    async def run(self) -> None:
        """Tell loads, a part of the members after the other."""
        begin = 0
        while True:
            await asyncio.sleep(_TURN_S * 2 * _ROWS / len(self.members))
            self.loads(self.members[begin : begin + 2 * _ROWS])
            begin = (begin + 2 * _ROWS) % len(self.members)

    def silence(self, *names: str) -> None:
        """These answer no more, and others miss them: one node alone would take minutes to ask all."""
        self._silent.update(names)
        accusers = [one for one in self.members if one.name not in self._silent][:2]
        for one in self.members:
            for accuser in accusers if one.name in names else ():
                self._send(accuser, Claim(one.name, one.incarnation, Status.SUSPECT, accuser.name))

    def leave(self, *names: str) -> None:
        """These say goodbye."""
        for one in self.members:
            if one.name in names:
                self._send(one, Claim(one.name, one.incarnation, Status.LEFT, one.name))
                self._silent.add(one.name)

    def zone(self, zone: str) -> list[str]:
        """Names of the members of a city."""
        return [one.name for one in self.members if one.zone == zone]

    def close(self) -> None:
        """Let go of the sockets."""
        for sock in self._sockets.values():
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()

    def _member(self, number: int) -> Member:
        place, name = places(number + 1)[number], f"edge-{number}"
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        self._sockets[name] = sock
        asyncio.get_running_loop().add_reader(sock, self._on_readable, name)
        return Member(
            name=name,
            incarnation=incarnation_of(int(time.time())),
            status=Status.ALIVE,
            host="127.0.0.1",
            port=sock.getsockname()[1],
            admin=f"http://10.0.{number >> 8}.{number & 255}:7701",
            public=self._node.public,
            region=place.region,
            zone=place.city,
            isp=place.isp,
            tags={"lat": str(place.lat), "lon": str(place.lon)},
        )

    def _on_readable(self, name: str) -> None:
        with suppress(BlockingIOError):
            while True:
                data, (host, port) = self._sockets[name].recvfrom(2048)
                for message in decode(self._opener.open(data)):
                    self._answer(name, message, Address(host, port))

    def _answer(self, name: str, message: AnyMessage, to: Address) -> None:
        if name in self._silent:
            return
        answer: AnyMessage
        if isinstance(message, Ping) and message.target == name:
            answer = Ack(message.seq, name, int(1000 * time.time()))
        elif isinstance(message, PingReq):
            answer = Nack(message.seq, name)
        else:
            return
        self._sockets[name].sendto(self._sealer.seal(join([encode(answer)])), to)

    def _say(self, messages: list[Announce], at_once: int) -> None:
        for begin in range(0, len(messages), at_once):
            some = messages[begin : begin + at_once]
            self._send(some[0].member, *some)

    def _send(self, source: Member, *messages: AnyMessage) -> None:
        frame = self._sealer.seal(join([encode(one) for one in messages]))
        self._sockets[source.name].sendto(frame, self._node.gossip)

    def _load(self) -> Load:
        streams = self._rng.randrange(CAPACITY // 3, CAPACITY)
        return Load(streams, 2500 * streams, 2 * streams, CAPACITY, health=100, lag_ms=1)


@contextmanager
def many(node: Node, count: int) -> Iterator[Many]:
    """Members that live and tell as long as this lasts."""
    made = Many(node, count)
    telling = asyncio.create_task(made.run())
    try:
        made.tell()
        yield made
    finally:
        telling.cancel()
        made.close()
